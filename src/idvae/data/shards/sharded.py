"""A prepared set in shards, which is used as one in single files is."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from idvae.data.order import Order, ShardOrder
from idvae.data.prepared import PreparedSet, Split, check_split_name
from idvae.data.row_file import MappedRows, ReadRows, Rows, mapped, numbers_of
from idvae.data.shards.ahead import Ahead
from idvae.data.shards.index import Column, check_digests, columns_of, damaged
from idvae.data.shards.shelf import Shelf
from idvae.errors import UserError

OPEN = 64  # shards that stay open
TOGETHER = 8  # shards that are opened, or fetched, at the same time


class ShardedSet(PreparedSet):
    """A prepared set in shards.

    Args:
        shelf: where they lie.
        meta: the index, as `parse_index` gives it.

    Raises:
        UserError: the index lacks checksums.
    """

    def __init__(self, shelf: Shelf, meta: dict[str, Any]) -> None:
        self.path, self.address = shelf.path, shelf.address
        self._describe(meta)
        facts = meta["shards"]
        self.window: int = facts["window"]
        columns = list(columns_of(self, facts["bytes"]))
        check_digests(columns, facts["sha256"], f"{self.address}/meta.json")
        self._columns = {column.key: column for column in columns}
        self._open = _Open(shelf, facts["sha256"])
        fetch = self._open.fetch
        self._ahead = Ahead(fetch) if shelf.reads_ahead(2 * self.together()) else None

    @property
    def shards(self) -> int:
        """How many there are in all."""
        return sum(column.shards for column in self._columns.values())

    @property
    def ordering(self) -> str:
        """As `PreparedSet.ordering`."""
        per_shard = self._columns[f"train-{self.kind}"].per_shard
        return f"{self.window} shards of {per_shard}"

    def together(self) -> int:
        """Bytes of the shards that training reads at the same time."""
        train = [column for column in self._columns.values() if column.split == "train"]
        return sum(min(self.window, column.shards) * column.length(0) for column in train)

    def split(self, name: str) -> Split:
        """As `PreparedSet.split`."""
        check_split_name(name)
        rows, labels, attributes = (
            ShardRows(column, self._open) if column else None
            for column in (
                self._columns.get(f"{name}-{part}") for part in (self.kind, "labels", "attributes")
            )
        )
        assert rows is not None
        return Split(rows, labels, attributes, partial(self._order, rows))

    def _order(self, rows: "ShardRows", seed: int, epoch: int) -> Order:
        order = ShardOrder(len(rows), rows.column.per_shard, seed, epoch, self.window)
        return _Announced(order, self._ahead, rows.column) if self._ahead else order


class _Announced:
    """An order that lets the shards of the next window come while those of this one are read."""

    def __init__(self, order: ShardOrder, ahead: Ahead, column: Column) -> None:
        self._order, self._ahead, self._column = order, ahead, column

    def rows(self, positions: np.ndarray) -> np.ndarray:
        """As `Order.rows`."""
        if len(positions):
            window = int(self._order.window_of(positions[-1:])[0])
            coming = self._order.shards_of(window + 1).tolist()
            self._ahead.want([(self._column, k) for k in coming])
        return self._order.rows(positions)


class ShardRows:
    """The rows of one array of one split.

    Args:
        column: which.
        files: opens its shards.
    """

    def __init__(self, column: Column, files: "_Open") -> None:
        self.column, self._files = column, files

    def __len__(self) -> int:
        return self.column.n

    def gather(self, indices: ArrayLike) -> np.ndarray:
        """Copies of rows (B, …), from however many shards.

        Raises:
            IndexError: as `numbers_of`.
            UserError: a shard is damaged, or cannot be reached.
        """
        indices = numbers_of(indices, len(self))
        out = np.empty((len(indices), *self.column.shape), self.column.dtype)
        shards, rows = np.divmod(indices, self.column.per_shard)
        wanted = np.unique(shards)
        for first in range(0, len(wanted), TOGETHER):
            some = wanted[first : first + TOGETHER].tolist()
            for k, file in zip(some, self._files.get(self.column, some), strict=True):
                inside = shards == k
                out[inside] = file.gather(rows[inside])
        return out


class _Open:
    """Shards that are open; those that were used least recently are closed."""

    def __init__(self, shelf: Shelf, digests: dict[str, list[str]]) -> None:
        self.shelf, self._digests = shelf, digests
        self._files: OrderedDict[str, Rows] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, column: Column, shards: Sequence[int]) -> list[Rows]:
        """The rows of shards; those that have to come here come together."""
        with self._lock:
            missing = [k for k in shards if column.file(k) not in self._files]
        if self.shelf.is_far and len(missing) > 1:
            with ThreadPoolExecutor(TOGETHER) as pool:
                return list(pool.map(partial(self._one, column), shards))
        return [self._one(column, k) for k in shards]

    def fetch(self, column: Column, k: int) -> Path:
        """The file of a shard, here."""
        digest = self._digests[column.key][k]
        return self.shelf.shard(column.file(k), column.length(k), digest)

    def _one(self, column: Column, k: int) -> Rows:
        name = column.file(k)
        with self._lock:
            if name in self._files:
                self._files.move_to_end(name)
                return self._files[name]
        while True:
            path = self.fetch(column, k)
            try:
                array = mapped(path, column.array_shape(k), column.dtype.type, damaged)
                break
            except UserError:
                if path.exists():  # else another process made room meanwhile
                    raise
        small = column.name in ("labels", "attributes")
        rows = MappedRows(array) if small else ReadRows(array, slice(0, len(array)), damaged)
        with self._lock:
            self._files[name] = rows
            while len(self._files) > OPEN:
                self._files.popitem(last=False)
        return rows

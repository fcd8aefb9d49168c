"""A prepared set on disk: arrays that are mapped, not loaded, and what they mean.

    images.npy      uint8 (N, H, W, C), or points.npy, float32 (N, 2)
    labels.npy      int64 (N,), where there are classes
    attributes.npy  int8 (N, A) of 0 and 1, where there are attributes
    meta.json       source, size, crop, counts of the splits, checksum, …

Rows are stored split after split: train, validation, test.
"""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from idvae.data.exclusion import are_groups
from idvae.data.order import Order, Table
from idvae.data.row_file import MappedRows, ReadRows, Rows, mapped
from idvae.errors import UserError
from idvae.io.destination import Kind
from idvae.io.files import is_plain_name

FORMAT = 1
META = "meta.json"
ARRAYS = ("images.npy", "points.npy", "labels.npy", "attributes.npy")
SPLITS = ("train", "validation", "test")
# Those of a set in shards, such as train-images-000000.npy.
SHARDS = tuple(f"{split}-*-{'[0-9]' * 6}.npy" for split in SPLITS)
FOLDER = Kind("a prepared set", META, (META, *ARRAYS, *SHARDS))
MOST_SIDE = 65_536  # pixels, channels or coordinates; more would not fit any machine's memory
KEYS = ("format", "name", "source", "kind", "size", "channels", "counts", "checksum")


class PreparedSet:
    """An open prepared set.

    Args:
        path: its folder.

    Attributes:
        path: the folder that its bytes are read from.
        address: what opens it again, from anywhere on this machine.
        name, kind: "images" or "points".
        size, channels: of the images; 0 and 2 for points.
        counts: rows of each split.
        classes, attribute_names: names, or None.
        checksum: of all its arrays.
        meta: everything in meta.json.

    Raises:
        UserError: the folder holds no prepared set, or one that is damaged.
    """

    TABLE = "a table"  # what `ordering` is where rows are not in shards

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.address = str(self.path.resolve())
        self._describe(read_meta(self.path, FORMAT))
        n = sum(self.counts.values())
        arrays = {
            name: mapped(self.path / f"{name}.npy", (n, *shape), dtype, damaged)
            for name, (shape, dtype) in self.columns().items()
        }
        self._rows = arrays.pop(self.kind)
        self._labels, self._attributes = (arrays.get(name) for name in ("labels", "attributes"))

    def _describe(self, meta: dict[str, Any]) -> None:
        self.meta = meta
        self.name: str = meta["name"]
        self.kind: str = meta["kind"]
        self.size: int = meta["size"]
        self.channels: int = meta["channels"]
        self.counts: dict[str, int] = meta["counts"]
        self.classes: list[str] | None = meta.get("classes")
        self.attribute_names: list[str] | None = meta.get("attributes")
        self.checksum: str = meta["checksum"]

    def columns(self) -> dict[str, tuple[tuple[int, ...], type]]:
        """Name of each array → shape and type of a row."""
        found: dict[str, tuple[tuple[int, ...], type]] = {}
        if self.kind == "points":
            found["points"] = (self.channels,), np.float32
        else:
            found["images"] = (self.size, self.size, self.channels), np.uint8
        if self.classes:
            found["labels"] = (), np.int64
        if self.attribute_names:
            found["attributes"] = (len(self.attribute_names),), np.int8
        return found

    @property
    def shards(self) -> int:
        """How many it is cut into; 0 where it lies in single files."""
        return 0

    @property
    def ordering(self) -> str:
        """In what order training goes through it; a run that goes on needs the same."""
        return self.TABLE

    def split(self, name: str) -> "Split":
        """The rows of "train", "validation" or "test".

        Raises:
            UserError: another name.
        """
        check_split_name(name)
        first = sum(self.counts[other] for other in SPLITS[: SPLITS.index(name)])
        rows = slice(first, first + self.counts[name])
        labels, attributes = (
            None if array is None else MappedRows(array[rows])
            for array in (self._labels, self._attributes)
        )
        return Split(ReadRows(self._rows, rows, damaged), labels, attributes)


def check_split_name(name: str) -> None:
    """Raise UserError where a set has no split of that name."""
    if name not in SPLITS:
        raise UserError(f"there is no split {name!r}; there are {', '.join(SPLITS)}")


class Split:
    """The rows of one split.

    Args:
        rows, labels, attributes: what is read.
        order: (seed, epoch) → the order of an epoch; a table if not given.
    """

    def __init__(
        self,
        rows: Rows,
        labels: Rows | None,
        attributes: Rows | None,
        order: Callable[[int, int], Order] | None = None,
    ) -> None:
        self._rows, self._labels, self._attributes = rows, labels, attributes
        self.order = order or partial(Table, len(rows))

    def __len__(self) -> int:
        return len(self._rows)

    def gather(self, indices: ArrayLike) -> np.ndarray:
        """Copies of rows: uint8 (B, H, W, C), or float32 (B, 2) for points.

        Raises:
            IndexError: a row that is not there, or numbers that are not whole, as of a mask.
            UserError: what they are read from is damaged, or cannot be reached.
        """
        return self._rows.gather(indices)

    def labels(self, indices: ArrayLike) -> np.ndarray | None:
        """Class numbers, int64 (B,); None where the set has no classes. Raises as `gather`."""
        return None if self._labels is None else self._labels.gather(indices)

    def attributes(self, indices: ArrayLike) -> np.ndarray | None:
        """Attributes, int8 (B, A) of 0 and 1; None where it has none. Raises as `gather`."""
        return None if self._attributes is None else self._attributes.gather(indices)

    def batches(self, size: int) -> Iterator[np.ndarray]:
        """All rows in order, `size` at a time."""
        for first in range(0, len(self), size):
            yield self.gather(np.arange(first, min(first + size, len(self))))


def read_meta(path: Path, format_: int) -> dict[str, Any]:
    """What the meta.json of a folder says.

    Raises:
        UserError: there is none, it is damaged, or of another format.
    """
    file = path / META
    if not file.is_file():
        raise UserError(f"{path} is no prepared set: it has no meta.json; see idvae data prepare")
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise damaged(file, str(error)) from error
    return parse_meta(text, file, format_)


def parse_meta(text: str, where: object, format_: int) -> dict[str, Any]:
    """The same of its text.

    Raises:
        UserError: as `read_meta`, naming `where` it is from.
    """
    try:
        meta = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise damaged(where, str(error)) from error
    missing = [key for key in KEYS if not isinstance(meta, dict) or key not in meta]
    if missing:
        raise damaged(where, f"it lacks {', '.join(missing)}")
    if meta["format"] != format_:
        raise damaged(where, f"it has format {meta['format']}, but this version reads {format_}")
    wrong = [key for key, fits in _FITS.items() if not fits(meta.get(key))]
    if wrong:
        raise damaged(where, f"{wrong[0]} cannot be {meta.get(wrong[0])!r}")
    if not meta["channels"] or (meta["kind"] == "images" and not meta["size"]):
        raise damaged(where, "its rows have no numbers")
    return meta


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_side(value: Any) -> bool:
    return _is_count(value) and value <= MOST_SIDE


def _are_names(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(map(_is_text, value)))


def _are_counts(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_count(value.get(split)) for split in SPLITS)


_FITS = {
    "name": is_plain_name,  # runs and sweeps make folders of that name
    "source": _is_text,
    "kind": lambda value: value in ("images", "points"),
    "size": _is_side,
    "channels": _is_side,
    "counts": _are_counts,
    "classes": _are_names,
    "attributes": _are_names,
    "groups": lambda value: value is None or are_groups(value),
    "asked": lambda value: value is None or isinstance(value, dict),
    "checksum": _is_text,
}


def damaged(file: object, why: str) -> UserError:
    """What is said of a set that is not as it was written."""
    return UserError(f"{file} is damaged ({why}); prepare the set again with --overwrite")

"""What the index of a set in shards says, and which shards follow from it.

    train-images-000000.npy, …       each array of each split, cut into files of the same size
    meta.json                        as that of one-file sets, and in "shards" the size of a shard
                                     in bytes, the window of the order, the sha256 of each file

Names, rows and lengths of files follow from counts and sizes: an index names no place.
"""

import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from idvae.data.prepared import SPLITS, PreparedSet, parse_meta
from idvae.errors import UserError

FORMAT = 2
MIB = 1 << 20
DEFAULT = 256  # MiB of a shard
SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Column:
    """One array of one split, cut into shards.

    Attributes:
        split: "train", "validation" or "test".
        name: "images", "points", "labels" or "attributes".
        n: rows.
        shape, dtype: of a row.
        per_shard: rows of a shard; the last one may have fewer.
    """

    split: str
    name: str
    n: int
    shape: tuple[int, ...]
    dtype: np.dtype
    per_shard: int

    @property
    def key(self) -> str:
        """What the index calls it."""
        return f"{self.split}-{self.name}"

    @property
    def shards(self) -> int:
        """How many there are."""
        return -(-self.n // self.per_shard)

    def file(self, k: int) -> str:
        """The name of a shard."""
        return f"{self.key}-{k:06}.npy"

    def rows(self, k: int) -> tuple[int, int]:
        """The first row of a shard, and the one after its last."""
        return k * self.per_shard, min((k + 1) * self.per_shard, self.n)

    def array_shape(self, k: int) -> tuple[int, ...]:
        """The shape of the array in a shard."""
        first, last = self.rows(k)
        return (last - first, *self.shape)

    def header(self, k: int) -> bytes:
        """What the .npy file of a shard begins with."""
        text = io.BytesIO()
        facts = {"descr": self.dtype.str, "fortran_order": False, "shape": self.array_shape(k)}
        np.lib.format.write_array_header_1_0(text, facts)
        return text.getvalue()

    def length(self, k: int) -> int:
        """Bytes of the file of a shard."""
        return len(self.header(k)) + math.prod(self.array_shape(k)) * self.dtype.itemsize


def columns_of(prepared: PreparedSet, shard_bytes: int) -> Iterator[Column]:
    """Every array of every split, cut into shards of so many bytes; one row at least."""
    for split in SPLITS:
        for name, (shape, dtype) in prepared.columns().items():
            kind = np.dtype(dtype)
            row = math.prod(shape) * kind.itemsize
            per_shard = max(1, shard_bytes // row)
            yield Column(split, name, prepared.counts[split], shape, kind, per_shard)


def parse_index(text: str, where: object) -> dict[str, Any]:
    """The meta.json of a set in shards.

    Raises:
        UserError: it is damaged, or of another format.
    """
    if '"shards"' not in text and '"checksum"' in text:
        raise UserError(
            f"{where} is of a set in single files, which are not read from there; cut it with "
            "idvae data shard"
        )
    meta = parse_meta(text, where, FORMAT)
    shards = meta.get("shards")
    facts = shards if isinstance(shards, dict) else {}
    for key, most in (("bytes", 2**62), ("window", 2**20)):
        if type(facts.get(key)) is not int or not 1 <= facts[key] < most:
            raise damaged(where, f"shards.{key} cannot be {facts.get(key)!r}")
    if not isinstance(facts.get("sha256"), dict):
        raise damaged(where, "shards.sha256 holds no checksums")
    return meta


def check_digests(columns: list[Column], digests: dict[str, Any], where: object) -> None:
    """Check that there is a checksum of every shard.

    Raises:
        UserError: there is not.
    """
    for column in columns:
        own = digests.get(column.key)
        whole = isinstance(own, list) and len(own) == column.shards
        if not whole or not all(isinstance(one, str) and SHA256.fullmatch(one) for one in own):
            raise damaged(where, f"{column.shards} checksums are needed for {column.key}")


def damaged(file: object, why: str) -> UserError:
    """What is said of a shard or an index that is not as it was written."""
    return UserError(f"{file} is damaged ({why}); make it again with idvae data shard")

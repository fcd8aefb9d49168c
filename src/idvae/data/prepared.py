"""A prepared set on disk: arrays that are mapped, not loaded, and what they mean.

    images.npy      uint8 (N, H, W, C), or points.npy, float32 (N, 2)
    labels.npy      int64 (N,), where there are classes
    attributes.npy  int8 (N, A) of 0 and 1, where there are attributes
    meta.json       source, size, crop, counts of the splits, checksum, …

Rows are stored split after split: train, validation, test.
"""

import json
import os
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from idvae.data.order import Order, Table
from idvae.errors import UserError
from idvae.io.arrays import ALONE, ArrayFile
from idvae.io.destination import Kind
from idvae.io.files import is_plain_name

FORMAT = 1
ARRAYS = ("images.npy", "points.npy", "labels.npy", "attributes.npy")
FOLDER = Kind("a prepared set", "meta.json", ("meta.json", *ARRAYS))
SPLITS = ("train", "validation", "test")
KEYS = ("format", "name", "source", "kind", "size", "channels", "counts", "checksum")


class PreparedSet:
    """An open prepared set.

    Args:
        path: its folder.

    Attributes:
        name, kind: "images" or "points".
        size, channels: of the images; 0 and 2 for points.
        counts: rows of each split.
        classes, attribute_names: names, or None.
        checksum: of all its arrays.
        meta: everything in meta.json.

    Raises:
        UserError: the folder holds no prepared set, or one that is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.meta = _read_meta(self.path)
        self.name: str = self.meta["name"]
        self.kind: str = self.meta["kind"]
        self.size: int = self.meta["size"]
        self.channels: int = self.meta["channels"]
        self.counts: dict[str, int] = self.meta["counts"]
        self.classes: list[str] | None = self.meta.get("classes")
        self.attribute_names: list[str] | None = self.meta.get("attributes")
        self.checksum: str = self.meta["checksum"]
        n = sum(self.counts.values())
        if self.kind == "points":
            self._rows = self._map("points", (n, self.channels), np.float32)
        else:
            self._rows = self._map("images", (n, self.size, self.size, self.channels), np.uint8)
        self._labels = self._map("labels", (n,), np.int64) if self.classes else None
        names = self.attribute_names
        self._attributes = self._map("attributes", (n, len(names)), np.int8) if names else None

    def _map(self, name: str, shape: tuple[int, ...], dtype: type) -> np.memmap:
        file = self.path / f"{name}.npy"
        try:
            array = ArrayFile(file).read(ALONE)
        except UserError as error:
            raise _damaged(file, str(error)) from error
        if not isinstance(array, np.memmap):
            raise _damaged(file, "it holds no rows, or is an archive")
        if array.shape != shape or array.dtype != dtype:
            raise _damaged(file, f"it holds {array.dtype} {array.shape}, not {shape}")
        if not array.flags.c_contiguous:  # rows are read by their place in the file
            raise _damaged(file, "it is stored by columns")
        return array

    def split(self, name: str) -> "Split":
        """The rows of "train", "validation" or "test"."""
        first = sum(self.counts[other] for other in SPLITS[: SPLITS.index(name)])
        rows = slice(first, first + self.counts[name])
        return Split(self._rows, self._labels, self._attributes, rows)


class Split:
    """The rows of one split."""

    def __init__(
        self,
        all_rows: np.memmap,
        labels: np.ndarray | None,
        attributes: np.ndarray | None,
        part: slice,
    ) -> None:
        self._rows = all_rows[part]
        self._labels = None if labels is None else labels[part]
        self._attributes = None if attributes is None else attributes[part]
        self._path = Path(all_rows.filename)
        self._file: int | None = None
        if hasattr(os, "preadv"):
            self._file = os.open(self._path, os.O_RDONLY)
            weakref.finalize(self, os.close, self._file)
            self._start = all_rows.offset + part.start * all_rows.strides[0]

    def __len__(self) -> int:
        return len(self._rows)

    def order(self, seed: int, epoch: int) -> Order:
        """The permutation of rows in which training goes through an epoch."""
        return Table(len(self), seed, epoch)

    def gather(self, indices: ArrayLike) -> np.ndarray:
        """Copies of rows: uint8 (B, H, W, C), or float32 (B, 2) for points.

        Raises:
            IndexError: a row that is not there.
            UserError: the file became shorter since it was opened.
        """
        indices = np.asarray(indices, np.int64)
        if self._file is None:
            return np.array(self._rows[indices])
        # Read, not copied from the map: a mapped page stays resident, and the kernel maps up to
        # megabytes around it, so random rows would soon hold a set larger than memory.
        if indices.size and (indices.min() < 0 or indices.max() >= len(self)):
            raise IndexError(f"rows {indices.min()} to {indices.max()} of {len(self)}")
        out = np.empty((len(indices), *self._rows.shape[1:]), self._rows.dtype)
        if not out.size:
            return out
        row = out[0].nbytes
        # Rows that follow each other are read at once.
        runs = np.flatnonzero(np.diff(indices, prepend=indices[0] - 2) != 1)
        view = memoryview(out).cast("B")
        for first, last in zip(runs, [*runs[1:], len(indices)], strict=True):
            self._read(view[first * row : last * row], self._start + int(indices[first]) * row)
        return out

    def _read(self, wanted: memoryview, where: int) -> None:
        while wanted:  # Linux reads at most 2 GiB at a time, and network disks less
            got = os.preadv(self._file, [wanted], where)
            if not got:
                raise _damaged(self._path, "it became shorter")
            wanted, where = wanted[got:], where + got

    def labels(self, indices: ArrayLike) -> np.ndarray | None:
        """Class numbers, int64 (B,); None where the set has no classes."""
        return None if self._labels is None else np.array(self._labels[np.asarray(indices)])

    def attributes(self, indices: ArrayLike) -> np.ndarray | None:
        """Attributes, int8 (B, A) of 0 and 1; None where the set has none."""
        return None if self._attributes is None else np.array(self._attributes[np.asarray(indices)])

    def batches(self, size: int) -> Iterator[np.ndarray]:
        """All rows in order, `size` at a time."""
        for first in range(0, len(self), size):
            yield self.gather(np.arange(first, min(first + size, len(self))))


def _read_meta(path: Path) -> dict[str, Any]:
    file = path / "meta.json"
    if not file.is_file():
        raise UserError(f"{path} is no prepared set: it has no meta.json; see idvae data prepare")
    try:
        meta = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(file, str(error)) from error
    missing = [key for key in KEYS if key not in meta]
    if missing or not isinstance(meta, dict):
        raise _damaged(file, f"it lacks {', '.join(missing)}")
    if meta["format"] != FORMAT:
        raise _damaged(file, f"it has format {meta['format']}, but this version reads {FORMAT}")
    wrong = [key for key, fits in _FITS.items() if not fits(meta.get(key))]
    if wrong:
        raise _damaged(file, f"{wrong[0]} cannot be {meta.get(wrong[0])!r}")
    return meta


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _are_names(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(map(_is_text, value)))


def _are_counts(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_count(value.get(split)) for split in SPLITS)


_FITS = {
    "name": is_plain_name,  # runs and sweeps make folders of that name
    "source": _is_text,
    "kind": lambda value: value in ("images", "points"),
    "size": _is_count,
    "channels": _is_count,
    "counts": _are_counts,
    "classes": _are_names,
    "attributes": _are_names,
    "asked": lambda value: value is None or isinstance(value, dict),
    "checksum": _is_text,
}


def _damaged(file: Path, why: str) -> UserError:
    return UserError(f"{file} is damaged ({why}); prepare the set again with --overwrite")

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

from idvae.errors import UserError

FORMAT = 1
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

    def _map(self, name: str, shape: tuple[int, ...], dtype: type) -> np.ndarray:
        file = self.path / f"{name}.npy"
        try:
            array = np.load(file, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise _damaged(file, str(error)) from error
        if array.shape != shape or array.dtype != dtype:
            raise _damaged(file, f"it holds {array.dtype} {array.shape}, not {shape}")
        return array

    def split(self, name: str) -> "Split":
        """The rows of "train", "validation" or "test"."""
        first = sum(self.counts[other] for other in SPLITS[: SPLITS.index(name)])
        rows = slice(first, first + self.counts[name])
        return Split(
            self._rows[rows],
            None if self._labels is None else self._labels[rows],
            None if self._attributes is None else self._attributes[rows],
        )


class Split:
    """The rows of one split."""

    def __init__(
        self, rows: np.memmap, labels: np.ndarray | None, attributes: np.ndarray | None
    ) -> None:
        self._rows, self._labels, self._attributes = rows, labels, attributes
        self._file: int | None = None
        if hasattr(os, "preadv"):
            self._file = os.open(rows.filename, os.O_RDONLY)
            weakref.finalize(self, os.close, self._file)
            # Where this split begins: a slice of a map does not say so itself.
            start = rows.ctypes.data - rows.base.ctypes.data if rows.size else 0
            self._start = rows.base.offset + start

    def __len__(self) -> int:
        return len(self._rows)

    def gather(self, indices: ArrayLike) -> np.ndarray:
        """Copies of rows: uint8 (B, H, W, C), or float32 (B, 2) for points."""
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
            wanted = view[first * row : last * row]
            where = self._start + int(indices[first]) * row
            if os.preadv(self._file, [wanted], where) != len(wanted):
                raise OSError(f"{self._rows.filename} became shorter; prepare the set again")
        return out

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
        missing = [key for key in KEYS if key not in meta]
        counts_fit = not missing and all(int(meta["counts"][s]) >= 0 for s in SPLITS)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _damaged(file, str(error)) from error
    if missing or not counts_fit:
        raise _damaged(file, f"it lacks {', '.join(missing) or 'counts'}")
    if meta["format"] != FORMAT:
        raise _damaged(file, f"it has format {meta['format']}, but this version reads {FORMAT}")
    return meta


def _damaged(file: Path, why: str) -> UserError:
    return UserError(f"{file} is damaged ({why}); prepare the set again with --overwrite")

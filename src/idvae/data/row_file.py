"""Rows of an .npy file, by their numbers: checked when it is opened, read without growing."""

import os
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from idvae.errors import UserError
from idvae.io.arrays import ALONE, ArrayFile

Damaged = Callable[[Path, str], UserError]  # what a file is told by, and how to mend it


class Rows(Protocol):
    """Rows that are read by their numbers."""

    def __len__(self) -> int: ...

    def gather(self, indices: ArrayLike) -> np.ndarray:
        """Copies of rows (B, …).

        Raises:
            IndexError: a row that is not there, or no whole numbers.
        """


def numbers_of(indices: ArrayLike, n: int) -> np.ndarray:
    """Numbers of rows, int64 (B,).

    Args:
        indices: whole numbers.
        n: rows that are there.

    Raises:
        IndexError: a row that is not there, or a mask or floats, which name none.
    """
    numbers = np.asarray(indices)
    if numbers.size and not np.issubdtype(numbers.dtype, np.integer):
        raise IndexError(f"rows are whole numbers, not {numbers.dtype}; see numpy.flatnonzero")
    numbers = numbers.astype(np.int64, copy=False)
    if numbers.size and (numbers.min() < 0 or numbers.max() >= n):
        raise IndexError(f"rows {numbers.min()} to {numbers.max()} of {n}")
    return numbers


def mapped(file: Path, shape: tuple[int, ...], dtype: type, damaged: Damaged) -> np.memmap:
    """The array of an .npy file, mapped.

    Raises:
        UserError: there is none, or not of this shape and type.
    """
    try:
        array = ArrayFile(file).read(ALONE)
    except UserError as error:
        raise damaged(file, str(error)) from error
    if not isinstance(array, np.memmap):
        raise damaged(file, "it holds no rows, or is an archive")
    if array.shape != shape or array.dtype != dtype:
        raise damaged(file, f"it holds {array.dtype} {array.shape}, not {shape}")
    if not array.flags.c_contiguous:  # rows are read by their place in the file
        raise damaged(file, "it is stored by columns")
    return array


class MappedRows:
    """Small rows, such as labels: from the map."""

    def __init__(self, rows: np.memmap) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def gather(self, indices: ArrayLike) -> np.ndarray:
        """As `Rows.gather`."""
        return np.array(self._rows[numbers_of(indices, len(self))])


class ReadRows:
    """Large rows: read, not copied from the map.

    A mapped page stays resident, and the kernel maps up to megabytes around it, so random rows
    would soon hold a set larger than memory.

    Args:
        array: of a file.
        part: which of its rows; their numbers start at 0.
        damaged: what is raised where the file became shorter.
    """

    def __init__(self, array: np.memmap, part: slice, damaged: Damaged) -> None:
        self._rows = array[part]
        self._path, self._damaged = Path(array.filename), damaged
        self._file: int | None = None
        if hasattr(os, "preadv"):
            self._file = os.open(self._path, os.O_RDONLY)
            weakref.finalize(self, os.close, self._file)
            self._start = array.offset + part.start * array.strides[0]

    def __len__(self) -> int:
        return len(self._rows)

    def gather(self, indices: ArrayLike) -> np.ndarray:
        """As `Rows.gather`.

        Raises:
            IndexError: as `numbers_of`.
            UserError: the file became shorter since it was opened.
        """
        indices = numbers_of(indices, len(self))
        if self._file is None:
            return np.array(self._rows[indices])
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
                raise self._damaged(self._path, "it became shorter")
            wanted, where = wanted[got:], where + got

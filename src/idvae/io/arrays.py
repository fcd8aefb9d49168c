"""Arrays from .npy and .npz files that others made: one at a time, its header first, no pickle.

An .npy is mapped. An .npz is an archive of them, each packed as well as its maker liked: what one
unpacks to is checked in its header before memory is taken for it.
"""

from __future__ import annotations

import math
import os
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.lib import format as npy

from idvae.errors import UserError

MAX_BYTES = 4 << 30  # what an array of an .npz may unpack to
PIECE = 1 << 20  # bytes unpacked at a time
ALONE = "array"  # the name of the only array of an .npy
NUMBERS = "biuf"  # kinds of dtype that are read: bools, integers and floats


class Header(NamedTuple):
    """What an array says of itself."""

    shape: tuple[int, ...]
    dtype: np.dtype
    by_columns: bool

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


class ArrayFile:
    """An .npy or .npz file; nothing but headers is read until an array is asked for.

    Args:
        path: the file; its content says which of the two it is.

    Attributes:
        names: of the arrays; that of an .npy is "array".

    Raises:
        UserError: no such file, damaged, or neither of the two.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise UserError(f"{self.path}: no such file")
        with self._told():
            with self.path.open("rb") as file:
                self._alone = file.read(len(npy.MAGIC_PREFIX)) == npy.MAGIC_PREFIX
            self.names = [ALONE]
            if not self._alone:
                with zipfile.ZipFile(self.path) as archive:
                    members = [name for name in archive.namelist() if name.endswith(".npy")]
                self.names = [name.removesuffix(".npy") for name in members]

    def header(self, name: str) -> Header:
        """The shape and type of an array.

        Raises:
            UserError: there is none of that name, it is damaged, or it holds no numbers.
        """
        with self._told(), self._open(name) as (file, _):
            return _header(file)

    def read(self, name: str) -> np.ndarray:
        """One array: of an .npy mapped, read-only; of an .npz in memory.

        Raises:
            UserError: as `header`, or it would unpack to more than `MAX_BYTES`.
        """
        with self._told(), self._open(name) as (file, size):
            header = _header(file)
            rest = size - file.tell()
            if header.nbytes > rest or (header.nbytes < rest and not self._alone):
                raise ValueError(f"{name} claims {header.nbytes:,} bytes, but {rest:,} are there")
            if self._alone and header.nbytes:  # an empty file part cannot be mapped
                return np.memmap(
                    self.path, header.dtype, "r", file.tell(), header.shape, _order(header)
                )
            if header.nbytes > MAX_BYTES:
                raise UserError(
                    f"{self.path}: {name} unpacks to {header.nbytes:,} bytes, more than "
                    f"{MAX_BYTES:,}; save it as .npy, which is read piece by piece"
                )
            return _unpacked(file, header)

    @contextmanager
    def _open(self, name: str) -> Iterator[tuple[IO[bytes], int]]:
        """The .npy of a name, and its length."""
        if name not in self.names:
            raise UserError(
                f"{self.path} holds {', '.join(sorted(self.names)) or 'nothing'}, but no {name}"
            )
        if self._alone:
            with self.path.open("rb") as file:
                yield file, os.fstat(file.fileno()).st_size
            return
        with zipfile.ZipFile(self.path) as archive:
            member = archive.getinfo(f"{name}.npy")
            with archive.open(member) as file:
                yield file, member.file_size

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except UserError:
            raise
        except Exception as error:  # whatever zipfile, its unpackers or NumPy's parser raise
            why = str(error)[:200] or type(error).__name__
            raise UserError(
                f"{self.path} cannot be read as arrays ({why}); write it again"
            ) from error


def _header(file: IO[bytes]) -> Header:
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    version = npy.read_magic(file)
    if version not in readers:
        raise ValueError(f"version {version} of the format, which no array of numbers needs")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python 2 wrote lengths as 3L, which NumPy tells
        shape, by_columns, dtype = readers[version](file)
    if dtype.kind not in NUMBERS:
        raise ValueError(f"it holds {dtype}, not numbers")
    if any(side < 0 for side in shape):
        raise ValueError(f"the shape {shape}")
    return Header(tuple(map(int, shape)), dtype, by_columns)


def _order(header: Header) -> str:
    return "F" if header.by_columns else "C"


def _unpacked(file: IO[bytes], header: Header) -> np.ndarray:
    array = np.empty(header.shape, header.dtype, _order(header))
    view = memoryview(array.reshape(-1, order="A").view(np.uint8))
    done = 0
    while done < len(view):
        got = file.readinto(view[done : done + PIECE])
        if not got:
            raise ValueError(f"it is cut after {done:,} bytes")
        done += got
    file.read(1)  # to the end, where zipfile compares the checksum
    return array

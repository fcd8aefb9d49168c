"""Arrays that grow on disk row after row: the .npy files of a set while it is written."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from idvae.data.prepared import SPLITS
from idvae.data.source import Batch

PIECE = 1 << 24  # bytes read at a time where written rows are checked


class _Rows:
    """An .npy file that grows; its header is written again at the end."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.shape, self.dtype = shape, dtype
        self.count, self.hash = 0, hashlib.sha256()
        self.file = path.open("r+b" if path.exists() else "w+b")
        self._header(0)
        self.start = self.file.tell()

    def _header(self, n: int) -> None:
        # NumPy pads a header so that it keeps its length when the first axis grows.
        np.lib.format.write_array_header_1_0(
            self.file,
            {"descr": self.dtype.str, "fortran_order": False, "shape": (n, *self.shape)},
        )

    def append(self, rows: np.ndarray) -> None:
        if rows.shape[1:] != self.shape or rows.dtype != self.dtype:
            raise ValueError(f"rows of {rows.dtype} {rows.shape} in a file of {self.shape}")
        data = np.ascontiguousarray(rows).data
        self.file.write(data)
        self.hash.update(data)
        self.count += len(rows)

    def keep(self, count: int, digest: str) -> bool:
        """Go on after `count` rows that are there; false where they are not what was written."""
        left = count * int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize
        while left and (data := self.file.read(min(left, PIECE))):
            self.hash.update(data)
            left -= len(data)
        if left or self.hash.hexdigest() != digest:
            return False
        self.file.truncate()
        self.count = count
        return True

    def finish(self) -> str:
        self.file.seek(0)
        self._header(self.count)
        if self.file.tell() != self.start:
            raise ValueError("the header changed its length")
        return self.hash.hexdigest()


class Tables:
    """The arrays of a set that is being written, and how many rows each split has.

    Args:
        folder: where the files lie.
        kind: "images" or "points".
    """

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder, self.kind = folder, kind
        self.files: dict[str, _Rows] = {}
        self.counts = dict.fromkeys(SPLITS, 0)

    def append(self, batch: Batch) -> None:
        """Add rows; splits come in their order."""
        for name, rows in batch.arrays(self.kind).items():
            if name not in self.files:
                path = self.folder / f"{name}.npy"
                path.unlink(missing_ok=True)
                self.files[name] = _Rows(path, rows.shape[1:], rows.dtype)
            self.files[name].append(rows)
        self.counts[batch.split] += len(batch.rows)

    def state(self) -> dict[str, Any]:
        """What `restore` needs; everything that it tells of is in the files."""
        for rows in self.files.values():
            rows.file.flush()
        files = {
            name: [rows.shape, rows.dtype.str, rows.count, rows.hash.hexdigest()]
            for name, rows in self.files.items()
        }
        return {"counts": dict(self.counts), "files": files}

    def restore(self, state: dict[str, Any]) -> bool:
        """Go on where a state was taken; false where the files do not hold what it tells."""
        for name, (shape, dtype, count, digest) in state["files"].items():
            path = self.folder / f"{name}.npy"
            if not path.is_file():
                return False
            self.files[name] = _Rows(path, tuple(shape), np.dtype(dtype))
            if not self.files[name].keep(count, digest):
                return False
        self.counts = state["counts"]
        return True

    def finish(self) -> str:
        """Complete the headers; the checksum of all arrays."""
        checksums = [f"{name}:{self.files[name].finish()}" for name in sorted(self.files)]
        return hashlib.sha256("\n".join(checksums).encode()).hexdigest()

    def close(self) -> None:
        """Close the files."""
        for rows in self.files.values():
            rows.file.close()

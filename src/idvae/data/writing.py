"""Writes a prepared set row after row, never holding more than a batch of it."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from idvae.data.prepared import FORMAT, SPLITS
from idvae.data.source import Batch
from idvae.errors import UserError
from idvae.files import atomic_folder


class _Rows:
    """An .npy file that grows; its header is written again at the end."""

    def __init__(self, file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.file, self.shape, self.dtype = file, shape, dtype
        self.count, self.hash = 0, hashlib.sha256()
        self._header(0)
        self.start = file.tell()

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

    def finish(self) -> str:
        self.file.seek(0)
        self._header(self.count)
        if self.file.tell() != self.start:
            raise ValueError("the header changed its length")
        return self.hash.hexdigest()


def write_set(
    path: Path,
    meta: dict[str, Any],
    batches: Iterable[Batch],
    overwrite: bool,
    late: dict[str, Any],
) -> None:
    """Write `path` whole or not at all.

    Args:
        path: the folder to make.
        meta: facts for meta.json; counts, checksum and format are added.
        batches: rows, split after split in the order train, validation, test.
        overwrite: replace a set that is there.
        late: facts for meta.json that `batches` fills in while it is read.

    Raises:
        UserError: no image at all, or none to train on.
    """
    counts = dict.fromkeys(SPLITS, 0)
    with atomic_folder(path, overwrite) as folder:
        files: dict[str, _Rows] = {}
        try:
            for batch in batches:
                for name, rows in batch.arrays(meta["kind"]).items():
                    if name not in files:
                        file = (folder / f"{name}.npy").open("wb")
                        files[name] = _Rows(file, rows.shape[1:], rows.dtype)
                    files[name].append(rows)
                counts[batch.split] += len(batch.rows)
            if counts["train"] < 1:
                raise UserError(
                    f"{meta['name']}: there is no image to train on, of {sum(counts.values())} "
                    "in all; take more images"
                )
            checksums = [f"{name}:{files[name].finish()}" for name in sorted(files)]
        finally:
            for rows in files.values():
                rows.file.close()
        checksum = hashlib.sha256("\n".join(checksums).encode()).hexdigest()
        facts = {"format": FORMAT, **meta, **late, "counts": counts, "checksum": checksum}
        text = json.dumps(facts, indent=1, ensure_ascii=False)
        (folder / "meta.json").write_text(text + "\n", encoding="utf-8")

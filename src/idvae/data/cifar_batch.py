"""One of CIFAR-10's Python batches: a pickle that is read, but never loaded."""

import hashlib
from typing import Any

import numpy as np

from idvae.data.safe_pickle import ARRAY, DTYPE, Note, read_pickle
from idvae.errors import UserError

SIDE, CHANNELS, ROW = 32, 3, 3072
OFFICIAL_ROWS = 10_000

# MD5 of the official files; a pickle has no checksum of its own.
OFFICIAL = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}


def read_batch(data: bytes, name: str, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and classes of a batch.

    Args:
        data: the file.
        name: the batch's official name.
        where: what messages call it.

    Returns:
        uint8 (N, 32, 32, 3), int64 (N,) of 0 to 9.

    Raises:
        UserError: it is no batch, is hostile, is damaged, or has as many images as an official
            batch, but another checksum.
    """
    content = read_pickle(data, where)
    if not isinstance(content, dict) or not {b"data", b"labels"} <= content.keys():
        raise UserError(f"{where} holds no data and labels; it is no CIFAR-10 batch")
    labels = content[b"labels"]
    if not isinstance(labels, list) or not all(type(k) is int and 0 <= k <= 9 for k in labels):
        raise UserError(f"{where}: the labels are not numbers of 0 to 9; it is no CIFAR-10 batch")
    pixels, rows = _array(content[b"data"])
    if pixels is None or len(pixels) != rows * ROW:
        raise UserError(f"{where}: data is no array of rows of {ROW} bytes; fetch it again")
    if rows != len(labels) or not rows:
        raise UserError(f"{where} has {rows} images and {len(labels)} labels; fetch it again")
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if rows == OFFICIAL_ROWS and digest != OFFICIAL[name]:
        raise UserError(f"{where} is not the official file: its MD5 differs; fetch it again")
    images = np.frombuffer(pixels, np.uint8).reshape(rows, CHANNELS, SIDE, SIDE)
    return images.transpose(0, 2, 3, 1), np.array(labels, np.int64)


def _array(noted: Any) -> tuple[bytes | None, int]:
    """Bytes and rows of an array of bytes by rows; None for anything else.

    NumPy's state of an array: version, shape, dtype, whether it is by columns, bytes.
    """
    match noted:
        case Note(ARRAY_, state=(1, (int(rows), 3072), Note(DTYPE_, (b"u1", 0, 1)), False, data)):
            if (ARRAY_, DTYPE_) == (ARRAY, DTYPE) and isinstance(data, bytes):
                return data, rows
    return None, 0

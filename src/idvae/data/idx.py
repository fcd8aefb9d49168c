"""The idx format of MNIST and its successors, with every header field checked."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from idvae.errors import UserError

MAX_BYTES = 1 << 30  # what a file may unpack to; MNIST's largest has 47 MB


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Read a .gz (or plain) idx file of bytes.

    Args:
        path: the file.
        dimensions: how many the array must have: 3 for images, 1 for labels.

    Returns:
        uint8, read-only.

    Raises:
        UserError: no such file, no idx file of bytes, or one that is cut.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be unpacked ({error}); fetch it again") from error
    if len(data) > MAX_BYTES:
        raise UserError(f"{path} unpacks to more than {MAX_BYTES >> 30} GiB; it is no such file")
    header = 4 + 4 * dimensions
    if data[:4] != bytes((0, 0, 8, dimensions)) or len(data) < header:
        raise UserError(f"{path} is no idx file of bytes with {dimensions} dimensions")
    shape = tuple(int(n) for n in np.frombuffer(data[4:header], ">u4"))
    if len(data) - header != math.prod(shape):
        raise UserError(f"{path} is cut or damaged: {len(data) - header} bytes for {shape}")
    if not math.prod(shape):  # a side of 0 could stand beside sides that no array can have
        return np.empty((0,) * dimensions, np.uint8)
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def read_folder(folder: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """The training and the test part of MNIST or of a successor, from its four files.

    Returns:
        For each: uint8 (N, 28, 28, 1), int64 (N,) of 0 to 9.

    Raises:
        UserError: a file is missing or damaged, or they do not belong together.
    """
    if not folder.is_dir():
        raise UserError(f"--source {folder}: no such folder")
    return [_part(folder, "train"), _part(folder, "t10k")]


def _part(folder: Path, prefix: str) -> tuple[np.ndarray, np.ndarray]:
    images = read_idx(find(folder, f"{prefix}-images-idx3-ubyte"), 3)
    labels = read_idx(find(folder, f"{prefix}-labels-idx1-ubyte"), 1)
    if not len(images):
        raise UserError(f"{folder}: the {prefix} files hold no image; fetch them again")
    if len(images) != len(labels) or images.shape[1:] != (28, 28) or labels.max() > 9:
        raise UserError(f"{folder}: the {prefix} images and labels do not belong together")
    return images[..., None], labels.astype(np.int64)


def find(folder: Path, stem: str) -> Path:
    """The file of a name, packed or not; raises UserError where there is neither."""
    # Some unpackers put the dot back that the name had before it was packed.
    for name in (f"{stem}.gz", stem, stem.replace("-idx", ".idx")):
        if (folder / name).is_file():
            return folder / name
    raise UserError(f"{folder} holds no {stem}.gz; --source names the folder of the four idx files")

"""CIFAR-10 batches as Python 2 wrote them, opcode by opcode."""

import io
import struct
import tarfile

import numpy as np

FOLDER = "cifar-10-batches-py"
BATCHES = [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]


def string(data):
    if len(data) < 256:
        return b"U" + bytes([len(data)]) + data
    return b"T" + struct.pack("<i", len(data)) + data


def number(n):
    return b"K" + bytes([n]) if n < 256 else b"J" + struct.pack("<i", n)


def array(images, shape=None, dtype=b"u1"):
    """An array of bytes, as NumPy pickles it in protocol 2."""
    rows, columns = shape or (len(images), 3072)
    return (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85q\x09U\x01b"
        b"\x87q\x0aRq\x0b(K\x01" + number(rows) + number(columns) + b"\x86cnumpy\ndtype\nq\x0c"
        + string(dtype) + b"K\x00K\x01\x87Rq\x0d(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
        b"K\x00tb\x89" + string(images.tobytes()) + b"tb"
    )  # fmt: skip


def pickled(images, labels, data=None):
    """A batch: uint8 (N, 3072), and numbers."""
    return (
        b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x15training batch 1 of 5q\x03U\x06labels"
        b"q\x04]q\x05("
        + b"".join(number(k) for k in labels) + b"eU\x04dataq\x06"
        + (array(images) if data is None else data)
        + b"U\x09filenames]q\x0e(" + b"".join(string(b"a.png") for _ in labels) + b"eu."
    )  # fmt: skip


def make(n=20):
    """Six batches: name → images (n, 3072), labels."""
    rng = np.random.default_rng(0)
    return {
        name: (rng.integers(0, 256, (n, 3072), np.uint8), rng.integers(0, 10, n).tolist())
        for name in BATCHES
    }


def write_folder(folder, batches):
    folder.mkdir(parents=True)
    for name, (images, labels) in batches.items():
        (folder / name).write_bytes(pickled(images, labels))


def write_archive(path, batches):
    """The .tar.gz, with what else lies in the official one."""
    files = {name: pickled(*batch) for name, batch in batches.items()}
    with tarfile.open(path, "w:gz") as tar:
        for name, data in {"readme.html": b"<html>", **files}.items():
            member = tarfile.TarInfo(f"{FOLDER}/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))

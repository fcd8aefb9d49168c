"""Small files in the format of CIFAR-10's binary version."""

import hashlib
import io
import tarfile

import numpy as np

from idvae.data import cifar10

FOLDER = cifar10.FOLDER


def make(n=20):
    """Six batches: name → uint8 images (n, 32, 32, 3), labels."""
    rng = np.random.default_rng(0)
    return {
        name: (rng.integers(0, 256, (n, 32, 32, 3), np.uint8), rng.integers(0, 10, n).tolist())
        for name in cifar10.OFFICIAL
    }


def binary(images, labels):
    """A batch, byte by byte as the set's page has it: class, then red, green and blue planes."""
    return b"".join(
        bytes([label]) + b"".join(image[..., channel].tobytes() for channel in range(3))
        for image, label in zip(images, labels, strict=True)
    )


def make_official(monkeypatch, batches):
    """From now on these are the official files."""
    monkeypatch.setattr(cifar10, "RECORDS", len(batches["test_batch.bin"][1]))
    for name, batch in batches.items():
        monkeypatch.setitem(cifar10.OFFICIAL, name, hashlib.sha256(binary(*batch)).hexdigest())


def write_folder(folder, batches):
    folder.mkdir(parents=True)
    for name, batch in batches.items():
        (folder / name).write_bytes(binary(*batch))


def write_archive(path, batches, folder=FOLDER):
    """The .tar.gz, with what else lies in the official one."""
    files = {name: binary(*batch) for name, batch in batches.items()}
    with tarfile.open(path, "w:gz") as tar:
        for name, data in {"readme.html": b"<html>", **files}.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))

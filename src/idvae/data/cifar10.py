"""CIFAR-10 (Krizhevsky 2009): 60,000 colour images of 32×32, 10 classes.

Read is the binary version: six files of 10,000 records, each a byte of the class and three planes
of 1,024 pixels. The Python version holds the same images in pickles, which nothing here opens.
"""

import gzip
import hashlib
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from idvae.data import hub
from idvae.data.official import Part, plan_official
from idvae.data.source import DOWNLOAD, Plan, Request
from idvae.errors import UserError

name = "cifar10"
summary = "60,000 colour images of 32×32, 10 classes; --source FILE or DIR, or a download"
licence = "its authors state none (Krizhevsky, Nair and Hinton)"
kind = "images"
default_size = 32
default_n = None
needs_nothing = False

HUB = "uoft-cs/cifar10"
HUB_COUNTS = (50_000, 10_000)
CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip

FOLDER, ARCHIVE = "cifar-10-batches-bin", "cifar-10-binary.tar.gz"
PYTHON_FOLDER, PYTHON_ARCHIVE = "cifar-10-batches-py", "cifar-10-python.tar.gz"
RECORD, RECORDS = 1 + 3 * 32 * 32, 10_000  # bytes of one, and how many a file has
MAX_ARCHIVE = 1 << 28  # what the archive may unpack to; it has 184 MB

# SHA-256 of the official files; the test comes last.
OFFICIAL = {
    "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
}


def plan(request: Request) -> Plan:
    """All images, by the official test. They are held in memory: 184 MB.

    Raises:
        UserError: files that are missing, or not the official ones.
    """
    if request.source is None:
        raise UserError(
            f"cifar10 needs {ARCHIVE} or the folder {FOLDER}: name it, or the folder it lies in, "
            "with --source, or download with --source huggingface"
        )
    if request.source == DOWNLOAD:
        parts: Sequence[Part] = hub.classified(HUB, "img", "label", HUB_COUNTS)
    else:
        parts = read_parts(Path(request.source))
    return plan_official(name, parts, request, CLASSES)


def read_parts(place: Path) -> list[Part]:
    """The official training images and the official test, from a folder or the archive.

    Raises:
        UserError: a file is missing, of another size, or not the official one.
    """
    found = {batch: _part(batch, data, where) for batch, data, where in _files(place)}
    if missing := [batch for batch in OFFICIAL if batch not in found]:
        raise UserError(f"{place} holds no {FOLDER}/{missing[0]}; fetch {ARCHIVE} again")
    *training, test = (found[batch] for batch in OFFICIAL)
    images, labels = zip(*training, strict=True)
    return [(np.concatenate(images), np.concatenate(labels)), test]


def _part(batch: str, data: bytes, where: str) -> Part:
    if hashlib.sha256(data).hexdigest() != OFFICIAL[batch]:
        raise UserError(f"{where} is not the official file: its SHA-256 differs; fetch it again")
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD)
    planes = records[:, 1:].reshape(-1, 3, 32, 32)
    return planes.transpose(0, 2, 3, 1), records[:, 0].astype(np.int64)


def _files(place: Path) -> Iterator[tuple[str, bytes, str]]:
    """Each batch that is there: its name, its bytes, and what messages call it."""
    if not place.exists():
        raise UserError(f"--source {place}: no such file or folder")
    if place.is_file():
        yield from _members(place)
        return
    inner = place / FOLDER if (place / FOLDER).is_dir() else place
    paths = [inner / batch for batch in OFFICIAL if (inner / batch).is_file()]
    if not paths and (place / ARCHIVE).is_file():
        yield from _members(place / ARCHIVE)
        return
    if not paths:
        for pickles in (PYTHON_FOLDER, PYTHON_ARCHIVE, "data_batch_1"):
            if (place / pickles).exists():
                raise _of_pickles(place / pickles)
    for path in paths:
        _check_size(path.stat().st_size, str(path))
        yield path.name, path.read_bytes(), str(path)


def _members(path: Path) -> Iterator[tuple[str, bytes, str]]:
    """Batches in the archive, read one after the other; no path in it is ever written to."""
    try:
        with gzip.open(path) as packed:
            bounded = _Bounded(packed)
            with tarfile.open(fileobj=bounded, mode="r|") as tar:
                for member in tar:
                    folder, _, batch = member.name.partition("/")
                    if folder == PYTHON_FOLDER:
                        raise _of_pickles(path)
                    if folder != FOLDER or batch not in OFFICIAL or not member.isreg():
                        continue
                    where = f"{path}, {member.name}"
                    _check_size(member.size, where)
                    opened = tar.extractfile(member)
                    yield batch, b"" if opened is None else opened.read(), where
            while bounded.read(1 << 20):  # to the end, where the checksum of the whole is
                pass
    except UserError:
        raise
    except Exception as error:  # tarfile lets out more than its own: ValueError, RecursionError
        raise UserError(f"{path} cannot be unpacked ({error}); fetch it again") from error


class _Bounded:
    """A packed file that ends with an error before it unpacks to more than it should."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self.file, self.left = file, MAX_ARCHIVE

    def read(self, n: int) -> bytes:
        data = self.file.read(n)
        self.left -= len(data)
        if self.left < 0:
            raise OSError(f"it unpacks to more than {MAX_ARCHIVE >> 20} MiB")
        return data


def _check_size(size: int, where: str) -> None:
    if size != RECORD * RECORDS:
        raise UserError(
            f"{where} has {size:,} bytes, not the {RECORD * RECORDS:,} of a CIFAR-10 batch; "
            f"fetch {ARCHIVE} again"
        )


def _of_pickles(where: Path) -> UserError:
    return UserError(
        f"{where} is CIFAR-10's Python version, whose pickles are never read; get {ARCHIVE}, the "
        "same images, from https://www.cs.toronto.edu/~kriz/cifar.html"
    )

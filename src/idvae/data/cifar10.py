"""CIFAR-10 (Krizhevsky 2009): 60,000 colour images of 32×32, 10 classes."""

import gzip
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from idvae.data import hub
from idvae.data.cifar_batch import OFFICIAL, read_batch
from idvae.data.official import Part, plan_official
from idvae.data.source import DOWNLOAD, Plan, Request
from idvae.errors import UserError

name = "cifar10"
summary = "60,000 colour images of 32×32, 10 classes; --source FILE or DIR, or a download"
kind = "images"
default_size = 32
default_n = None
needs_nothing = False

HUB = "uoft-cs/cifar10"
HUB_COUNTS = (50_000, 10_000)
FOLDER, ARCHIVE = "cifar-10-batches-py", "cifar-10-python.tar.gz"
CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
MAX_FILE = 1 << 25  # bytes; a batch has 31 MB
MAX_ARCHIVE = 1 << 28  # what the archive may unpack to; it has 186 MB


def plan(request: Request) -> Plan:
    """All images, by the official test. They are held in memory: 184 MB.

    Raises:
        UserError: files that are missing, damaged or hostile.
    """
    if request.source is None:
        raise UserError(
            f"cifar10 needs {ARCHIVE} or the folder {FOLDER}: name it, or the folder it lies in, "
            "with --source, or download with --source huggingface"
        )
    if request.source == DOWNLOAD:
        parts: Sequence[Part] = hub.classified(HUB, "img", "label", HUB_COUNTS)
    else:
        parts = _read(Path(request.source))
    return plan_official(name, parts, request, CLASSES)


def _read(place: Path) -> list[Part]:
    found = {}
    for batch, data, where in _files(place):
        found[batch] = read_batch(data, batch, where)
    if missing := [batch for batch in OFFICIAL if batch not in found]:
        raise UserError(f"{place} holds no {FOLDER}/{missing[0]}; fetch {ARCHIVE} again")
    *training, test = (found[batch] for batch in OFFICIAL)
    images, labels = zip(*training, strict=True)
    return [(np.concatenate(images), np.concatenate(labels)), test]


def _files(place: Path) -> Iterator[tuple[str, bytes, str]]:
    """Each batch that is there: its name, its bytes, and what messages call it."""
    if not place.exists():
        raise UserError(f"--source {place}: no such file or folder")
    if place.is_file():
        yield from _members(place)
        return
    inner = place / FOLDER if (place / FOLDER).is_dir() else place
    if not any((inner / batch).is_file() for batch in OFFICIAL) and (place / ARCHIVE).is_file():
        yield from _members(place / ARCHIVE)
        return
    for batch in OFFICIAL:
        path = inner / batch
        if path.is_file():
            if path.stat().st_size > MAX_FILE:
                raise _too_large(str(path))
            yield batch, path.read_bytes(), str(path)


def _members(path: Path) -> Iterator[tuple[str, bytes, str]]:
    """Batches in the archive, read one after the other; no path in it is ever written to."""
    wanted = {f"{FOLDER}/{batch}": batch for batch in OFFICIAL}
    try:
        with gzip.open(path) as packed:
            bounded = _Bounded(packed)
            with tarfile.open(fileobj=bounded, mode="r|") as tar:
                for member in tar:
                    batch = wanted.get(member.name)
                    if batch is None or not member.isreg():
                        continue
                    if member.size > MAX_FILE:
                        raise _too_large(f"{path}, {member.name}")
                    opened = tar.extractfile(member)
                    data = b"" if opened is None else opened.read(MAX_FILE)
                    yield batch, data, f"{path}, {member.name}"
            while bounded.read(1 << 20):  # to the end, where the checksum of the whole is
                pass
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
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


def _too_large(where: str) -> UserError:
    return UserError(f"{where} is larger than any CIFAR-10 batch; fetch {ARCHIVE} again")

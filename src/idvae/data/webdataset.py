"""Tars of images as webdataset has them: files that share a name up to its first dot are a sample.

An image a sample, and its class where there is one: a number in .cls, or "label" or "cls" in .json.
The tars are listed once; images are then read from their places in them, split after split, so a
preparation that was killed goes on.
"""

import hashlib
import json
import os
import re
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import PIL

from idvae.data.folder import SPLIT_FOLDERS, fitted
from idvae.data.image_files import ENDINGS, files_below, opened
from idvae.data.source import Batch, Plan, Request, at_most, in_batches
from idvae.errors import UserError
from idvae.io.progress import progress

name = "webdataset"
summary = "tars of images and classes as webdataset has them, with --source DIR or FILE.tar"
licence = "that of the images, which idvae does not know"
kind = "images"
default_size = 64
default_n = None
needs_nothing = False

CHUNK = 256
MOST = 1 << 30  # bytes of one file in a tar
MOST_FACTS = 1 << 20  # of a .cls or .json
LOOKED_AT = 256  # images by which it is decided whether all are grey


@dataclass
class Sample:
    """Where an image lies, and its class."""

    tar: Path
    key: str
    offset: int | None = None  # of the image; None as long as none is found
    size: int = 0
    label: int | None = None

    @property
    def where(self) -> str:
        """What messages call it."""
        return f"{self.tar}, {self.key}"

    def read(self) -> bytes:
        """The file of the image."""
        with self.tar.open("rb") as file:
            file.seek(self.offset or 0)
            return file.read(self.size)


def plan(request: Request) -> Plan:
    """The images of tars.

    Raises:
        UserError: no tar, one that is damaged, cut or packed, an image that cannot be had from it,
            no image in them, or classes of a part of the images alone.
    """
    if request.source is None:
        raise UserError("webdataset needs --source, a .tar or a folder of them")
    tars = _tars(Path(request.source))
    samples = [one for tar in tars for one in _samples(tar)]
    if not samples:
        raise UserError(f"{request.source} holds no image; endings are {', '.join(ENDINGS)}")
    splits, rule = _splits(samples)
    splits = at_most(splits, request.n, request.source, sorted_by_name=True)
    labels = _labels(samples)
    channels = _channels(samples[:LOOKED_AT])
    lines = "\n".join(f"{s.where} {s.offset} {s.size} {s.label}" for s in samples)
    facts = {
        "channels": channels,
        "crop": f"centred square, antialiased to {request.size}",
        "split_rule": rule,
        "classes": None if labels is None else [str(k) for k in range(int(labels.max()) + 1)],
        "listed": hashlib.sha256(os.fsencode(lines)).hexdigest(),
        "decoded_by": f"Pillow {PIL.__version__}",  # another one may round otherwise
    }
    parts = [(split, part) for split, rows in splits.items() for part in in_batches(rows, CHUNK)]
    resume = partial(_batches, samples, labels, parts, request.size, channels)
    return Plan(facts, resume(0), resume=resume, originals=tuple(tars))


def _tars(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    found = sorted(file for file in files_below(place) if file.suffix == ".tar")
    if not found:
        raise UserError(f"{place} holds no .tar; --source is one, or a folder of them")
    return found


def _samples(tar: Path) -> Iterator[Sample]:
    """The samples of a tar with an image, in its order."""
    found: dict[str, Sample] = {}
    others: dict[str, str] = {}  # key → an image whose ending begins before its last dot
    try:
        with tarfile.open(tar, "r:") as archive:
            for member in archive:
                folder, _, file = member.name.rpartition("/")
                stem, _, ending = file.partition(".")
                key = f"{folder}/{stem}" if folder else stem
                is_image = f".{ending.lower()}" in ENDINGS
                if is_image and (member.islnk() or member.issym()):
                    raise UserError(
                        f"{tar}, {member.name} is a link; write the tar with the files themselves, "
                        "as tar --dereference --hard-dereference does"
                    )
                if not member.isfile():
                    continue
                sample = found.setdefault(key, Sample(tar, key))
                if is_image:
                    if sample.offset is not None:
                        raise UserError(f"{sample.where}: there are two images of that name")
                    if member.size > MOST:
                        raise UserError(f"{sample.where} has more than {MOST:,} bytes")
                    sample.offset, sample.size = member.offset_data, member.size
                elif ending in ("cls", "json") and member.size <= MOST_FACTS:
                    opened_ = archive.extractfile(member)
                    assert opened_ is not None
                    label = _label(ending, opened_.read(), sample.where)
                    sample.label = sample.label if label is None else label
                elif Path(file).suffix.lower() in ENDINGS and stem:  # no hidden file, as macOS adds
                    others[key] = member.name
            _check_end(tar, archive.offset, len(found))
    except (tarfile.TarError, EOFError, OSError) as error:
        raise UserError(
            f"{tar} cannot be read as a tar ({error}); fetch it again, or unpack what is gzipped"
        ) from error
    for key, file in others.items():
        if found[key].offset is None:
            raise UserError(
                f"{tar}, {file}: a sample's name ends at its first dot, and what is behind that is "
                "no ending of an image; name it without other dots"
            )
    return iter([one for one in found.values() if one.offset is not None])


def _check_end(tar: Path, end: int, count: int) -> None:
    """Refuse a tar that does not end where its reader, which tells nobody, took it to end."""
    with tar.open("rb") as file:
        file.seek(end)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise UserError(f"{tar} is cut or damaged after {count:,} samples; fetch it again")
        while block := file.read(MOST_FACTS):
            if block.strip(b"\0"):
                raise UserError(
                    f"{tar} goes on after its end, as tars do that were joined; unpack it, or put "
                    "them side by side"
                )


def _label(ending: str, text: bytes, where: str) -> int | None:
    """The class that a .cls or .json tells; None where a .json tells none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}.{ending} cannot be read ({error}); mend it") from error
    if isinstance(value, dict):
        value = value.get("label", value.get("cls"))
    if type(value) is int and 0 <= value < 100_000:
        return value
    if ending == "json":  # may tell anything
        return None
    raise UserError(f"{where}.cls holds {str(value)[:80]!r}, which is no number of a class")


def _labels(samples: list[Sample]) -> np.ndarray | None:
    without = [one for one in samples if one.label is None]
    if len(without) == len(samples):
        return None
    if without:
        raise UserError(
            f"{without[0].where} has no class, but others have; give it one or take it out"
        )
    return np.array([one.label for one in samples], np.int64)


def _splits(samples: list[Sample]) -> tuple[dict[str, np.ndarray], str]:
    """By the names of the tars, where each tells a split; else by a hash of each sample's name."""
    told = {tar: _split_of(tar) for tar in {one.tar for one in samples}}
    by_name = all(told.values()) and "train" in told.values()
    rows: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    for i, one in enumerate(samples):
        split = told[one.tar] if by_name else None
        if split is None:
            tenth = hashlib.sha256(os.fsencode(one.key)).digest()[0] % 10
            split = "test" if tenth == 9 else "validation" if tenth == 8 else "train"
        rows[split].append(i)
    rule = "the names of the tars"
    if not by_name:
        rule = "sha256 of the sample's name mod 10: 0 to 7 train, 8 validation, 9 test"
    return {split: np.array(some, np.int64) for split, some in rows.items()}, rule


def _split_of(tar: Path) -> str | None:
    """The split that the name of a tar, or else that of its folder, tells; None if not just one."""
    for text in (tar.stem, tar.parent.name):
        words = re.findall("[a-z]+", text.lower())
        if len(told := {SPLIT_FOLDERS[word] for word in words if word in SPLIT_FOLDERS}) == 1:
            return told.pop()
    return None


def _channels(samples: list[Sample]) -> int:
    """1 where the first images are grey, as their headers say."""
    for one in samples:
        with opened(Path(one.where), data=one.read()) as image:
            if not is_grey(image.mode):
                return 3
    return 1


def is_grey(mode: str) -> bool:
    """Whether a mode of PIL has no colour."""
    return mode in ("1", "L", "LA", "I", "F") or mode.startswith("I;16")


def decoded(data: bytes, where: str, size: int, channels: int) -> np.ndarray:
    """An image as a square, uint8 (size, size, C).

    Raises:
        UserError: it cannot be read, or is in colour among grey ones.
    """
    with opened(Path(where), data=data) as image:
        if channels == 1 and not is_grey(image.mode):
            raise UserError(
                f"{where} is in colour, but the first {LOOKED_AT} images are grey; save them alike"
            )
        return fitted(image, size, channels)


def _batches(
    samples: list[Sample],
    labels: np.ndarray | None,
    parts: list[tuple[str, np.ndarray]],
    size: int,
    channels: int,
    first: int,
) -> Iterator[Batch]:
    def image(i: int) -> np.ndarray:
        return decoded(samples[i].read(), samples[i].where, size, channels)

    total = sum(len(part) for _, part in parts) - first
    with (
        progress(total, "reading images") as advance,
        ThreadPoolExecutor(os.cpu_count()) as pool,  # PIL decodes outside the interpreter's lock
    ):
        for split, whole in parts:
            part = whole[min(first, len(whole)) :]
            first -= len(whole) - len(part)
            if len(part):
                images = np.stack(list(pool.map(image, part.tolist())))
                yield Batch(split, images, None if labels is None else labels[part])
                advance(len(part))

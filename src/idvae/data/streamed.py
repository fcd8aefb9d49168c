"""Any set of images on the Hugging Face hub, or in a folder that its package reads, by streaming.

Originals are not kept: each comes, is resized, and goes.
"""

import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from idvae.data import hub
from idvae.data.folder import SPLIT_FOLDERS
from idvae.data.image_files import opened
from idvae.data.source import BY_INDEX, Batch, Plan, Request, at_most
from idvae.data.webdataset import LOOKED_AT, decoded, is_grey
from idvae.errors import UserError
from idvae.io.progress import progress

name = "hub"
summary = "any set of images on the Hugging Face hub, with --source OWNER/NAME"
licence = "that of the images, which idvae does not know"
kind = "images"
default_size = 64
default_n = None
needs_nothing = False

CHUNK = 256
HELD_OUT = {8: "validation", 9: "test"}  # of ten in a row; the others are for training

Row = tuple[np.ndarray, int]


def plan(request: Request) -> Plan:
    """The images of a set, as they come.

    Raises:
        UserError: no such set, no package, or no images for training in it.
    """
    if request.source is None:
        raise UserError("hub needs --source OWNER/NAME, a set of images on the Hugging Face hub")
    streams = _streams(hub.stream(request.source), request.source)
    image, label = _columns(streams["train"], request.source)
    counts = {split: _count(stream, split) for split, stream in streams.items()}
    taken: dict[str, int | None] = {split: None for split in streams}
    if request.n is not None and len(streams) == 1:
        taken["train"] = request.n
    elif request.n is not None:
        if None in counts.values():
            raise UserError(f"--n: {request.source} does not say how many images it has")
        rows = at_most({s: np.arange(n or 0) for s, n in counts.items()}, request.n, request.source)
        taken = {split: len(some) for split, some in rows.items()}
    streams = {split: hub.undecoded(stream, image) for split, stream in streams.items()}
    channels = 1
    for k, row in enumerate(islice(streams["train"], LOOKED_AT)):
        with opened(f"{request.source}, train {k}", data=_bytes(row[image])) as first:
            if not is_grey(first.mode):
                channels = 3
                break

    def images(split: str) -> Iterator[Row]:
        for k, row in enumerate(islice(streams[split], taken[split])):
            where = f"{request.source}, {split} {k}"
            pixels = decoded(_bytes(row[image]), where, request.size, channels)
            yield pixels, _class(row[label], where) if label else 0

    def batches() -> Iterator[Batch]:
        total = sum(taken[s] or counts[s] or 0 for s in streams)
        with progress(total, "reading images") as advance:
            pairs = _held_out(images("train")) if len(streams) == 1 else _each(images, streams)
            for split, rows in pairs:
                while some := list(islice(rows, CHUNK)):
                    labels = np.array([number for _, number in some], np.int64)
                    yield Batch(split, np.stack([p for p, _ in some]), labels if label else None)
                    advance(len(some))

    facts = {
        "channels": channels,
        "crop": f"centred square, antialiased to {request.size}",
        "split_rule": BY_INDEX if len(streams) == 1 else "that of the set",
        "classes": list(streams["train"].features[label].names) if label else None,
    }
    return Plan(facts, batches())


def _class(value: object, where: str) -> int:
    if not isinstance(value, int) or value < 0:
        raise UserError(
            f"{where} has the class {value}, which is none; a set needs one of all images"
        )
    return value


def _streams(found: Any, address: str) -> dict[str, Any]:
    """Our splits that there are, in our order."""
    named = {SPLIT_FOLDERS[split]: found[split] for split in found if split in SPLIT_FOLDERS}
    if "train" not in named:
        raise UserError(f"{address} has no split train, but {', '.join(found) or 'nothing'}")
    return {split: named[split] for split in ("train", "validation", "test") if split in named}


def _columns(stream: Any, address: str) -> tuple[str, str | None]:
    """The column of images, and that of classes."""
    features = stream.features or {}
    kinds = {column: type(feature).__name__ for column, feature in features.items()}
    images = [column for column, found in kinds.items() if found == "Image"]
    if not images:
        raise UserError(f"{address} has no column of images, but {', '.join(kinds) or 'unknown'}")
    labels = [column for column, found in kinds.items() if found == "ClassLabel"]
    return images[0], labels[0] if labels else None


def _count(stream: Any, split: str) -> int | None:
    splits = getattr(stream.info, "splits", None) or {}
    own = splits.get(str(getattr(stream, "split", split)))
    return None if own is None else own.num_examples


def _bytes(value: Any) -> bytes:
    if value.get("bytes") is not None:
        return value["bytes"]
    with open(value["path"], "rb") as file:
        return file.read()


def _each(images: Any, streams: Iterable[str]) -> Iterator[tuple[str, Iterator[Row]]]:
    for split in streams:
        yield split, images(split)


def _held_out(rows: Iterator[Row]) -> Iterator[tuple[str, Iterator[Row]]]:
    """A stream without splits: those held out wait in files, since splits are written in turn."""
    with tempfile.TemporaryFile() as validation, tempfile.TemporaryFile() as test:
        files: dict[str, Any] = {"validation": validation, "test": test}
        waiting: dict[str, list[int]] = {split: [] for split in files}
        shape: tuple[int, ...] = ()

        def train() -> Iterator[Row]:
            nonlocal shape
            for i, (pixels, label) in enumerate(rows):
                shape = pixels.shape
                if (split := HELD_OUT.get(i % 10)) is None:
                    yield pixels, label
                else:
                    files[split].write(pixels.tobytes())
                    waiting[split].append(label)

        def held(split: str) -> Iterator[Row]:
            files[split].seek(0)
            for label in waiting[split]:
                data = files[split].read(int(np.prod(shape)))
                yield np.frombuffer(data, np.uint8).reshape(shape), label

        yield "train", train()
        for split in files:
            yield split, held(split)

"""Any folder of images: any depth, sizes and modes; centre crop and antialiased resize."""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from idvae.data.attributes import read_attributes
from idvae.data.image_files import list_images, opened, upright
from idvae.data.resize import square
from idvae.data.source import Batch, Plan, Request, at_most, in_batches
from idvae.errors import UserError
from idvae.io.progress import progress

name = "folder"
summary = "any folder of images, with --source DIR; an attributes CSV with --attributes"
licence = "that of the images, which idvae does not know"
kind = "images"
default_size = 64
default_n = None
needs_nothing = False

CHUNK = 256
SPLIT_FOLDERS = {
    "train": "train", "val": "validation", "valid": "validation", "validation": "validation",
    "test": "test",
}  # fmt: skip


def plan(request: Request) -> Plan:
    """Images of a folder.

    Raises:
        UserError: no folder, no image in it, an image that cannot be read (unless bad ones are
            skipped), or attributes that do not match the images.
    """
    if request.source is None:
        raise UserError("folder needs --source DIR, the folder that holds the images")
    root = Path(request.source)
    files = list_images(root)
    splits, rule = _splits(root, files)
    indices = {split: np.array(rows, np.int64) for split, rows in splits.items()}
    indices = at_most(indices, request.n, str(root), sorted_by_name=True)
    order = [i for rows in indices.values() for i in rows]
    channels = _channels([files[i] for i in order])
    attributes, attribute_names = None, None
    if request.attributes is not None:
        relative = [str(f.relative_to(root)) for f in files]
        attributes, attribute_names = read_attributes(Path(request.attributes), relative)
    classes = _classes(root, files, split_folders=rule.startswith("the folders"))
    labels = None
    if classes:
        labels = np.array([classes.index(f.parent.name) for f in files], np.int64)
    facts = {
        "channels": channels,
        "crop": f"centred square, antialiased to {request.size}",
        "split_rule": rule,
        "classes": classes,
        "attributes": attribute_names,
    }
    late: dict[str, int] = {"skipped": 0}

    def batches() -> Iterator[Batch]:
        with progress(len(order), "reading images") as advance:
            for split, rows in indices.items():
                for part in in_batches(rows, CHUNK):
                    images = _read_part([files[i] for i in part], request, channels)
                    good = [k for k, image in enumerate(images) if image is not None]
                    late["skipped"] += len(images) - len(good)
                    advance(len(part))
                    if not good:
                        continue
                    kept = part[good]
                    yield Batch(
                        split,
                        np.stack([images[k] for k in good]),
                        None if labels is None else labels[kept],
                        None if attributes is None else attributes[kept],
                    )

    return Plan(facts, batches(), late)


def read_images(root: Path, size: int, channels: int, n: int) -> np.ndarray:
    """The first n images of a folder, uint8 (N, size, size, C).

    Raises:
        UserError: as `list_images`, or an image that cannot be read.
    """
    files = islice(list_images(root), n)
    return np.stack([read_image(file, size, channels) for file in files])


def read_image(path: Path, size: int, channels: int) -> np.ndarray:
    """One image as a square, uint8 (size, size, C), as `idvae.data.image_files` reads it.

    Raises:
        UserError: it is truncated, no image, or larger than any that is decoded.
    """
    with opened(path) as image:
        return fitted(image, size, channels)


def fitted(image: Image.Image, size: int, channels: int) -> np.ndarray:
    """What `opened` gave as a square, uint8 (size, size, C)."""
    # JPEG can decode at a half, a quarter… of its size; other formats ignore this.
    if image.format == "JPEG":
        image.draft("RGB", (2 * size, 2 * size))
    return np.asarray(square(upright(image, channels), size)).reshape(size, size, channels)


def _read_part(files: list[Path], request: Request, channels: int) -> list[np.ndarray | None]:
    def read(file: Path) -> np.ndarray | None:
        try:
            return read_image(file, request.size, channels)
        except UserError as error:
            if request.skip_bad:
                return None
            raise UserError(f"{error}, or leave out all such with --skip-bad") from error

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # PIL decodes outside the interpreter's lock
        return list(pool.map(read, files))


def _channels(files: list[Path]) -> int:
    """1 where all images are grey, as their headers say; unreadable ones do not count."""
    for file in files:
        try:
            with opened(file) as image:
                if image.mode not in ("1", "L", "I", "F") and not image.mode.startswith("I;16"):
                    return 3
        except UserError:  # read_image will say what is wrong with it
            continue
    return 1


def _splits(root: Path, files: list[Path]) -> tuple[dict[str, list[int]], str]:
    splits: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    tops = [f.relative_to(root).parts[0].lower() for f in files]
    if set(tops) <= set(SPLIT_FOLDERS):
        for i, top in enumerate(tops):
            splits[SPLIT_FOLDERS[top]].append(i)
        return splits, "the folders train, validation and test"
    for i, file in enumerate(files):
        # By name, so that adding a file moves no other.
        digest = hashlib.sha256(os.fsencode(file.relative_to(root).as_posix())).digest()
        tenth = digest[0] % 10
        splits["test" if tenth == 9 else "validation" if tenth == 8 else "train"].append(i)
    if not splits["train"]:  # a handful of files: train on what there is
        splits["train"] = splits["validation"] + splits["test"]
        splits["validation"], splits["test"] = [], []
    return splits, "sha256 of the relative path mod 10: 0 to 7 train, 8 validation, 9 test"


def _classes(root: Path, files: list[Path], split_folders: bool) -> list[str] | None:
    """Names of the folders right above the images, where all images are that deep."""
    depth = 3 if split_folders else 2
    if any(len(f.relative_to(root).parts) != depth for f in files):
        return None
    found = sorted({f.parent.name for f in files})
    return found if len(found) > 1 else None

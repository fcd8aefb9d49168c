"""CelebA (Liu et al. 2015): 202,599 aligned faces, 40 attributes, the official partition."""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import PIL

from idvae.data.celeba_crops import CROPS, DEFAULT, read_face
from idvae.data.celeba_files import PARTITION, Faces, from_files
from idvae.data.celeba_hub import from_hub
from idvae.data.source import DOWNLOAD, Batch, Plan, Request, at_most, in_batches
from idvae.errors import UserError
from idvae.io.progress import progress

name = "celeba"
summary = "202,599 aligned faces, 40 attributes; --source DIR, or a download; --crop NAME"
licence = "its authors' own: for non-commercial research only"
kind = "images"
default_size = 64
default_n = None
needs_nothing = False

COUNTS = {"train": 162_770, "validation": 19_867, "test": 19_962}
CHUNK = 256

# What `--condition attributes` takes of the 40.
MAIN = (
    "Bald", "Bangs", "Black_Hair", "Blond_Hair", "Brown_Hair", "Bushy_Eyebrows", "Eyeglasses",
    "Male", "Mouth_Slightly_Open", "Mustache", "No_Beard", "Pale_Skin", "Young",
)  # fmt: skip

# Where one is set in an edit, the others are cleared (IcGAN).
GROUPS = [
    ["Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair", "Bald"],
    ["Bald", "Bangs", "Receding_Hairline"],
    ["Straight_Hair", "Wavy_Hair"],
]


def plan(request: Request) -> Plan:
    """Cropped faces by the official partition.

    Raises:
        UserError: files that are missing or damaged, or lists that do not match the images.
    """
    crop = request.crop or DEFAULT
    if request.source is None:
        raise UserError(
            "celeba needs img_align_celeba (the folder or the .zip), list_attr_celeba.txt and "
            "list_eval_partition.txt: name their folder with --source DIR, or download about "
            "12 GB with --source huggingface"
        )
    faces = from_hub() if request.source == DOWNLOAD else from_files(Path(request.source))
    _check_counts(faces.splits, request.source)
    splits = at_most(faces.splits, request.n, name)
    rows = [(split, part) for split, all_ in splits.items() for part in in_batches(all_, CHUNK)]
    facts = {
        "channels": 3,
        "crop": f"{crop} {tuple(round(edge, 2) for edge in CROPS[crop])}, antialiased to "
        f"{request.size}",
        "split_rule": "the official partition",
        "attributes": faces.names,
        "main_attributes": [one for one in MAIN if one in faces.names] or None,
        "groups": GROUPS,
        "lists": _digest(faces),  # a write is continued only where these are the same
        "decoded_by": f"Pillow {PIL.__version__}",  # another one may round otherwise
    }
    resume = partial(_batches, faces, rows, crop, request.size)
    place = Path(request.source)  # of the lists and the .zip; images of a folder may be mended
    originals = () if request.source == DOWNLOAD else filter(Path.is_file, sorted(place.iterdir()))
    return Plan(facts, resume(0), resume=resume, originals=tuple(originals))


def _batches(
    faces: Faces, parts: list[tuple[str, np.ndarray]], crop: str, size: int, first: int
) -> Iterator[Batch]:
    def face(stored: tuple[int, bytes]) -> np.ndarray:
        return read_face(stored[1], crop, size, faces.where(stored[0]))

    # PIL decodes outside the interpreter's lock.
    total = sum(len(part) for _, part in parts) - first
    with (
        progress(total, "cropping faces") as advance,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        for split, whole in parts:
            part = whole[min(first, len(whole)) :]
            first -= len(whole) - len(part)
            if len(part):
                stored = [(row, faces.read(row)) for row in part.tolist()]
                images = np.stack(list(pool.map(face, stored)))
                yield Batch(split, images, attributes=faces.attributes[part])
                advance(len(part))


def _check_counts(splits: dict[str, np.ndarray], where: str) -> None:
    found = {split: len(rows) for split, rows in splits.items()}
    whole = where == DOWNLOAD or sum(found.values()) == sum(COUNTS.values())
    if whole and found != COUNTS:
        split = next(split for split in COUNTS if found[split] != COUNTS[split])
        raise UserError(
            f"{where}: the partition has {found[split]:,} images for {split}, not the official "
            f"{COUNTS[split]:,}; fetch {PARTITION} again"
        )


def _digest(faces: Faces) -> str:
    arrays = [*faces.splits.values(), faces.attributes]
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()

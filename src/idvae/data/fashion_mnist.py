"""Fashion-MNIST (Xiao, Rasul and Vollgraf 2017): 70,000 grey garments of 28×28, 10 classes."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from idvae.data.idx import find, read_idx
from idvae.data.resize import resize_grey
from idvae.data.source import DOWNLOAD, Batch, Plan, Request, at_most, in_batches
from idvae.errors import UserError

name = "fashion-mnist"
summary = "70,000 grey garments of 28×28, 10 classes; --source DIR, Debian's package, or a download"
kind = "images"
default_size = 32
default_n = None

DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # of the package dataset-fashion-mnist
HUB = "zalando-datasets/fashion_mnist"
CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
VALIDATION = 5000
needs_nothing = DEBIAN.is_dir()


def plan(request: Request) -> Plan:
    """The official test images are the test; the last 5,000 of the others are for validation."""
    (images, labels), (test_images, test_labels) = _read(request.source)
    last = len(images) - min(VALIDATION, len(images) // 10)
    images, labels = np.concatenate([images, test_images]), np.concatenate([labels, test_labels])
    i = np.arange(len(images))
    first_test = len(images) - len(test_images)
    splits = {"train": i[:last], "validation": i[last:first_test], "test": i[first_test:]}
    splits = at_most(splits, request.n, name)

    def batches() -> Iterator[Batch]:
        for split, rows in splits.items():
            for part in in_batches(rows):
                yield Batch(split, _fit(images[part], request.size), labels[part])

    crop = "2 black pixels around" if request.size == 32 else f"antialiased to {request.size}"
    facts = {
        "channels": 1,
        "crop": f"whole 28×28 image, {crop}",
        "split_rule": f"the official test; the last {VALIDATION:,} of the rest for validation",
        "classes": list(CLASSES),
    }
    return Plan(facts, batches())


def _fit(images: np.ndarray, size: int) -> np.ndarray:
    if size == 32:  # no pixel is changed
        return np.pad(images, ((0, 0), (2, 2), (2, 2)))[..., None]
    return resize_grey(images, size, Image.Resampling.LANCZOS)


Part = tuple[np.ndarray, np.ndarray]


def _read(source: str | None) -> tuple[Part, Part]:
    if source == DOWNLOAD:
        return _download()
    folder = Path(source) if source else DEBIAN
    if not folder.is_dir():
        if source:
            raise UserError(f"--source {source}: no such folder")
        raise UserError(
            "fashion-mnist was not found; give its four idx .gz files with --source DIR, install "
            "Debian's package dataset-fashion-mnist, or download it with --source huggingface"
        )
    return _part(folder, "train"), _part(folder, "t10k")


def _part(folder: Path, prefix: str) -> Part:
    images = read_idx(find(folder, f"{prefix}-images-idx3-ubyte"), 3)
    labels = read_idx(find(folder, f"{prefix}-labels-idx1-ubyte"), 1)
    if not len(images):
        raise UserError(f"{folder}: the {prefix} files hold no image; fetch them again")
    if len(images) != len(labels) or images.shape[1:] != (28, 28) or labels.max() > 9:
        raise UserError(f"{folder}: the {prefix} images and labels do not belong together")
    return images, labels.astype(np.int64)


def _download() -> tuple[Part, Part]:
    try:
        import datasets
    except ImportError as error:
        raise UserError(
            f"Hugging Face datasets is not installed ({error}): pip install 'idvae[hub-data]'"
        ) from error
    try:
        both = datasets.load_dataset(HUB)
    except Exception as error:  # it has no common class for a missing network
        raise UserError(f"{HUB} could not be downloaded ({error}); use --source DIR") from error

    def part(split: str) -> Part:
        images = np.stack([np.asarray(image) for image in both[split]["image"]])
        return images, np.asarray(both[split]["label"], np.int64)

    return part("train"), part("test")

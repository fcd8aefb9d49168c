"""Small classified sets with an official test: MNIST, Fashion-MNIST, CIFAR-10."""

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from idvae.data.resize import resize_all
from idvae.data.source import Batch, Plan, Request, at_most, in_batches
from idvae.io.progress import progress

Part = tuple[np.ndarray, np.ndarray]  # images, uint8 (N, H, W, C), and classes, int64 (N,)

VALIDATION = 5000
PADDED = 28  # px; such images reach 32 without a change of any pixel


def plan_official(
    name: str, parts: Sequence[Part], request: Request, classes: Sequence[str]
) -> Plan:
    """The official test images are the test; the last 5,000 of the others are for validation.

    Args:
        name: of the source.
        parts: the official training part and the official test.
        request: its size and n are heeded.
        classes: names in the order of their numbers.

    Raises:
        UserError: more images are asked for than there are.
    """
    (images, labels), (test_images, test_labels) = parts
    last = len(images) - min(VALIDATION, len(images) // 10)  # less of the files of a test
    images, labels = np.concatenate([images, test_images]), np.concatenate([labels, test_labels])
    i = np.arange(len(images))
    first_test = len(images) - len(test_images)
    splits = {"train": i[:last], "validation": i[last:first_test], "test": i[first_test:]}
    splits = at_most(splits, request.n, name)

    def batches() -> Iterator[Batch]:
        with progress(sum(map(len, splits.values())), f"preparing {name}") as advance:
            for split, rows in splits.items():
                for part in in_batches(rows):
                    yield Batch(split, _fit(images[part], request.size), labels[part])
                    advance(len(part))

    side, channels = images.shape[1], images.shape[3]
    facts = {
        "channels": channels,
        "crop": f"whole {side}×{side} image, {_how(side, request.size)}",
        "split_rule": f"the official test; the last {VALIDATION:,} of the rest for validation",
        "classes": list(classes),
    }
    return Plan(facts, batches())


def _how(side: int, size: int) -> str:
    if side == size:
        return "as it is"
    return "2 black pixels around" if (side, size) == (PADDED, 32) else f"antialiased to {size}"


def _fit(images: np.ndarray, size: int) -> np.ndarray:
    side = images.shape[1]
    if side == size:
        return images
    if (side, size) == (PADDED, 32):
        return np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    return resize_all(images, size, Image.Resampling.LANCZOS)

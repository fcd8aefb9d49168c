"""scikit-learn's handwritten digits: 1,797 real scans of 8×8, bundled with the package."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from idvae.data.resize import resize_all
from idvae.data.source import BY_CLASS, Batch, Plan, Request, at_most, by_class, missing

name = "digits"
summary = "1,797 real handwritten digits of 8×8 (scikit-learn), 10 classes; no download"
licence = "CC BY 4.0, UCI's Optical Recognition of Handwritten Digits (Alpaydin and Kaynak)"
kind = "images"
default_size = 16
default_n = None
needs_nothing = True


def plan(request: Request) -> Plan:
    """Digits, enlarged bicubically."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise missing("scikit-learn", error) from error
    bunch = load_digits()
    # Their ink has 17 levels, 0 to 16.
    images = np.round(bunch.images * (255 / 16)).astype(np.uint8)
    labels = bunch.target.astype(np.int64)
    splits = at_most(by_class(labels), request.n, name)

    def batches() -> Iterator[Batch]:
        for split, rows in splits.items():
            resized = resize_all(images[rows, ..., None], request.size, Image.Resampling.BICUBIC)
            yield Batch(split, resized, labels[rows])

    facts = {
        "channels": 1,
        "crop": f"whole 8×8 image, bicubic to {request.size}",
        "split_rule": BY_CLASS,
        "classes": [str(digit) for digit in range(10)],
    }
    return Plan(facts, batches())

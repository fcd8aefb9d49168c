"""Images to squares of a size: centre crop, then an antialiased resize."""

import numpy as np
from PIL import Image


def square(image: Image.Image, size: int) -> Image.Image:
    """The largest centred square of an image, at size × size pixels."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    return image.resize((size, size), Image.Resampling.LANCZOS, box=box)


def resize_grey(images: np.ndarray, size: int, resample: Image.Resampling) -> np.ndarray:
    """Resize small grey images, uint8 (N, H, W), to (N, size, size, 1)."""
    resized = np.empty((len(images), size, size, 1), np.uint8)
    for i, image in enumerate(images):
        resized[i, :, :, 0] = Image.fromarray(image).resize((size, size), resample)
    return resized

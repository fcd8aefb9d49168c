"""Images to squares of a size: centre crop, then an antialiased resize."""

import numpy as np
from PIL import Image


def square(image: Image.Image, size: int) -> Image.Image:
    """The largest centred square of an image, at size × size pixels."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    return image.resize((size, size), Image.Resampling.LANCZOS, box=box)


def resize_all(images: np.ndarray, size: int, resample: Image.Resampling) -> np.ndarray:
    """Resize small images, uint8 (N, H, W, C) with C of 1 or 3, to (N, size, size, C)."""
    resized = np.empty((len(images), size, size, images.shape[3]), np.uint8)
    for i, pixels in enumerate(images):
        image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
        resized[i] = np.asarray(image.resize((size, size), resample)).reshape(resized.shape[1:])
    return resized

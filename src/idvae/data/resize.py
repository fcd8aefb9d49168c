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
    resized = [np.asarray(Image.fromarray(i).resize((size, size), resample)) for i in images]
    return np.stack(resized)[..., None]

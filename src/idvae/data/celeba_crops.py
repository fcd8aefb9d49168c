"""The named crops of CelebA's aligned images: what each paper showed to its networks."""

import io

import numpy as np
from PIL import Image

from idvae.errors import UserError

WIDTH, HEIGHT = 178, 218
DEFAULT = "closecrop"

# Left, top, right, bottom in an aligned image.
CROPS: dict[str, tuple[float, float, float, float]] = {
    "closecrop": (19, 39, 159, 179),  # IDVAE's authors
    "vae-gan": (15, 40, 163, 188),
    # ALI and AGE resize to 64×78, then take rows 7 to 71; this is the same in one step.
    "ali": (0, 7 * HEIGHT / 78, WIDTH, 71 * HEIGHT / 78),
    "avb": (25, 45, 153, 173),
    "icgan": (30, 40, 168, 178),
}


def read_face(data: bytes, crop: str, size: int, where: str) -> np.ndarray:
    """Decode an aligned image, crop it, and resize it antialiased.

    Args:
        data: the JPEG file.
        crop: a key of `CROPS`.
        size: side in pixels.
        where: what messages call it.

    Returns:
        uint8 (size, size, 3).

    Raises:
        UserError: it is damaged, or has not the size of CelebA's aligned images.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            if image.size == (WIDTH, HEIGHT):  # before decoding: a small file can claim any size
                return _cut(image.convert("RGB"), CROPS[crop], size)
            side = f"{image.width}×{image.height}"
    except Exception as error:  # whatever PIL's parser raises
        raise UserError(f"{where} cannot be read as an image ({error}); fetch it again") from error
    raise UserError(f"{where} has {side} pixels, not {WIDTH}×{HEIGHT}: it is no aligned image")


def _cut(image: Image.Image, box: tuple[float, ...], size: int) -> np.ndarray:
    if all(float(edge).is_integer() for edge in box):
        # Cropped first, so that pixels outside have no part in the result.
        image = image.crop(tuple(map(int, box)))
        return np.asarray(image.resize((size, size), Image.Resampling.LANCZOS))
    return np.asarray(image.resize((size, size), Image.Resampling.LANCZOS, box=box))

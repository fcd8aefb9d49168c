"""Images that someone uploads: few bytes, few pixels, one picture; checked before decoding."""

from pathlib import Path

import numpy as np

from idvae.data.folder import fitted
from idvae.data.image_files import opened
from idvae.errors import UserError
from idvae.networks import DataShape

MAX_BYTES = 10_000_000
# Decoded with transparency and laid on white, three times 4 bytes a pixel are held at once.
MAX_PIXELS = 20_000_000


def read_upload(path: Path, shape: DataShape) -> np.ndarray:
    """An uploaded image as the model takes it, uint8 (H, W, C): centre crop, resized.

    Messages name the file and not the folder that it was put into.

    Raises:
        UserError: too many bytes or pixels, an animation, or what cannot be read as an image.
    """
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise UserError(
            f"{path.name} has {size / 1e6:.0f} MB, more than {MAX_BYTES / 1e6:.0f}; make it smaller"
        )
    try:
        with opened(path, MAX_PIXELS) as image:
            if getattr(image, "is_animated", False):
                raise UserError(f"{path.name} moves or has several pages; save one picture of it")
            return fitted(image, shape.size, shape.channels)
    except UserError as error:
        raise UserError(str(error).replace(str(path), path.name)) from error

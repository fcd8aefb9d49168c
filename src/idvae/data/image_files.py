"""The one reader of image files: upright, on white, 8 bits a channel, whoever asks.

The size is checked in the header, before anything is decoded: a small file can claim a huge image.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from idvae.errors import UserError

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
# What these endings stand for. PIL goes by the content, and knows formats that start programs.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
MAX_PIXELS = 100_000_000


def list_images(root: Path) -> list[Path]:
    """Files with an ending of an image, at any depth, in the order of their names.

    Raises:
        UserError: no such folder, or no image in it.
    """
    if not root.is_dir():
        raise UserError(f"{root}: no such folder")
    files = sorted(f for f in files_below(root) if f.suffix.lower() in ENDINGS and f.is_file())
    if not files:
        raise UserError(f"{root} holds no image; endings are {', '.join(ENDINGS)}")
    return files


def files_below(root: Path) -> Iterator[Path]:
    """What lies in a folder at any depth, linked folders too, each once.

    Raises:
        UserError: a folder cannot be read.
    """

    def unread(error: OSError) -> None:
        raise UserError(
            f"{error.filename} cannot be read ({error.strerror}); its images are needed"
        )

    seen = set()
    for place, folders, names in os.walk(root, followlinks=True, onerror=unread):
        if (real := os.path.realpath(place)) in seen:
            folders.clear()  # a link that leads back, or to where another one did
            continue
        seen.add(real)
        folders.sort()
        yield from (Path(place, name) for name in names)


@contextmanager
def opened(
    path: Path | str, most: int = MAX_PIXELS, data: bytes | None = None
) -> Iterator[Image.Image]:
    """The image of a file, its header read and found in bounds, its pixels not yet decoded.

    What fails while it is used, decoding above all, is told as what fails here.

    Args:
        path: the file.
        most: pixels that it may have.
        data: its bytes, where it is in no file; `path` is what messages call it.

    Raises:
        UserError: it is no image, damaged, or larger than `most`.
    """
    try:
        place = path if data is None else io.BytesIO(data)
        with Image.open(place, formats=FORMATS) as image:
            if image.width * image.height > most:
                raise _too_large(path, f"{image.width}×{image.height}", most)
            yield image
    except UserError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(path, "far too many", most) from error  # PIL's own check comes before ours
    except Exception as error:  # a damaged file: whatever PIL's parser of its format raises
        why = str(error)[:200] or type(error).__name__
        if data is not None and isinstance(error, UnidentifiedImageError):
            why = "it is of no known format"  # PIL names the object that holds the bytes
        raise UserError(
            f"{path} cannot be read as an image ({why}); mend it or take it out"
        ) from error


def upright(image: Image.Image, channels: int) -> Image.Image:
    """Decode what `opened` gave: turned as its EXIF says, transparency on white, 16 bits scaled.

    Args:
        image: any mode; it is turned in its place.
        channels: 1 or 3.

    Returns:
        an image of mode L or RGB.

    Raises:
        ValueError: numbers that no rule makes bytes of, or whatever PIL raises of damaged files;
            `opened` makes a UserError of it.
    """
    ImageOps.exif_transpose(image, in_place=True)  # else it copies what need not be turned
    if image.mode == "F":
        raise ValueError("it holds floats; save it with 8 bits a channel")
    if image.mode.startswith("I;16") or image.mode == "I":
        # PIL would clip 16 bits to 255 instead of scaling them.
        grey = np.asarray(image)
        if grey.size and not 0 <= grey.min() <= grey.max() <= 65535:
            raise ValueError("it holds more than 16 bits; save it with 8 bits a channel")
        image = Image.fromarray(((grey.astype(np.uint32) + 128) // 257).astype(np.uint8))
    if "A" in image.mode or "transparency" in image.info:
        rgba = image if image.mode == "RGBA" else image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        image = Image.alpha_composite(white, rgba)
    return image.convert("L" if channels == 1 else "RGB")


def read_rgb(path: Path, most: int | None = None) -> np.ndarray | int:
    """A whole image, uint8 (H, W, 3).

    Args:
        path: the file.
        most: bytes; of an image that would take more, nothing is decoded.

    Returns:
        the pixels, or how many bytes they would take where that is more than `most`.

    Raises:
        UserError: as `opened`.
    """
    with opened(path) as image:
        if most is not None and image.width * image.height * 3 > most:
            return image.width * image.height * 3
        return np.asarray(upright(image, 3))


def _too_large(path: Path | str, claimed: str, most: int) -> UserError:
    return UserError(
        f"{path} claims {claimed} pixels, more than {most:,}; make it smaller or take it out"
    )

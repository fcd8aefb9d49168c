"""Pictures from arrays: grids of images, and the density of 2-D samples. No torch."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from idvae.io.destination import Destination, Kind, whole
from idvae.pictures import theme

SOFTWARE = "idvae"
MOST_ENLARGED = 50_000_000  # pixels; PIL warns of pictures that have more than 89 million
PATH = str | PathLike[str] | Destination  # a path is replaced, a destination where it may be


def grid(images: np.ndarray, columns: int | None = None, gap: int = 2) -> np.ndarray:
    """Tile images into one, row after row, on white.

    Args:
        images: uint8, shape (N, H, W, C), C 1 or 3.
        columns: images in a row; by default the grid is as square as it can be.
        gap: pixels between images and around them.

    Returns:
        uint8, shape (height, width, C).
    """
    n, h, w, c = images.shape
    columns = min(columns or int(np.ceil(np.sqrt(n))), n)
    rows = -(-n // columns)
    canvas = np.full((rows * (h + gap) + gap, columns * (w + gap) + gap, c), theme.BLANK, np.uint8)
    for i, image in enumerate(images):
        top, left = gap + (i // columns) * (h + gap), gap + (i % columns) * (w + gap)
        canvas[top : top + h, left : left + w] = image
    return canvas


def pairs(originals: np.ndarray, others: np.ndarray, columns: int = 8) -> np.ndarray:
    """A grid of row pairs: `columns` originals, and right below them what was made of them.

    Args:
        originals, others: uint8, the same shape (N, H, W, C).
    """
    columns = min(columns, len(originals))
    rows = []
    for first in range(0, len(originals), columns):
        part = slice(first, first + columns)
        for images in (originals[part], others[part]):
            blank = np.full((columns - len(images), *images.shape[1:]), theme.BLANK, np.uint8)
            rows.append(np.concatenate([images, blank]))
    return grid(np.concatenate(rows), columns)


def enlarge(image: np.ndarray, least: int = 480) -> np.ndarray:
    """Repeat pixels until the shorter side has at least `least` of them, so that a viewer
    neither hides nor blurs small images; fewer times where that would make too many."""
    height, width = image.shape[:2]
    factor = min(-(-least // min(height, width)), int((MOST_ENLARGED / (height * width)) ** 0.5))
    factor = max(1, factor)
    return image.repeat(factor, 0).repeat(factor, 1)


def with_row_labels(image: np.ndarray, labels: Sequence[str], right: bool = False) -> np.ndarray:
    """Write a label beside each of the equal rows of a grid.

    Args:
        image: uint8 (height, width, C).
        labels: one a row.
        right: to the right of the rows; else to their left.

    Returns:
        uint8, shape (height, wider, 3).
    """
    height, width, c = image.shape
    font = theme.font(min(20, max(9, height // len(labels) // 3)))
    side = int(max(font.getlength(label) for label in labels)) + 12
    canvas = Image.new("RGB", (width + side, height), theme.PAPER)
    picture = Image.fromarray(np.ascontiguousarray(image.repeat(3, 2) if c == 1 else image))
    canvas.paste(picture, (0 if right else side, 0))
    draw = ImageDraw.Draw(canvas)
    x, anchor = (width + 6, "lm") if right else (side - 6, "rm")
    for i, label in enumerate(labels):
        middle = (i + 0.5) * height / len(labels)
        draw.text((x, middle), label, fill=theme.INK, font=font, anchor=anchor)
    return np.asarray(canvas)


def with_column_labels(image: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """Write a label above each of the equal columns of a grid, reading upwards."""
    return np.rot90(with_row_labels(np.rot90(image, -1), labels, right=True))


def save_png(path: PATH, image: np.ndarray) -> None:
    """Write one image, uint8 (H, W, C), whole or not at all."""
    with whole(path) as temporary:
        Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(temporary, "PNG")


def save_density(
    path: PATH,
    data: np.ndarray,
    samples: np.ndarray,
    title: str,
    labels: tuple[str, str] | None = None,
) -> None:
    """Draw two sets of points side by side as densities on the same axes.

    Args:
        path: a .png file.
        data, samples: float, shapes (N, 2) and (M, 2).
        title: what stands above the samples.
    """
    left, right = labels or (f"data ({len(data):,})", title)
    half = 1.3 * np.abs(data).max()
    with theme.figure((9, 4.6), columns=2) as (figure, axes):
        for axis, points, name in zip(axes.flat, (data, samples), (left, right), strict=True):
            counts, *_ = np.histogram2d(*points.T, bins=160, range=[[-half, half]] * 2)
            # The square root keeps thin bridges between the modes visible.
            density = np.sqrt(counts.T)
            axis.imshow(density, origin="lower", extent=[-half, half] * 2, aspect="equal")
            axis.set_title(name)
        theme.save(figure, path)


def save_images(folder: Path, images: np.ndarray) -> None:
    """Write each image as NNNNN.png into a folder that exists."""
    made = PngInfo()
    made.add_text("Software", SOFTWARE)
    for i, image in enumerate(images):
        Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(
            folder / f"{i:05d}.png", pnginfo=made
        )


def _all_made_here(folder: Path) -> bool:
    """Whether all PNGs of a folder say that `save_images` wrote them."""
    for file in folder.glob("[!.]*"):
        try:
            with Image.open(file, formats=("PNG",)) as image:  # reads the header alone
                if image.info.get("Software") != SOFTWARE:
                    return False
        except Exception:  # whatever PIL's parser raises of a damaged file
            return False
    return True


# Folders of numbered PNGs are common: only what is written in the files tells ours from others.
FOLDER = Kind("a folder of numbered PNGs", None, ("[0-9]*[0-9].png",), _all_made_here)

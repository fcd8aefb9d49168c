"""The paper's Table 2: one picture, a row a method: originals, reconstructions, generations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np
from PIL import Image, ImageDraw

from idvae.pictures import grids, theme

COLUMNS, LINES = 5, 2  # images in a block
BLOCK = COLUMNS * LINES
HEADS = ("Originals", "Reconstructions", "Generations")
CELL = 56  # pixels that an image is enlarged to, at least
MARGIN, TEXT = 14, 20


@dataclass(frozen=True)
class Strip:
    """A row of the picture.

    Attributes:
        name: of the method.
        reconstructions: of the originals, uint8 (BLOCK, H, W, C); None where it makes none.
        generations: the same of samples.
    """

    name: str
    reconstructions: np.ndarray | None
    generations: np.ndarray


def save_mosaic(path: str | PathLike[str], originals: np.ndarray, strips: Sequence[Strip]) -> None:
    """Draw all methods below each other, pixels enlarged by a whole number.

    Args:
        path: a .png file.
        originals: uint8 (BLOCK, H, W, C), the same for all rows.
        strips: at least one.
    """
    font = theme.font(TEXT)
    scale = max(1, -(-CELL // originals.shape[1]))
    blocks = [
        [
            None if b is None else _block(b, scale)
            for b in (originals, s.reconstructions, s.generations)
        ]
        for s in strips
    ]
    height, width, _ = blocks[0][0].shape
    label = MARGIN + round(max(font.getlength(line) for s in strips for line in _lines(s.name)))
    left = [label + MARGIN + i * (width + MARGIN) for i in range(3)]
    top = [MARGIN + 2 * TEXT + i * (height + MARGIN) for i in range(len(strips))]
    picture = Image.new("RGB", (left[2] + width + MARGIN, top[-1] + height + MARGIN), theme.PAPER)
    draw = ImageDraw.Draw(picture)
    for x, head in zip(left, HEADS, strict=True):
        draw.text((x + width / 2, MARGIN + TEXT / 2), head, theme.INK, font, anchor="mm")
    for y, strip, row in zip(top, strips, blocks, strict=True):
        text = "\n".join(_lines(strip.name))
        draw.text((MARGIN, y + height / 2), text, theme.INK, font, anchor="lm")
        for x, block in zip(left, row, strict=True):
            if block is None:
                middle = (x + width / 2, y + height / 2)
                draw.text(middle, "none: no encoder", theme.FAINT, font, anchor="mm")
            else:
                picture.paste(Image.fromarray(block), (x, y))
    grids.save_png(path, np.asarray(picture))


def _block(images: np.ndarray, scale: int) -> np.ndarray:
    """A grid of enlarged images in colour."""
    large = images.repeat(scale, 1).repeat(scale, 2)
    tiled = grids.grid(large, COLUMNS)
    return np.ascontiguousarray(np.broadcast_to(tiled, (*tiled.shape[:2], 3)))


def _lines(name: str) -> list[str]:
    """A name of several options on lines of its own."""
    return name.replace(" (", "\n(").replace(", ", ",\n").split("\n")

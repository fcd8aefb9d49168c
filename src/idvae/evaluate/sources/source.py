"""What images to be scored come from: the protocol of a source, and the check of what it gives.

Every source gives chunks of uint8 images, an array (k, H, W, C) where all have one size and a
list of arrays (H, W, C) where they differ.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from math import inf, nan
from typing import Any

import numpy as np

from idvae.errors import UserError

CHUNK = 64  # images handed on at a time

Chunk = np.ndarray | list[np.ndarray]
Range = tuple[float, float]


def as_bytes(images: Any, where: str, value_range: Range | None = None) -> np.ndarray:
    """Check an array of images and bring it to uint8 (N, H, W, C).

    Args:
        images: uint8, or float if `value_range` says what black and white are; shape
            (N, H, W, C) with C 1 or 3, or (N, H, W).
        where: what the images are called in messages.
        value_range: of floats, such as (−1, 1).

    Raises:
        UserError: another shape or type, NaN, or values out of the range.
    """
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[3] not in (1, 3) or 0 in images.shape[1:3]:
        raise UserError(
            f"{where}: images have the shape (N, H, W, C) with 1 or 3 channels, not {images.shape}"
        )
    if images.dtype == np.uint8:
        return images
    if not np.issubdtype(images.dtype, np.floating):
        raise UserError(f"{where}: images are uint8, not {images.dtype}")
    if not np.isfinite(images).all():
        count = int((~np.isfinite(images).all(axis=(1, 2, 3))).sum())
        raise UserError(f"{where}: {count} of {len(images)} images hold NaN or infinite values")
    low, high = (float(images.min()), float(images.max())) if images.size else (0.0, 0.0)
    if value_range is None:
        raise UserError(
            f"{where}: images are {images.dtype} from {low:.3g} to {high:.3g}; save them as uint8, "
            "or say what black and white are with --range=-1,1"
        )
    black, white = value_range
    slack = 1e-3 * (white - black)
    if low < black - slack or high > white + slack:
        raise UserError(
            f"{where}: values from {low:.3g} to {high:.3g} leave the range {black:g} to {white:g}"
        )
    scaled = (images.astype(np.float64) - black) * (255.0 / (white - black))
    return scaled.round().clip(0, 255).astype(np.uint8)


def checked_range(value_range: Any) -> Range | None:
    """Black and white as floats, so that one range is told in one way.

    Raises:
        UserError: they are no two finite numbers, the lower one first.
    """
    if value_range is None:
        return None
    try:
        black, white = (float(value) for value in value_range)
    except (TypeError, ValueError):
        black = white = nan
    if not -inf < black < white < inf:
        raise UserError(f"{value_range!r} is no black and white of images, such as (-1, 1)")
    return black, white


class Source(ABC):
    """Images that can be drawn from.

    Attributes:
        name: as in messages and tables.
        count: how many images there are; None where more can always be drawn.
    """

    name: str
    count: int | None

    @abstractmethod
    def share(
        self, n: int, part: int, seed: int, rank: int, world: int
    ) -> Iterator[tuple[int, Chunk]]:
        """What one of several processes takes of a sample set: of its blocks every world-th.

        The sample set is the same for any number of processes.

        Args:
            n, part, seed: as of `draw`.
            rank, world: the number of the process and how many there are.

        Returns:
            chunks, each with the place of its first image in the sample set.

        Raises:
            UserError: images that cannot be read, or are fewer.
        """

    def draw(self, n: int, part: int, seed: int) -> Iterator[Chunk]:
        """The part-th sample set, n images: fresh ones, or disjoint from those of other parts."""
        return (chunk for _, chunk in self.share(n, part, seed, 0, 1))

    def checksum(self) -> str | None:
        """What tells contents apart; None for a sampler."""
        return None

    def parts(self, n: int, wanted: int) -> int:
        """How many sample sets of n there are, `wanted` at most.

        Raises:
            UserError: not even one.
        """
        if self.count is None:
            return wanted
        if self.count < max(n, 2):
            raise UserError(
                f"{self.name} has {self.count:,} images, fewer than the {max(n, 2):,} to score; "
                "pass a smaller n, of at least 2"
            )
        return min(wanted, self.count // n)

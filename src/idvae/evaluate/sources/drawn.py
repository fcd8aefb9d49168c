"""Images that are made while they are scored: by a sampling function, or an iterable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from idvae.errors import UserError
from idvae.evaluate.sources import source
from idvae.evaluate.sources.source import Chunk, Range, Source, as_bytes
from idvae.seeds import SAMPLE_SETS, seed_for


def seed_of_set(seed: int, part: int) -> int:
    """The seed of the part-th sample set, of 32 bits, which every generator takes.

    Sets of one seed, and of seeds that lie beside each other, share nothing.
    """
    return seed_for(seed, SAMPLE_SETS, part) % 2**32


class Sampler(Source):
    """A function that draws.

    Args:
        function: (n, seed) → images, or an iterable of arrays of images, n in all.
        name: as in messages.
        value_range: of floats.
    """

    count = None

    def __init__(
        self,
        function: Callable[[int, int], Any],
        name: str = "sampler",
        value_range: Range | None = None,
    ) -> None:
        self.function, self.name, self.value_range = function, name, value_range

    def draw(self, n: int, part: int, seed: int) -> Iterator[Chunk]:
        drawn = self.function(n, seed_of_set(seed, part))
        given = 0
        for chunk in rechunked(drawn, self.name, self.value_range):
            given += len(chunk)
            yield chunk
        if given != n:
            raise UserError(f"{self.name} was asked for {n:,} images and gave {given:,}")


class Stream(Source):
    """An iterable of arrays of images, used once.

    Args:
        arrays: each (H, W, C) or (k, H, W, C).
        name: as in messages.
        value_range: of floats.
    """

    count = None

    def __init__(
        self, arrays: Iterable[Any], name: str = "images", value_range: Range | None = None
    ) -> None:
        self.arrays, self.name, self.value_range = arrays, name, value_range

    def parts(self, n: int, wanted: int) -> int:
        return 1

    def draw(self, n: int, part: int, seed: int) -> Iterator[Chunk]:
        left = n
        for chunk in rechunked(self.arrays, self.name, self.value_range):
            chunk = chunk[:left]
            left -= len(chunk)
            yield chunk
            if not left:
                return
        raise UserError(
            f"{self.name} gave {n - left:,} images, fewer than {n:,}; pass n={n - left}"
        )


def rechunked(images: Any, where: str, value_range: Range | None) -> Iterator[Chunk]:
    """Arrays of any number of images as chunks of source.CHUNK, checked."""
    single = isinstance(images, np.ndarray) and images.ndim == 4
    flat = _each([images] if single else images, where, value_range)
    while chunk := list(islice(flat, source.CHUNK)):
        sizes = {image.shape for image in chunk}
        yield np.stack(chunk) if len(sizes) == 1 else chunk


def _each(arrays: Iterable[Any], where: str, value_range: Range | None) -> Iterator[np.ndarray]:
    for array in arrays:
        array = np.asarray(array)
        yield from as_bytes(array[None] if array.ndim == 3 else array, where, value_range)

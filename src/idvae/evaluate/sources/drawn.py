"""Images that are made while they are scored: by a sampling function, or an iterable.

Of samples that have numbers a process draws its own alone. What comes one after another has to be
drawn whole by each process, which then hands on its own.
"""

from __future__ import annotations

import hashlib
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


class Numbered(Source):
    """Samples that have numbers, of which any can be drawn without the others.

    Args:
        function: (first, last, seed) → images from number `first` to before `last`; an image
            depends on its number and the seed alone.
        name: as in messages.
        value_range: of floats.
    """

    count = None

    def __init__(
        self,
        function: Callable[[int, int, int], Any],
        name: str = "samples",
        value_range: Range | None = None,
    ) -> None:
        self.function, self.name, self.value_range = function, name, value_range

    def share(
        self, n: int, part: int, seed: int, rank: int, world: int
    ) -> Iterator[tuple[int, Chunk]]:
        own = seed_of_set(seed, part)
        for first in range(rank * source.CHUNK, n, world * source.CHUNK):
            last = min(first + source.CHUNK, n)
            chunk = as_bytes(self.function(first, last, own), self.name, self.value_range)
            _check_count(self.name, last - first, len(chunk))
            yield first, chunk


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

    def share(
        self, n: int, part: int, seed: int, rank: int, world: int
    ) -> Iterator[tuple[int, Chunk]]:
        drawn = self.function(n, seed_of_set(seed, part))
        given = 0
        for number, chunk in enumerate(rechunked(drawn, self.name, self.value_range)):
            if number % world == rank:
                yield given, chunk
            given += len(chunk)
        _check_count(self.name, n, given)


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

    def share(
        self, n: int, part: int, seed: int, rank: int, world: int
    ) -> Iterator[tuple[int, Chunk]]:
        left = n
        for number, chunk in enumerate(rechunked(self.arrays, self.name, self.value_range)):
            chunk = chunk[:left]
            if number % world == rank:
                yield n - left, chunk
            left -= len(chunk)
            if not left:
                return
        raise UserError(
            f"{self.name} gave {n - left:,} images, fewer than {n:,}; pass n={n - left}, or "
            f"reference_n={n - left} where they are the real ones"
        )


class Noted(Source):
    """Another source, of whose images digests are kept as they are drawn.

    Args:
        source: one that has no checksum before it is drawn.

    Attributes:
        digests: of each chunk that this process has drawn, the place of its first image and sha256.
    """

    def __init__(self, source: Source) -> None:
        self.source, self.name, self.count = source, source.name, source.count
        self.digests: list[tuple[int, str]] = []

    def parts(self, n: int, wanted: int) -> int:
        return self.source.parts(n, wanted)

    def share(
        self, n: int, part: int, seed: int, rank: int, world: int
    ) -> Iterator[tuple[int, Chunk]]:
        for first, chunk in self.source.share(n, part, seed, rank, world):
            digest = hashlib.sha256()
            for image in chunk:
                digest.update(str(image.shape).encode())
                digest.update(np.ascontiguousarray(image).data)
            self.digests.append((first, digest.hexdigest()))
            yield first, chunk


def _check_count(name: str, wanted: int, given: int) -> None:
    if given != wanted:
        raise UserError(f"{name} was asked for {wanted:,} images and gave {given:,}")


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

"""Images that lie somewhere: arrays, folders, prepared sets, and choices of them.

A file is decoded once, on worker threads, ahead of use.
"""

from __future__ import annotations

import hashlib
import os
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from idvae.errors import UserError
from idvae.evaluate.sources import source
from idvae.evaluate.sources.source import Chunk, Range, Source, as_bytes
from idvae.seeds import SUBSETS, seed_for

AHEAD = 3  # chunks that worker threads may be ahead of their use
SMALL = 4 << 20  # bytes; larger images are decoded once they are asked for, not ahead
PART = 64 * SMALL  # bytes of images that are handed on together, unless one alone has more
READER = b"idvae reads upright, on white"  # in checksums: it decides which pixels files stand for

Taken = Callable[[], Iterable[Chunk]]


class Indexed(Source):
    """A source whose images have numbers.

    Attributes:
        count: how many there are.
        most: how many are read together at most.
    """

    count: int
    most: int = 1 << 30

    @abstractmethod
    def take(self, indices: np.ndarray, pool: ThreadPoolExecutor) -> Taken:
        """Start to read images; what is returned waits for them and gives them in order, in
        several chunks where they are large."""

    def chosen(self, n: int, part: int, seed: int) -> np.ndarray:
        """Numbers of the images of a draw: all, in order, or those of a seeded permutation."""
        if n >= self.count:
            return np.arange(self.count)
        order = np.random.default_rng(seed_for(seed, SUBSETS)).permutation(self.count)
        return np.sort(order[part * n : (part + 1) * n])

    def share(
        self, n: int, part: int, seed: int, rank: int, world: int
    ) -> Iterator[tuple[int, Chunk]]:
        indices = self.chosen(n, part, seed)
        with ThreadPoolExecutor(max(2, os.cpu_count() or 2)) as pool:
            waiting: deque[tuple[int, Taken]] = deque()
            try:
                step = min(source.CHUNK, self.most)
                for start in range(rank * step, len(indices), world * step):
                    waiting.append((start, self.take(indices[start : start + step], pool)))
                    if len(waiting) > AHEAD:
                        yield from _placed(*waiting.popleft())
                while waiting:
                    yield from _placed(*waiting.popleft())
            finally:  # a consumer that stops early does not wait for what it will not use
                pool.shutdown(wait=False, cancel_futures=True)


def _placed(first: int, taken: Taken) -> Iterator[tuple[int, Chunk]]:
    for chunk in taken():
        yield first, chunk
        first += len(chunk)


class Array(Indexed):
    """Images in memory or memory-mapped.

    Args:
        images: anything `as_bytes` takes; float arrays are checked and changed chunk by chunk.
        name: as in messages.
        value_range: of floats.

    Raises:
        UserError: no images by shape, type or range, as far as the first of them tells.
    """

    def __init__(self, images: np.ndarray, name: str, value_range: Range | None = None) -> None:
        if images.ndim == 0:
            raise UserError(f"{name} holds one number, no images")
        self.images, self.name, self.value_range = images, name, value_range
        self.count = len(images)
        if self.count:
            self.most = max(1, PART // max(1, images[0].nbytes))
            as_bytes(images[:1], name, value_range)

    def take(self, indices: np.ndarray, pool: ThreadPoolExecutor) -> Taken:
        reading = pool.submit(lambda: as_bytes(self.images[indices], self.name, self.value_range))
        return lambda: [reading.result()]

    def checksum(self) -> str:
        told = "" if self.value_range is None else f" {self.value_range}"
        digest = hashlib.sha256(f"{self.images.dtype} {self.images.shape}{told}".encode())
        for start in range(0, self.count, source.CHUNK):
            digest.update(np.ascontiguousarray(self.images[start : start + source.CHUNK]).data)
        return digest.hexdigest()


class Folder(Indexed):
    """All image files under a folder, at any depth and of any sizes, in the order of their paths.

    Raises:
        UserError: no such folder, or no image in it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        from idvae.data.image_files import list_images

        self.name = str(path)
        self.files = list_images(Path(path))
        self.count = len(self.files)

    def take(self, indices: np.ndarray, pool: ThreadPoolExecutor) -> Taken:
        # A file is one task, so that threads stay busy; only the main thread waits for them.
        files = [self.files[i] for i in indices]
        first = [pool.submit(decode, file, SMALL) for file in files]
        return lambda: _parts(files, [future.result() for future in first], pool)

    def checksum(self) -> str:
        digest = hashlib.sha256(READER)
        for file in self.files:
            content = file.read_bytes()
            digest.update(len(content).to_bytes(8, "little") + content)
        return digest.hexdigest()


def _parts(
    files: Sequence[Path], decoded: Sequence[np.ndarray | int], pool: ThreadPoolExecutor
) -> Iterator[Chunk]:
    """Images in chunks of `PART` bytes; those that were left undecoded are decoded part by part."""
    part: list[np.ndarray | Future[Any]] = []
    held = 0
    for file, image in zip(files, decoded, strict=True):
        size = image if isinstance(image, int) else image.nbytes
        if part and held + size > PART:
            yield [i.result() if isinstance(i, Future) else i for i in part]
            part, held = [], 0
        part.append(pool.submit(decode, file) if isinstance(image, int) else image)
        held += size
    yield [i.result() if isinstance(i, Future) else i for i in part]


def decode(path: Path, most: int | None = None) -> np.ndarray | int:
    """One file as uint8 (H, W, 3); its size in bytes instead, where that is more than `most`.

    Raises:
        UserError: it cannot be read.
    """
    from idvae.data.image_files import read_rgb  # PIL, which arrays do not need

    return read_rgb(path, most)


class Splits(Indexed):
    """Images of splits of a prepared set, one after another.

    Args:
        name: as in messages.
        splits: objects with len() and gather(indices) → uint8 (k, H, W, C).
        checksum: of the prepared set.
    """

    def __init__(self, name: str, splits: Sequence[Any], checksum: str) -> None:
        self.name, self.splits, self._checksum = name, splits, checksum
        self.ends = np.cumsum([len(split) for split in splits])
        self.count = int(self.ends[-1])

    def take(self, indices: np.ndarray, pool: ThreadPoolExecutor) -> Taken:
        reading = pool.submit(self._read, indices)
        return lambda: [reading.result()]

    def _read(self, indices: np.ndarray) -> np.ndarray:
        parts, first = [], 0
        for split, end in zip(self.splits, self.ends, strict=True):
            mine = indices[(indices >= first) & (indices < end)] - first
            if len(mine):
                parts.append(split.gather(mine))
            first = end
        return as_bytes(np.concatenate(parts), self.name)

    def checksum(self) -> str:
        return self._checksum


class Subset(Indexed):
    """Some images of a source.

    Args:
        source: which has them.
        within: their numbers, in ascending order.
        name: as in messages.
    """

    def __init__(self, source: Indexed, within: np.ndarray, name: str) -> None:
        self.source, self.within, self.name = source, within, name
        self.count, self.most = len(within), source.most

    def take(self, indices: np.ndarray, pool: ThreadPoolExecutor) -> Taken:
        return self.source.take(self.within[indices], pool)

    def checksum(self) -> str:
        digest = hashlib.sha256((self.source.checksum() or "").encode())
        digest.update(np.ascontiguousarray(self.within, np.int64).data)
        return digest.hexdigest()

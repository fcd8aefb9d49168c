"""Images that lie somewhere: arrays, folders, prepared sets, and choices of them.

A file is decoded once, on worker threads, ahead of use.
"""

from __future__ import annotations

import hashlib
import os
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from idvae.errors import UserError
from idvae.evaluate import source
from idvae.evaluate.source import Chunk, Range, Source, as_bytes

AHEAD = 3  # chunks that worker threads may be ahead of their use
ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff")


class Indexed(Source):
    """A source whose images have numbers."""

    count: int

    @abstractmethod
    def take(self, indices: np.ndarray, pool: ThreadPoolExecutor) -> Callable[[], Chunk]:
        """Start to read images; what is returned waits for them and gives them in order."""

    def chosen(self, n: int, part: int, seed: int) -> np.ndarray:
        """Numbers of the images of a draw: all, in order, or those of a seeded permutation."""
        if n >= self.count:
            return np.arange(self.count)
        order = np.random.default_rng(seed).permutation(self.count)
        return np.sort(order[part * n : (part + 1) * n])

    def draw(self, n: int, part: int, seed: int) -> Iterator[Chunk]:
        indices = self.chosen(n, part, seed)
        with ThreadPoolExecutor(max(2, os.cpu_count() or 2)) as pool:
            waiting: deque[Callable[[], Chunk]] = deque()
            try:
                for start in range(0, len(indices), source.CHUNK):
                    waiting.append(self.take(indices[start : start + source.CHUNK], pool))
                    if len(waiting) > AHEAD:
                        yield waiting.popleft()()
                while waiting:
                    yield waiting.popleft()()
            finally:  # a consumer that stops early does not wait for what it will not use
                pool.shutdown(wait=False, cancel_futures=True)


class Array(Indexed):
    """Images in memory or memory-mapped.

    Args:
        images: anything `as_bytes` takes; float arrays are checked and changed chunk by chunk.
        name: as in messages.
        value_range: of floats.
    """

    def __init__(self, images: np.ndarray, name: str, value_range: Range | None = None) -> None:
        self.images, self.name, self.value_range = images, name, value_range
        self.count = len(images)
        if self.count:
            as_bytes(images[:1], name, value_range)

    def take(self, indices: np.ndarray, pool: ThreadPoolExecutor) -> Callable[[], Chunk]:
        return pool.submit(
            lambda: as_bytes(self.images[indices], self.name, self.value_range)
        ).result

    def checksum(self) -> str:
        digest = hashlib.sha256(f"{self.images.dtype} {self.images.shape}".encode())
        for start in range(0, self.count, source.CHUNK):
            digest.update(np.ascontiguousarray(self.images[start : start + source.CHUNK]).data)
        return digest.hexdigest()


class Folder(Indexed):
    """All image files under a folder, at any depth and of any sizes, in the order of their paths.

    Raises:
        UserError: no such folder, or no image in it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        root = Path(path)
        if not root.is_dir():
            raise UserError(f"{path}: no such folder")
        self.name = str(path)
        self.files = sorted(
            p for p in root.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file()
        )
        self.count = len(self.files)
        if not self.files:
            raise UserError(f"{path} holds no image; {', '.join(ENDINGS)} are read")

    def take(self, indices: np.ndarray, pool: ThreadPoolExecutor) -> Callable[[], Chunk]:
        # A file is one task, so that threads stay busy; only the main thread waits for them.
        decoded = [pool.submit(decode, self.files[i]) for i in indices]
        return lambda: [future.result() for future in decoded]

    def checksum(self) -> str:
        digest = hashlib.sha256()
        for file in self.files:
            content = file.read_bytes()
            digest.update(len(content).to_bytes(8, "little") + content)
        return digest.hexdigest()


def decode(path: Path) -> np.ndarray:
    """One file as uint8 (H, W, 3).

    Raises:
        UserError: it cannot be read, or has more than 8 bits a channel.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            if image.mode in ("I", "F") or image.mode.startswith("I;"):
                raise UserError(f"{path} has more than 8 bits a channel; convert it to 8")
            return np.asarray(image.convert("RGB"))
    except UnidentifiedImageError as error:
        raise UserError(f"{path} is not an image that can be read; mend or remove it") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}); mend or remove it") from error


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

    def take(self, indices: np.ndarray, pool: ThreadPoolExecutor) -> Callable[[], Chunk]:
        return pool.submit(self._read, indices).result

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
        self.count = len(within)

    def take(self, indices: np.ndarray, pool: ThreadPoolExecutor) -> Callable[[], Chunk]:
        return self.source.take(self.within[indices], pool)

    def checksum(self) -> str:
        digest = hashlib.sha256((self.source.checksum() or "").encode())
        digest.update(np.ascontiguousarray(self.within, np.int64).data)
        return digest.hexdigest()

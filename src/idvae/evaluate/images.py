"""Images to be scored, wherever they come from: arrays, files, folders, iterables, samplers.

Every source gives chunks of uint8 images, an array (k, H, W, C) where all have one size and a
list of arrays (H, W, C) where they differ; a file is decoded once, on worker threads, ahead of use.
"""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from idvae.errors import UserError
from idvae.evaluate.statistics import read_arrays

CHUNK = 64  # images handed on at a time
AHEAD = 3  # chunks that worker threads may be ahead of their use
ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff")

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
            "or say what black and white are with --range -1,1"
        )
    black, white = value_range
    slack = 1e-3 * (white - black)
    if low < black - slack or high > white + slack:
        raise UserError(
            f"{where}: values from {low:.3g} to {high:.3g} leave the range {black:g} to {white:g}"
        )
    scaled = (images.astype(np.float64) - black) * (255.0 / (white - black))
    return scaled.round().clip(0, 255).astype(np.uint8)


class Source(ABC):
    """Images that can be drawn from.

    Attributes:
        name: as in messages and tables.
        count: how many images there are; None where more can always be drawn.
    """

    name: str
    count: int | None

    @abstractmethod
    def draw(self, n: int, part: int, seed: int) -> Iterator[Chunk]:
        """The part-th draw of n images: fresh ones, or disjoint from those of other parts."""

    def checksum(self) -> str | None:
        """What tells contents apart; None for a sampler."""
        return None

    def parts(self, n: int, wanted: int) -> int:
        """How many draws of n there are, `wanted` at most.

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
                for start in range(0, len(indices), CHUNK):
                    waiting.append(self.take(indices[start : start + CHUNK], pool))
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
        for start in range(0, self.count, CHUNK):
            digest.update(np.ascontiguousarray(self.images[start : start + CHUNK]).data)
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
        drawn = self.function(n, seed + part)
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
    """Arrays of any number of images as chunks of CHUNK, checked."""
    single = isinstance(images, np.ndarray) and images.ndim == 4
    flat = _each([images] if single else images, where, value_range)
    while chunk := list(islice(flat, CHUNK)):
        sizes = {image.shape for image in chunk}
        yield np.stack(chunk) if len(sizes) == 1 else chunk


def _each(arrays: Iterable[Any], where: str, value_range: Range | None) -> Iterator[np.ndarray]:
    for array in arrays:
        array = np.asarray(array)
        yield from as_bytes(array[None] if array.ndim == 3 else array, where, value_range)


def open_images(what: Any, value_range: Range | None = None) -> Source:
    """The source for what a user names or holds.

    Args:
        what: a folder, an .npz or .npy file, an array, an iterable of arrays, or a callable
            (n, seed) → images.
        value_range: what black and white are in arrays of floats.

    Raises:
        UserError: no such place, or nothing there that can be read as images.
    """
    if isinstance(what, Source):
        return what
    if isinstance(what, str | os.PathLike):
        path = Path(what)
        if path.is_dir():
            return Folder(path)
        if path.suffix in (".npz", ".npy"):
            return Array(_images_of(path), str(path), value_range)
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
        raise UserError(f"{path} is no folder, .npz or .npy, so no images are read from it")
    if isinstance(what, np.ndarray):
        return Array(what, "array", value_range)
    if callable(what):
        return Sampler(what, getattr(what, "__name__", "sampler"), value_range)
    if isinstance(what, Iterable):
        return Stream(what, "iterable", value_range)
    raise UserError(f"images come from a place, an array, an iterable or a callable, not {what!r}")


def _images_of(path: Path) -> np.ndarray:
    arrays = read_arrays(path)
    for name in ("images", "array", "arr_0"):
        if name in arrays:
            return arrays[name]
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    raise UserError(
        f"{path} holds {', '.join(sorted(arrays)) or 'nothing'}; images are read from an array "
        "named images"
    )

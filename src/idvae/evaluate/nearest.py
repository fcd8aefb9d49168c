"""The training images that are nearest to samples, pixel by pixel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from idvae.errors import UserError

BLOCK = 1 << 24  # values of a block of images that is in memory as float
MORE = 16  # candidates beside the k nearest: sums in float32 mistake what is about as near


def nearest(
    images: np.ndarray, pool: Any, k: int = 1, progress: Callable[[int], None] = lambda n: None
) -> tuple[np.ndarray, np.ndarray]:
    """Search a pool for what is nearest to each image.

    Args:
        images: uint8 (M, H, W, C).
        pool: what is searched, with len() and gather(indices), or uint8 (N, H, W, C).
        k: how many of the pool for each image, at most N.
        progress: called with the number of images of the pool of each block done.

    Returns:
        numbers in the pool, int64 (M, k), nearest first, the first of equals; and distances,
        float64 (M, k): root mean square a pixel and channel, values in [−1, 1].

    Raises:
        UserError: a pool of fewer than k.
    """
    if len(pool) < k:
        raise UserError(f"{k} neighbours need as many images; there are {len(pool)}")
    gather = pool.gather if hasattr(pool, "gather") else lambda i: pool[i]
    queries = _values(images)
    kept = min(k + MORE, len(pool))
    size = max(kept, BLOCK // queries.shape[1])
    best = torch.full((len(images), kept), torch.inf)
    found = torch.zeros(len(images), kept, dtype=torch.int64)
    for first in range(0, len(pool), size):
        rows = np.arange(first, min(first + size, len(pool)))
        block = _values(gather(rows))
        # |a − b|² without |a|², which is the same for all of a row.
        squares = torch.addmm(block.square().sum(1)[None], queries, block.T, alpha=-2.0)
        near = squares.topk(min(kept, len(rows)), largest=False)
        both = torch.cat([best, near.values], 1)
        numbers = torch.cat([found, near.indices + first], 1)
        chosen = both.topk(kept, largest=False).indices
        best, found = both.gather(1, chosen), numbers.gather(1, chosen)
        progress(len(rows))
    numbers, distances = _exact(images, gather, found.numpy())
    return numbers[:, :k], distances[:, :k]


def _values(images: np.ndarray) -> torch.Tensor:
    """Images as rows of float32 in [−1, 1]."""
    return torch.from_numpy(images.reshape(len(images), -1).astype(np.float32)) / 127.5 - 1.0


def _exact(images: np.ndarray, gather: Any, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers in the order of exact distances, which the sums above round."""
    pool = gather(found.ravel()).reshape(*found.shape, *images.shape[1:])
    apart = (images[:, None].astype(np.float64) - pool) / 127.5
    distances = np.sqrt(np.square(apart).reshape(*found.shape, -1).mean(2))
    order = np.lexsort((found, distances), axis=1)
    return np.take_along_axis(found, order, 1), np.take_along_axis(distances, order, 1)

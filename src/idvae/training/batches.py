"""Which images and which noise a step sees: pure functions of (seed, step, row of the batch).

That makes a resumed run repeat an uninterrupted one, by however many processes, with no state to
save.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import numpy as np
import torch

from idvae.data.order import Order, Table
from idvae.seeds import CONDITIONS, FLIP, INITIAL, NOISE, ORDER, SAMPLES, seed_for

__all__ = [
    "CONDITIONS",
    "FLIP",
    "INITIAL",
    "NOISE",
    "ORDER",
    "SAMPLES",
    "generator_for",
    "indices",
    "prefetched",
    "seed_for",
]

T = TypeVar("T")


def generator_for(seed: int, stream: int, *position: int) -> torch.Generator:
    """A CPU generator: noise is drawn there, so that a device cannot change it."""
    return torch.Generator().manual_seed(seed_for(seed, stream, *position))


def indices(
    n: int,
    batch: int,
    seed: int,
    step: int,
    rank: int = 0,
    world: int = 1,
    order: Callable[[int, int], Order] | None = None,
) -> np.ndarray:
    """The rows of the training split that process `rank` sees at `step` (counted from 0).

    `batch` is its part of the batch of all `world` processes, whose parts lie end to end.

    Epoch after epoch of fresh permutations, end to end: each image is seen once an epoch, also
    where a batch spans two epochs or is larger than the set.

    Args:
        order: (seed, epoch) → the permutation of an epoch; a table if not given.

    Returns:
        int64, shape (batch,).
    """
    order = order or partial(Table, n)
    first = (step * world + rank) * batch
    positions = np.arange(first, first + batch)
    rows = np.empty(batch, np.int64)
    for epoch in np.unique(positions // n):
        inside = positions // n == epoch
        rows[inside] = order(seed, int(epoch)).rows(positions[inside] % n)
    return rows


def prefetched(
    make: Callable[[int], T], first: int, last: int, workers: int = 1, depth: int | None = None
) -> Iterator[T]:
    """Yield make(first) … make(last − 1) in that order, made on threads ahead of their use.

    An exception in `make` is raised here, in its turn. Closing the iterator ends the threads.

    Args:
        make: called on several threads at a time where there are several workers.
        first, last: the first step, and the one after the last.
        workers: threads; what is made does not depend on how many.
        depth: most items that are ready or being made, beside the one in use; without it one more
            than there are workers.
    """
    depth = workers + 1 if depth is None else depth
    pool = ThreadPoolExecutor(workers, "batches")
    try:
        ahead = deque(pool.submit(make, step) for step in range(first, min(first + depth, last)))
        for step in range(first, last):
            item = ahead.popleft().result()
            if step + depth < last:
                ahead.append(pool.submit(make, step + depth))
            yield item
    finally:
        pool.shutdown(cancel_futures=True)

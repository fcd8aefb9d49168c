"""Which images and which noise a step sees: pure functions of (seed, step, row of the batch).

That makes a resumed run repeat an uninterrupted one, by however many processes, with no state to
save.
"""

import queue
import threading
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch

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


def indices(n: int, batch: int, seed: int, step: int, rank: int = 0, world: int = 1) -> np.ndarray:
    """The rows of the training split that process `rank` sees at `step` (counted from 0).

    `batch` is its part of the batch of all `world` processes, whose parts lie end to end.

    Epoch after epoch of fresh permutations, end to end: each image is seen once an epoch, also
    where a batch spans two epochs or is larger than the set.

    Returns:
        int64, shape (batch,).
    """
    first = (step * world + rank) * batch
    positions = np.arange(first, first + batch)
    rows = np.empty(batch, np.int64)
    for epoch in np.unique(positions // n):
        inside = positions // n == epoch
        rows[inside] = _permutation(n, seed, int(epoch))[positions[inside] % n]
    return rows


@lru_cache(maxsize=2)
def _permutation(n: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng(seed_for(seed, ORDER, epoch)).permutation(n)


def prefetched(make: Callable[[int], T], first: int, last: int, depth: int = 2) -> Iterator[T]:
    """Yield make(first) … make(last − 1), each made on a thread while the one before is used.

    An exception in `make` is raised here. Closing the iterator stops the thread.
    """
    ready: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(depth)
    stop = threading.Event()

    def put(item: tuple[T | None, BaseException | None]) -> None:
        while not stop.is_set():
            try:
                return ready.put(item, timeout=0.1)
            except queue.Full:
                continue

    def work() -> None:
        for step in range(first, last):
            if stop.is_set():
                return
            try:
                put((make(step), None))
            except BaseException as error:
                return put((None, error))

    thread = threading.Thread(target=work, daemon=True, name="batches")
    thread.start()
    try:
        for _ in range(first, last):
            item, error = ready.get()
            if error is not None:
                raise error
            yield item
    finally:
        stop.set()
        thread.join()

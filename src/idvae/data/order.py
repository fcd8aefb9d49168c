"""The order of an epoch: a permutation of rows, a function of (seed, epoch).

Small sets have theirs as a table. Sets of any size have one that is computed by index, in memory
that does not grow with them: a Feistel network over pairs (i, j) with i < a and j < b, where a × b
is n or a little more; what falls on n or above is put through again until it falls below ("cycle
walking"). Both are of Black and Rogaway, Ciphers with Arbitrary Finite Domains (2002).
"""

from collections.abc import Callable
from functools import lru_cache
from math import isqrt
from typing import Protocol

import numpy as np

from idvae.seeds import ORDER, seed_for

ROUNDS = 8
WINDOW = 8  # shards whose rows are shuffled together


class Order(Protocol):
    """The rows of one epoch, by their positions in it."""

    def rows(self, positions: np.ndarray) -> np.ndarray:
        """int64 (B,) of positions below n → int64 (B,) of rows below n, each at one position."""


class Table:
    """A permutation that is held: 8 bytes a row."""

    def __init__(self, n: int, seed: int, epoch: int) -> None:
        self._table = _permutation(n, seed, epoch)

    def rows(self, positions: np.ndarray) -> np.ndarray:
        """As `Order.rows`."""
        return self._table[positions]


@lru_cache(maxsize=2)
def _permutation(n: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng(seed_for(seed, ORDER, epoch)).permutation(n)


class Shuffle:
    """A permutation of range(n) that is computed by index.

    Args:
        n: from 1 to 2**62.
        key: which permutation; 63 bits, as `idvae.seeds.seed_for` gives them.
    """

    def __init__(self, n: int, key: int) -> None:
        self.n = n
        # As near to a square as n allows: each round moves one half by what the other half says.
        self._a = isqrt(n - 1) + 1
        self._b = -(-n // self._a)
        self._keys = np.random.SeedSequence(key).generate_state(ROUNDS, np.uint64)

    def rows(self, positions: np.ndarray) -> np.ndarray:
        """As `Order.rows`."""
        return self._walk(positions, self._forward)

    def positions(self, rows: np.ndarray) -> np.ndarray:
        """The inverse of `rows`."""
        return self._walk(rows, self._backward)

    def _walk(self, start: np.ndarray, once: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        out = once(np.asarray(start, np.int64))
        while len(beyond := np.flatnonzero(out >= self.n)):
            out[beyond] = once(out[beyond])
        return out

    def _forward(self, x: np.ndarray) -> np.ndarray:
        i, j = np.divmod(x, self._b)
        for k, key in enumerate(self._keys):
            if k % 2:
                j = (j + _hashed(i, key, self._b)) % self._b
            else:
                i = (i + _hashed(j, key, self._a)) % self._a
        return i * self._b + j

    def _backward(self, x: np.ndarray) -> np.ndarray:
        i, j = np.divmod(x, self._b)
        for k, key in reversed(list(enumerate(self._keys))):
            if k % 2:
                j = (j - _hashed(i, key, self._b)) % self._b
            else:
                i = (i - _hashed(j, key, self._a)) % self._a
        return i * self._b + j


def _hashed(values: np.ndarray, key: np.uint64, below: int) -> np.ndarray:
    """Numbers below `below` that look random: the finaliser of splitmix64 (Steele et al., 2014)."""
    x = values.astype(np.uint64) ^ key
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((x ^ (x >> np.uint64(31))) % np.uint64(below)).astype(np.int64)


class ShardOrder:
    """Shards in a shuffled order, and rows shuffled within a window of shards.

    A window is `window` shards that follow each other in the order of the epoch; another epoch
    has other shards in it. So what is read next lies in few shards, and each is read for a while
    and then no more.

    Args:
        n: rows in all, at least 1.
        per_shard: rows of a shard; the last one may have fewer.
        seed, epoch: of which the order is a function.
        window: shards whose rows are shuffled together.
    """

    def __init__(self, n: int, per_shard: int, seed: int, epoch: int, window: int = WINDOW) -> None:
        self.n, self._per_shard, self._window = n, per_shard, window
        self.shards = -(-n // per_shard)
        self._seed, self._epoch = seed, epoch
        self._slots = Shuffle(self.shards, seed_for(seed, ORDER, epoch))
        self._lacking = self.shards * per_shard - n  # rows that the last shard lacks
        # The window that the last shard is in has fewer rows. It comes last in there, so that
        # row u of a window lies in its shard u // per_shard.
        self._slot = int(self._slots.positions(np.array([self.shards - 1]))[0])
        self._short = self._slot // window

    def rows(self, positions: np.ndarray) -> np.ndarray:
        """As `Order.rows`."""
        positions = np.asarray(positions, np.int64)
        windows = self.window_of(positions)
        out = np.empty(len(positions), np.int64)
        for w in np.unique(windows):
            inside = windows == w
            out[inside] = self._rows_of(int(w), positions[inside])
        return out

    def window_of(self, positions: np.ndarray) -> np.ndarray:
        """The window that each position lies in."""
        whole = self._window * self._per_shard
        end = (self._short + 1) * whole - self._lacking
        return (positions + np.where(positions >= end, self._lacking, 0)) // whole

    def shards_of(self, w: int) -> np.ndarray:
        """The shards of a window, int64; none where there is no such window."""
        first, last = w * self._window, min((w + 1) * self._window, self.shards)
        slots = np.arange(first, max(first, last))
        if w == self._short:
            slots[[self._slot - first, -1]] = slots[[-1, self._slot - first]]
        return self._slots.rows(slots)

    def _rows_of(self, w: int, positions: np.ndarray) -> np.ndarray:
        shards = self.shards_of(w)
        size = len(shards) * self._per_shard - (self._lacking if w == self._short else 0)
        first = w * self._window * self._per_shard - (self._lacking if w > self._short else 0)
        # From 1: a SeedSequence takes an ending 0 for nothing, which is the key of the shards.
        within = Shuffle(size, seed_for(self._seed, ORDER, self._epoch, 1 + w))
        slots, rows = np.divmod(within.rows(positions - first), self._per_shard)
        return shards[slots] * self._per_shard + rows

"""Permutation tests: how often other labellings of the same values lie as far apart.

Under the null hypothesis the values of some groups have one distribution, so each could bear the
label of any other. A p-value is the share of labellings whose statistic is at least the one seen;
no distribution is assumed. Where there are too many labellings to count all, some are drawn, the
same ones each time, and the labelling seen counts as one of them, which keeps p valid (Phipson and
Smyth 2010, "Permutation P-values should never be zero").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb, factorial, prod

import numpy as np

LABELLINGS = 20_000  # all are counted where there are no more; else so many are drawn
SEED = 0  # of those that are drawn


@dataclass(frozen=True)
class Outcome:
    """What a permutation test found.

    Attributes:
        p: the share of labellings that are as far apart, above 0.
        exact: whether all labellings were counted.
    """

    p: float
    exact: bool


def permutation_test(groups: Sequence[Sequence[float]], labellings: int = LABELLINGS) -> Outcome:
    """Are the values of all groups alike? By the largest standardised difference of two means.

    The difference of two means is divided by √(1/n + 1/m), so that a group of few values is not
    taken for one that is far away; with groups of one size that changes nothing.

    Args:
        groups: at least two, of at least one finite value each.
        labellings: as many as are counted at most.
    """
    sizes = tuple(len(group) for group in groups)
    values = np.concatenate([np.asarray(group, float) for group in groups])
    values -= values.mean()
    chosen, exact = _labellings(sizes, labellings)
    seen = _farthest(values[:, None], sizes)[0]
    seen -= 1e-12 * abs(values).sum()  # a tie is as far, whatever rounding makes of it
    as_far = int((_farthest(values[chosen], sizes) >= seen).sum())
    ways = chosen.shape[1]
    return Outcome(as_far / ways if exact else (1 + as_far) / (1 + ways), exact)


def least_p(n: int, m: int) -> float:
    """The smallest p that two groups of n and m values can give."""
    return (2 if n == m else 1) / comb(n + m, n)


def _farthest(values: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """The statistic of each labelling; values of shape (n of all groups, labellings)."""
    n = np.array(sizes)
    means = np.add.reduceat(values, np.cumsum(n) - n) / n[:, None]
    i, j = np.array(list(combinations(range(len(n)), 2))).T
    weights = (1 / n[i] + 1 / n[j]) ** -0.5
    return (abs(means[i] - means[j]) * weights[:, None]).max(0)


@lru_cache(maxsize=64)
def _labellings(sizes: tuple[int, ...], most: int) -> tuple[np.ndarray, bool]:
    """Ways to deal sum(sizes) values to groups: indices (n, ways), and whether these are all."""
    n = sum(sizes)
    if factorial(n) // prod(factorial(size) for size in sizes) <= most:
        return np.array(list(_deals(tuple(range(n)), sizes)), np.int16).T.copy(), True
    order = np.random.default_rng(SEED).random((most, n)).argsort(1)
    return order.T.astype(np.int16), False


def _deals(values: tuple[int, ...], sizes: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    if len(sizes) == 1:
        yield values
        return
    for first in combinations(values, sizes[0]):
        rest = tuple(value for value in values if value not in first)
        for others in _deals(rest, sizes[1:]):
            yield first + others

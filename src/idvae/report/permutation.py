"""Permutation tests: how often other labellings of the same values lie as far apart.

Under the null hypothesis the values of some groups have one distribution, so each could bear the
label of any other. A p-value is the share of labellings whose statistic is at least the one seen;
no distribution is assumed. Where there are too many labellings to count all, some are drawn, the
same ones each time, and the labelling seen counts as one of them, which keeps p valid (Phipson and
Smyth 2010, "Permutation P-values should never be zero").

Of each group as many values count as the smallest has, the first ones. With groups of different
sizes the test would find a difference of deviations where the smaller group scatters more (Romano
1990, "On the behavior of randomization tests without a group invariance assumption"); with groups
of one size it hardly does, and docs/evaluation.md has figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb, factorial

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
    """Are the values of all groups alike? By the largest difference of two means.

    Args:
        groups: at least two, of at least one finite value each.
        labellings: as many as are counted at most.
    """
    count, size = len(groups), min(map(len, groups))
    values = np.concatenate([np.asarray(group[:size], float) for group in groups])
    values -= values.mean()
    chosen, exact = _labellings(count, size, labellings)
    seen = _farthest(values[:, None], count)[0]
    seen -= 1e-12 * abs(values).sum()  # a tie is as far, whatever rounding makes of it
    as_far = int((_farthest(values[chosen], count) >= seen).sum())
    ways = chosen.shape[1]
    return Outcome(as_far / ways if exact else (1 + as_far) / (1 + ways), exact)


def points_two_ways(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether the values that count in a test of two groups and all values have no side in common.

    A p of those that count would then be told of a difference that is the other way.
    """
    size = min(len(one), len(other))
    of_all = np.mean(one) - np.mean(other)
    return bool(of_all * (np.mean(one[:size]) - np.mean(other[:size])) <= 0)


def least_p(n: int) -> float:
    """The smallest p that two groups of n values can give."""
    return 2 / comb(2 * n, n)


def _farthest(values: np.ndarray, count: int) -> np.ndarray:
    """The statistic of each labelling; values of shape (count groups × their size, labellings)."""
    means = values.reshape(count, -1, values.shape[1]).mean(1)
    return means.max(0) - means.min(0)


@lru_cache(maxsize=64)
def _labellings(count: int, size: int, most: int) -> tuple[np.ndarray, bool]:
    """Ways to deal values to `count` groups: indices (n, ways), and whether these are all."""
    n = count * size
    if factorial(n) // factorial(size) ** count <= most:
        return np.array(list(_deals(tuple(range(n)), size)), np.int16).T.copy(), True
    order = np.random.default_rng(SEED).random((most, n)).argsort(1)
    return order.T.astype(np.int16), False


def _deals(values: tuple[int, ...], size: int) -> Iterator[tuple[int, ...]]:
    if len(values) == size:
        yield values
        return
    for first in combinations(values, size):
        rest = tuple(value for value in values if value not in first)
        for others in _deals(rest, size):
            yield first + others

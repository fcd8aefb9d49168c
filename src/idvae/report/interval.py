"""Where a mean over seeds lies: Student's t interval, from few values and without SciPy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import mean, stdev

LEVEL = 0.95
EXPLAINED = (
    f"In brackets: the {LEVEL:.0%} confidence interval of the mean over seeds (Student's t)."
)


def interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float] | None:
    """The confidence interval of a mean, for values that are normal and independent.

    Args:
        values: one a training; None comes back where there is only one.
        level: the share of such intervals that hold the mean, above 0 and below 1.
    """
    if len(values) < 2:
        return None
    half = quantile(0.5 + level / 2, len(values) - 1) * stdev(values) / len(values) ** 0.5
    return mean(values) - half, mean(values) + half


def p_of_mean(values: Sequence[float], expected: float) -> float:
    """Two-sided p of "the mean is this", for values that are normal and independent.

    At most 1 - level just where `interval` of that level leaves the number out; 1 of one value.
    Where all values are the same it is 1 if they are the number, else 0.
    """
    if len(values) < 2:
        return 1.0
    if not (deviation := stdev(values)):
        return float(mean(values) == expected)
    t = abs(mean(values) - expected) / (deviation / len(values) ** 0.5)
    degrees = len(values) - 1
    return max(0.0, 2 - 2 * _below(math.atan(t / degrees**0.5), degrees))


def in_brackets(values: Sequence[float], places: int) -> str:
    """The interval as it stands behind a mean in a table: " [1.20, 3.40]"; "" of one value."""
    found = interval(values)
    return f" [{found[0]:.{places}f}, {found[1]:.{places}f}]" if found else ""


def quantile(share: float, degrees: int) -> float:
    """The number that a share of Student's t distribution lies below.

    Args:
        share: from 0.5, below 1.
        degrees: of freedom, at least 1.
    """
    low, high = 0.0, math.pi / 2  # of the angle whose tangent is t/√degrees
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _below(middle, degrees) < share else (low, middle)
    return math.tan(low) * degrees**0.5


def _below(angle: float, degrees: int) -> float:
    """The share below t = √degrees·tan(angle): Abramowitz and Stegun, 26.7.3 and 26.7.4."""
    term, total = 1.0, 1.0
    if degrees % 2:
        for k in range(3, degrees, 2):
            term *= (k - 1) / k * math.cos(angle) ** 2
            total += term
        more = math.sin(angle) * math.cos(angle) * total if degrees > 1 else 0.0
        return 0.5 + (angle + more) / math.pi
    for k in range(2, degrees, 2):
        term *= (k - 1) / k * math.cos(angle) ** 2
        total += term
    return 0.5 + math.sin(angle) * total / 2

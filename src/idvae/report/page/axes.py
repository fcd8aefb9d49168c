"""Where marks of an axis stand, and what is written at them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor, log10


@dataclass(frozen=True)
class Axis:
    """One axis of a chart.

    Attributes:
        place: from a value to pixels.
        marks: values that have a mark.
    """

    place: Callable[[float], float]
    marks: tuple[float, ...]


def linear(low: float, high: float, first: float, last: float, count: int = 4) -> Axis:
    """An axis whose values from `low` to `high` lie between two pixels.

    Args:
        low, high: values; where they are the same the axis is one wide.
        first, last: pixels of both.
        count: marks, about.
    """
    if high <= low:
        low, high = low - 0.5, high + 0.5
    scale = (last - first) / (high - low)
    return Axis(lambda value: first + (value - low) * scale, ticks(low, high, count))


def logarithmic(low: float, high: float, first: float, last: float) -> Axis:
    """As `linear` for values above 0, with marks at powers of ten where two lie in between."""
    a, b = log10(low), log10(high)
    scale = (last - first) / (b - a)
    powers = tuple(10.0**k for k in range(ceil(a), floor(b) + 1))
    step = max(1, len(powers) // 4)
    marks = powers[::step] if len(powers) > 1 else (low, high)
    return Axis(lambda value: first + (log10(value) - a) * scale, marks)


def ticks(low: float, high: float, count: int = 4) -> tuple[float, ...]:
    """About `count` round values from low to high."""
    raw = (high - low) / count
    power = 10.0 ** floor(log10(raw))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw * 0.999)
    return tuple(k * step for k in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1))


def short(value: float) -> str:
    """A value in few characters: 0.25, 1,500, 20k, 3e-05."""
    size = abs(value)
    if size >= 1e6 or 0 < size < 1e-3:
        return f"{value:.0e}".replace("e+0", "e").replace("e-0", "e-").replace("-", "−")
    if size >= 10_000 and value % 1000 == 0:
        return f"{value / 1000:.0f}k".replace("-", "−")
    return (f"{value:,.0f}" if size >= 1000 else f"{value:.4g}").replace("-", "−")

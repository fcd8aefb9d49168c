"""What a chart holds, whoever draws it: Matplotlib for papers, or SVG within a page."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Line:
    """One line of a panel.

    Attributes:
        name: of the series, as a legend has it.
        points: (x, y), by x, finite.
        colour: its number; lines of one number belong together.
        about: what this line is among those of its name, such as "seed 1".
    """

    name: str
    points: tuple[tuple[float, float], ...]
    colour: int = 0
    about: str = ""


@dataclass(frozen=True)
class Panel:
    """Lines on shared axes.

    Attributes:
        title: above it.
        x: what runs to the right.
        lines: at least one.
        places: names of x = 0, 1, 2, … where x is no number.
        ranks: whether y is a rank: 1 above, whole numbers.
    """

    title: str
    x: str
    lines: tuple[Line, ...]
    places: tuple[str, ...] = ()
    ranks: bool = False

    @property
    def is_log(self) -> bool:
        """Whether y spans so much above 0 that only its logarithm shows all of it."""
        values = [y for line in self.lines for _, y in line.points]
        return not self.ranks and min(values) > 0 and max(values) > 50 * min(values)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Least and largest x, least and largest y."""
        points = [point for line in self.lines for point in line.points]
        x, y = ([point[i] for point in points] for i in (0, 1))
        return min(x), max(x), min(y), max(y)


@dataclass(frozen=True)
class Bar:
    """One bar, from 0 to `value`.

    Attributes:
        name: before it.
        value: its length, not negative.
        low, high: ends of the line through its end.
        text: behind it.
        dots: single values.
    """

    name: str
    value: float
    low: float
    high: float
    text: str
    dots: tuple[float, ...] = ()


@dataclass(frozen=True)
class Bars:
    """Bars below each other.

    Attributes:
        x: what their length is.
        bars: at least one.
        note: what they are of, and what their lines and dots are.
    """

    x: str
    bars: tuple[Bar, ...] = field(default_factory=tuple)
    note: str = ""

    @property
    def right(self) -> float:
        """The largest value of all that is drawn; 1 where that is 0."""
        return max(max(bar.value, bar.high, *bar.dots, 0.0) for bar in self.bars) or 1.0


@dataclass(frozen=True)
class Interval:
    """A value with the interval that it lies in.

    Attributes:
        name: before it.
        value, low, high: shares; 0.1 is drawn as 10%.
        kind: what it is, as a legend has it.
        colour: the number of its kind's.
    """

    name: str
    value: float
    low: float
    high: float
    kind: str
    colour: int = 0


@dataclass(frozen=True)
class Intervals:
    """Intervals below each other, about 0.

    Attributes:
        rows: at least one.
        title: above them.
        note: below.
    """

    rows: tuple[Interval, ...]
    title: str
    note: str = ""

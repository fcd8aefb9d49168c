"""Charts as SVG within the page: colours are the page's, so light and dark are its choice."""

from __future__ import annotations

from collections.abc import Iterator

from idvae.pictures.chart import Bars, Line, Panel
from idvae.report.page import axes
from idvae.report.page.html import Html, tag

COLOURS = 8  # that style.css has
WIDTH, HEIGHT = 340, 210  # of a panel
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 8, 34
LETTER = 8  # widest of the digits that stand behind a bar, px
ROW, BAR_LEFT, BAR_WIDTH = 30, 112, 400
RANKS_WIDTH, RANKS_RIGHT = 400, 190  # of places by expert, with names at the ends of lines


def panel(chart: Panel) -> Html:
    """Lines on shared axes. Its title stands in the page, beside it."""
    low_x, high_x, low_y, high_y = chart.bounds
    width = RANKS_WIDTH if chart.ranks else WIDTH
    right = width - (RANKS_RIGHT if chart.ranks else RIGHT)
    x = axes.linear(low_x, high_x, LEFT + (8 if chart.places else 0), right)
    bottom, top = HEIGHT - BOTTOM, TOP
    if chart.ranks:
        y = axes.linear(1, max(high_y, 2), top + 8, bottom - 8)
        y = axes.Axis(y.place, tuple(range(1, int(high_y) + 1)))
    elif chart.is_log:
        y = axes.logarithmic(low_y, high_y, bottom, top)
    else:
        y = axes.linear(low_y, high_y, bottom, top)
    marks_x = tuple(range(len(chart.places))) if chart.places else x.marks
    parts = [
        [_across(y.place(v), LEFT, right, axes.short(v)) for v in y.marks],
        [
            tag(
                "text",
                chart.places[int(v)] if chart.places else axes.short(v),
                x=_px(x.place(v)),
                y=bottom + 14,
                text_anchor="middle",
            )
            for v in marks_x
        ],
        tag("text", chart.x, x=(LEFT + right) / 2, y=HEIGHT - 4, text_anchor="middle"),
        [_line(line, x, y, chart.ranks) for line in chart.lines],
    ]
    label = f"{chart.title} against {chart.x}; a table of it follows"
    return _svg(width, HEIGHT, label, parts)


def bars(chart: Bars) -> Html:
    """Horizontal bars, each with its line and dots; a table of them follows in the page."""
    height = ROW * len(chart.bars) + 40
    longest = max((len(bar.text) for bar in chart.bars), default=0)
    x = axes.linear(0.0, chart.right, BAR_LEFT, BAR_WIDTH - 14 - LETTER * longest)
    bottom = height - 36
    parts: list[object] = []
    for value in x.marks:
        at = _px(x.place(value))
        parts.append(tag("line", x1=at, x2=at, y1=0, y2=bottom, class_="grid"))
        parts.append(tag("text", axes.short(value), x=at, y=bottom + 14, text_anchor="middle"))
    for i, bar in enumerate(chart.bars):
        middle = ROW * i + ROW / 2
        start, end = x.place(0.0), x.place(bar.value)
        parts += _name(bar.name, middle)
        parts.append(
            tag("rect", x=start, y=middle - 9, width=_px(end - start), height=18, class_="bar")
        )
        if bar.high > bar.low:
            low, high = _px(x.place(bar.low)), _px(x.place(bar.high))
            parts.append(tag("path", d=f"M{low} {middle}H{high}M{low} {middle - 4}v8"
                             f"M{high} {middle - 4}v8", class_="whisker"))  # fmt: skip
        parts += [
            tag("circle", cx=_px(x.place(dot)), cy=middle, r=3, class_="dot") for dot in bar.dots
        ]
        edge = max(bar.high, bar.value, *bar.dots, 0.0)
        parts.append(tag("text", bar.text, x=_px(x.place(edge) + 6), y=middle + 4))
    parts.append(tag("text", chart.x, x=BAR_WIDTH / 2, y=height - 4, text_anchor="middle"))
    return _svg(BAR_WIDTH, height, f"{chart.x}; a table of it follows", parts)


def legend(names: dict[str, int]) -> Html:
    """Which colour and dashes belong to which name."""
    keys = [
        tag("li", tag("svg", tag("line", x1=1, x2=27, y1=5, y2=5, class_=look(number)),
                      viewBox="0 0 28 10", aria_hidden="true", class_="key"), name)
        for name, number in names.items()
    ]  # fmt: skip
    return tag("ul", keys, class_="legend")


def look(number: int) -> str:
    """The classes of a line of that colour; from the ninth on it is dashed."""
    return f"line c{number % COLOURS} d{number // COLOURS % 4}"


def _svg(width: int, height: int, label: str, parts: object) -> Html:
    return tag(
        "svg", tag("title", label), parts, viewBox=f"0 0 {width} {height}", role="img",
        class_="chart", aria_label=label,
    )  # fmt: skip


def _across(at: float, left: float, right: float, text: str) -> list[Html]:
    at = round(at, 1)
    return [
        tag("line", x1=left, x2=right, y1=at, y2=at, class_="grid"),
        tag("text", text, x=left - 4, y=at + 4, text_anchor="end"),
    ]


def _line(line: Line, x: axes.Axis, y: axes.Axis, named: bool) -> Iterator[Html]:
    points = [(_px(x.place(a)), _px(y.place(b))) for a, b in line.points]
    path = "M" + "L".join(f"{a} {b}" for a, b in points)
    told = f"{line.name}, {line.about}" if line.about else line.name
    yield tag("g", tag("title", told), tag("path", d=path, class_=look(line.colour)))
    if named or len(points) == 1:
        yield from (
            tag("circle", cx=a, cy=b, r=3, class_=f"c{line.colour % COLOURS} end")
            for a, b in points
        )
    if named:
        yield tag("text", _cut(line.name, 30), x=points[-1][0] + 8, y=points[-1][1] + 4)


def _name(name: str, middle: float) -> list[Html]:
    """A name before its bar, on two lines where it is long."""
    lines = [name] if len(name) <= 18 else [name[:18].rsplit(" ", 1)[0]]
    if rest := name[len(lines[0]) :].strip():
        lines.append(_cut(rest, 18))
    first = middle + 4 - 6 * (len(lines) - 1)
    return [
        tag("text", text, x=BAR_LEFT - 6, y=first + 12 * i, text_anchor="end")
        for i, text in enumerate(lines)
    ]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _px(value: float) -> float:
    return round(value, 1)

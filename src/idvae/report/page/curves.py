"""Training curves: what every run noted on its way, on axes that all runs share."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from idvae.pictures.chart import Line, Panel
from idvae.report.page import svg
from idvae.report.page.html import Html, join, tag
from idvae.report.page.tables import details, table
from idvae.report.rows import Row, seed_of

SKIPPED = ("step", "images_per_s")
MOST = 120  # points of a line
COLUMNS = 5  # steps in a table
FIRST = ("recons", "prior", "gan")  # what losses are made of, where methods have it in common


def panels(rows: Sequence[Row], colours: dict[str, int]) -> list[Panel]:
    """One panel a number that runs noted: those that most methods have come first."""
    lines: dict[str, list[Line]] = {}
    for row in rows:
        for run in row.runs:
            metrics = run.metrics()
            names = dict.fromkeys(name for one in metrics for name in one if name not in SKIPPED)
            for name in names:
                points = [(one["step"], one[name]) for one in metrics if name in one]
                points = [(float(x), float(y)) for x, y in points if isfinite(y)]
                if points:
                    about = f"seed {seed_of(run)}"
                    line = Line(row.name, _thinned(points), colours[row.name], about)
                    lines.setdefault(name, []).append(line)
    order = sorted(lines, key=lambda name: (-_rows(lines[name]), _rank(name)))
    return [Panel(name, "step", tuple(lines[name])) for name in order]


def section(made: Sequence[Panel], colours: dict[str, int]) -> Html | None:
    """Panels in a row, as many as fit, each with its table; None where no run noted anything."""
    if not made:
        return None
    used = {line.name for panel in made for line in panel.lines}
    figures = [
        tag(
            "figure",
            tag("figcaption", panel.title),
            svg.panel(panel),
            details(f"Table of {panel.title}", _table(panel)),
        )
        for panel in made
    ]
    return join(
        tag("p", "What every run noted in training, means since the line before. Lines of one "
            "colour are seeds of one row. A scale is logarithmic where its values say so."),
        svg.legend({name: number for name, number in colours.items() if name in used}),
        tag("div", figures, class_="panels"),
    )  # fmt: skip


def _table(panel: Panel) -> Html:
    """Values at a few steps: the last noted up to each."""
    first, last, *_ = panel.bounds
    steps = sorted({round(first + (last - first) * i / (COLUMNS - 1)) for i in range(COLUMNS)})
    rows = []
    for line in panel.lines:
        cells = []
        for step in steps:
            before = [value for at, value in line.points if at <= step]
            cells.append(f"{before[-1]:.4g}" if before else "–")
        rows.append([f"{line.name}, {line.about}", *cells])
    return table(["Run", *(f"{s:,}" for s in steps)], rows, f"{panel.title} at or before each step")


def _thinned(points: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """At most MOST points, the first and the last among them."""
    if len(points) <= MOST:
        return tuple(points)
    return tuple(points[round(i * (len(points) - 1) / (MOST - 1))] for i in range(MOST))


def _rows(lines: Sequence[Line]) -> int:
    return len({line.name for line in lines})


def _rank(name: str) -> int:
    return FIRST.index(name) if name in FIRST else len(FIRST)

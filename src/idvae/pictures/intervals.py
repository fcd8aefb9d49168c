"""Intervals about 0, one below the other: a forest plot, for papers."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

from idvae.pictures import theme
from idvae.pictures.chart import Interval, Intervals

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FARTHEST = 2.0  # a difference of 200%: what lies beyond is written, so that the rest can be read


def save_intervals(paths: Sequence[str | PathLike[str]], chart: Intervals) -> None:
    """Draw intervals, in order from above; those of one kind have one colour.

    Args:
        paths: files, whose endings say the format.
        chart: its rows, with title and note.
    """
    kinds = sorted({(row.colour, row.kind) for row in chart.rows})
    note = textwrap.fill(chart.note, 120)
    height = 1.6 + 0.24 * len(chart.rows) + 0.16 * note.count("\n")
    with theme.figure((9, height)) as (figure, axes):
        axis = axes[0, 0]
        axis.axvline(0, color=theme.FAINT, linewidth=1)
        for number, kind in kinds:
            colour = theme.SERIES[number]
            of_kind = [(i, row) for i, row in enumerate(chart.rows) if row.kind == kind]
            places = [i for i, _ in of_kind]
            axis.hlines(
                places,
                [100 * row.low for _, row in of_kind],
                [100 * row.high for _, row in of_kind],
                color=colour,
            )
            values = [100 * row.value for _, row in of_kind]
            axis.plot(values, places, "o", color=colour, ms=4, label=kind)
        axis.set_yticks(range(len(chart.rows)), [row.name for row in chart.rows])
        axis.tick_params(axis="y", labelsize=theme.LEGEND)
        axis.invert_yaxis()
        low, high = axis.get_xlim()
        axis.set_xlim(max(min(low, 0), -100 * FARTHEST), min(max(high, 0), 100 * FARTHEST))
        for i, row in enumerate(chart.rows):
            if max(row.high, -row.low) > FARTHEST:
                _write_at_the_edge(axis, i, row)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="x")
        axis.set_xlabel("%")
        axis.set_title(chart.title, fontsize=theme.TITLE, loc="left")
        axis.legend(fontsize=theme.LEGEND, loc="best")
        figure.supxlabel(note, fontsize=theme.CAPTION, color=theme.NOTE, x=0.01, ha="left")
        for path in paths:
            theme.save(figure, path, dpi=110)


def _write_at_the_edge(axis: Axes, place: int, row: Interval) -> None:
    """The numbers of what is cut, inside the edge that it lies beyond or reaches past most."""
    right = row.high > -row.low
    words = f"{row.value:+.0%} [{row.low:+.0%}, {row.high:+.0%}]"
    axis.annotate(
        f"{words} ›" if right else f"‹ {words}",
        (1.0 if right else 0.0, place),
        xycoords=("axes fraction", "data"),
        ha="right" if right else "left",
        va="bottom",
        fontsize=theme.LEGEND,
        color=theme.NOTE,
    )

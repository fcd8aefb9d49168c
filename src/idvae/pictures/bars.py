"""Horizontal bars with the line of their deviation, for papers."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from os import PathLike

from idvae.pictures import theme
from idvae.pictures.chart import Bars


def save_bars(paths: Sequence[str | PathLike[str]], chart: Bars) -> None:
    """Draw bars, in order from above.

    Args:
        paths: files, whose endings say the format.
        chart: its note stands below.
    """
    text = textwrap.fill(chart.note, 105)
    height = 1.2 + 0.42 * len(chart.bars) + 0.16 * text.count("\n")
    with theme.figure((7, height)) as (figure, axes):
        axis = axes[0, 0]
        for i, bar in enumerate(chart.bars):
            ends = [[bar.value - bar.low], [bar.high - bar.value]]
            axis.barh(i, bar.value, 0.62, xerr=ends, color=theme.BAR, ecolor=theme.EDGE, capsize=4)
            dots = bar.dots
            axis.plot(dots, [i] * len(dots), "o", color=theme.PAPER, mec=theme.EDGE, ms=4)
            edge = max(bar.high, *dots, 0.0) + 0.015 * chart.right
            axis.text(edge, i, bar.text, va="center", fontsize=theme.VALUE)
        axis.set_yticks(range(len(chart.bars)), [textwrap.fill(b.name, 30) for b in chart.bars])
        axis.invert_yaxis()
        axis.set_xlim(0, 1.22 * chart.right)
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_xlabel(chart.x)
        figure.supxlabel(text, fontsize=theme.CAPTION, color=theme.NOTE, x=0.01, ha="left")
        for path in paths:
            theme.save(figure, path, dpi=150)

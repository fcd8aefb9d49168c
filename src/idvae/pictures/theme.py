"""Fonts and colours of every picture, and how a figure is begun and written.

Matplotlib is imported where something is drawn or labelled: it takes longer than most commands.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from typing import TYPE_CHECKING

from idvae.io.destination import Destination, whole

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from PIL import ImageFont

FONT = "DejaVu Sans"  # comes with Matplotlib, and has the Greek letters that Pillow's own lacks

PAPER, BLANK = "white", 255  # the ground, and each of its channels
INK = "black"
FAINT = "#777777"  # in the place of what is not there
NOTE = "#444444"  # of what is told below a figure
EDGE = "#222222"  # error bars, and rims of dots
BAR = "#4477aa"
# Lines, told apart by colour on white (contrast 4.5 and more), and by dashes from the ninth on.
SERIES = (
    "#3366aa", "#c02f40", "#1f7a33", "#8a6400", "#0e7480", "#8e2f7d", "#a84f00", "#555555",
)  # fmt: skip

# Points: above all panels, above one, beside a value, at the ticks, below the figure, in a legend.
HEADING, TITLE, VALUE, TICKS, CAPTION, LEGEND = 11, 10, 9, 8, 7.5, 7

STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": [FONT, "sans-serif"],  # the second one for readers of an SVG
    "svg.fonttype": "none",  # words stay words
    "svg.hashsalt": "idvae",  # the same picture is the same file
    "image.cmap": "magma",
    "text.parse_math": False,  # a $ in a name is a $
    "grid.alpha": 0.3,
}


def font(size: int) -> ImageFont.FreeTypeFont:
    """The font of all figures, for labels on images; size in pixels."""
    from matplotlib.font_manager import findfont
    from PIL import ImageFont

    return ImageFont.truetype(findfont(FONT), size)


@contextmanager
def figure(
    size: tuple[float, float], lines: int = 1, columns: int = 1, *, sharey: bool = False
) -> Iterator[tuple[Figure, np.ndarray]]:
    """Yield a figure and its axes, shape (lines, columns), to be drawn and saved within.

    It is no figure of pyplot: it needs no screen and changes nothing of a caller's own figures.

    Args:
        size: width and height in inches.
        lines, columns: of panels.
        sharey: whether all have one vertical axis.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        made = Figure(size, layout="constrained")
        yield made, made.subplots(lines, columns, sharey=sharey, squeeze=False)


def save(made: Figure, path: str | PathLike[str] | Destination, dpi: int = 110) -> None:
    """Write a figure in the format of the path's ending, whole or not at all, without a date."""
    with whole(path) as temporary:
        undated = {"Date": None} if temporary.suffix == ".svg" else None
        made.savefig(temporary, dpi=dpi, metadata=undated)

"""Lines of several runs on shared axes, panel beside panel, for papers."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

from idvae.pictures import theme
from idvae.pictures.chart import Line, Panel

DASHES = ("-", "--", ":", "-.")  # of the first eight colours, of the next eight, …


def save_panels(paths: Sequence[str | PathLike[str]], panels: Sequence[Panel]) -> None:
    """Draw panels with one legend below them.

    Args:
        paths: files, whose endings say the format.
        panels: at least one.
    """
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    # Ranks have their names at the ends of lines.
    named = {line.name: line for panel in panels if not panel.ranks for line in panel.lines}
    below = 0.25 * -(-len(named) // columns) + 0.3
    wide = 6.5 if columns == 1 else 3.6 * columns
    with theme.figure((wide, 2.7 * lines + below), lines, columns) as (figure, axes):
        for axis in axes.flat[len(panels) :]:
            axis.remove()
        for axis, panel in zip(axes.flat, panels, strict=False):
            for line in panel.lines:
                marks = {"marker": "o", "markersize": 4} if panel.ranks else {}
                axis.plot(*zip(*line.points, strict=True), linewidth=1, **_look(line), **marks)
                if panel.ranks:
                    end = {"xytext": (8, 0), "textcoords": "offset points", "va": "center"}
                    axis.annotate(line.name, line.points[-1], fontsize=theme.VALUE, **end)
            if panel.is_log:
                axis.set_yscale("log")
            if panel.places:
                axis.set_xticks(range(len(panel.places)), panel.places)
            if panel.ranks:
                axis.invert_yaxis()
                axis.set_yticks(range(1, int(panel.bounds[3]) + 1))
            axis.set_title(panel.title, fontsize=theme.TITLE)
            axis.set_xlabel(panel.x, fontsize=theme.TICKS)
            axis.tick_params(labelsize=theme.TICKS)
            axis.grid()
        if named:
            handles = [axes[0, 0].plot([], [], label=n, **_look(named[n]))[0] for n in named]
            place = {"loc": "outside lower left", "ncols": columns}
            figure.legend(handles=handles, fontsize=theme.LEGEND, **place)
        for path in paths:
            theme.save(figure, path, dpi=150)


def _look(line: Line) -> dict[str, str]:
    round_, place = divmod(line.colour, len(theme.SERIES))
    return {"color": theme.SERIES[place], "linestyle": DASHES[round_ % len(DASHES)]}

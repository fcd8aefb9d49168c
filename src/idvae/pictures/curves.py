"""The curves of a run, from its metrics alone."""

from collections.abc import Mapping, Sequence
from os import PathLike

from idvae.pictures import theme

# Panels by what is comparable: the losses that updates use, and what they are made of.
OUTPUTS = ("dis_x", "dis_gen", "dis_rec")
SKIPPED = ("step", "images_per_s")


def save_curves(path: str | PathLike[str], rows: Sequence[Mapping[str, float]], title: str) -> None:
    """Draw every metric against the step.

    Args:
        path: a .png file.
        rows: as `Run.metrics` gives them: at least one.
        title: what stands above.
    """
    names = [n for n in rows[-1] if n not in SKIPPED and n not in OUTPUTS]
    panels: list[tuple[str, tuple[str, ...]]] = [(n, (n,)) for n in names]
    outputs = tuple(n for n in OUTPUTS if n in rows[-1])
    if outputs:
        panels.append(("Dis(x), Dis(x'), Dis(x̃)", outputs))
    columns = min(4, len(panels))
    lines = -(-len(panels) // columns)
    with theme.figure((3.4 * columns, 2.6 * lines), lines, columns) as (figure, axes):
        for axis in axes.flat[len(panels) :]:
            axis.remove()
        for axis, (name, series) in zip(axes.flat, panels, strict=False):
            for one in series:
                points = [(row["step"], row[one]) for row in rows if one in row]
                axis.plot(*zip(*points, strict=True), label=one, linewidth=1)
            axis.set_title(name, fontsize=theme.TITLE)
            axis.tick_params(labelsize=theme.TICKS)
            axis.grid()
            if len(series) > 1:
                axis.legend(fontsize=theme.LEGEND)
        figure.suptitle(title, fontsize=theme.HEADING)
        theme.save(figure, path)

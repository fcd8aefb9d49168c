"""How well models reconstruct: a table of measures, and the paper's Figure 3 with error bars."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10
from os import PathLike

from idvae.errors import UserError
from idvae.evaluate.scores import RECONSTRUCTION
from idvae.pictures.bars import save_bars
from idvae.pictures.chart import Bar, Bars
from idvae.report.interval import EXPLAINED, in_brackets
from idvae.report.rows import Row
from idvae.report.table import markdown_line

SHOWN = "squared_error"  # L_recons, which the paper's Figure 3 shows


def those_that_reconstruct(rows: Sequence[Row]) -> list[Row]:
    """Rows with reconstruction measures.

    Raises:
        UserError: they were measured on different images.
    """
    there = [row for row in rows if row.scores.reconstruction]
    for row in there:
        first, facts = (r.scores.reconstruction["facts"] for r in (there[0], row))
        for fact in ("split", "n", "indices"):
            if facts.get(fact) != first.get(fact):
                raise UserError(
                    f"{there[0].name} and {row.name} reconstructed different images "
                    f"({fact}); score one of them again"
                )
        if None not in (sets := {facts.get("data"), first.get("data")}) and len(sets) > 1:
            raise UserError(
                f"{there[0].name} and {row.name} reconstructed images of different sets; compare "
                "models of one, or pass --ignore data, which leaves reconstructions out"
            )
    return there


def markdown(rows: Sequence[Row]) -> str:
    """Reconstruction measures of the models that have them; "" where none has."""
    there = those_that_reconstruct(rows)
    if not there:
        return ""
    metrics = list(dict.fromkeys(m for row in there for m in row.scores.reconstruction["values"]))
    titles = [RECONSTRUCTION[m][0] if m in RECONSTRUCTION else m for m in metrics]
    lines = [markdown_line(["Model", *titles]), markdown_line(["---"] + ["---:"] * len(metrics))]
    for row in there:
        found = row.scores.reconstruction["values"]
        cells = [_cell(found.get(metric)) + _interval(found.get(metric)) for metric in metrics]
        lines.append(markdown_line([row.name, *cells]))
    told = f" {EXPLAINED}" if any(row.over_seeds for row in there) else ""
    return "\n".join(lines) + f"\n\n{caption(rows)}{told}\n"


def caption(rows: Sequence[Row]) -> str:
    """What is measured, what ± is, and who is left out."""
    there = those_that_reconstruct(rows)
    facts = there[0].scores.reconstruction["facts"]
    over = [row for row in there if row.over_seeds]
    told = f"Reconstructions of {facts['n']:,} {facts.get('split', 'test')} images"
    if over:
        counts = sorted({len(row.runs) for row in over})
        seeds = " or ".join(map(str, counts))
        told += f"; ± is the standard deviation over {seeds} seeds"
    if len(over) < len(there):
        who = f" ({', '.join(r.name for r in there if r not in over)})" if over else ""
        told += f"; ± is the standard error over the images of one model{who}"
    absent = [row.name for row in rows if not row.scores.reconstruction]
    return told + (f". Without reconstructions: {', '.join(absent)}." if absent else ".")


def bar(value: dict) -> float:
    """The half-width of a value's error bar: over seeds, or the standard error over images."""
    return (value["sd"] if "sd" in value else value.get("standard_error")) or 0.0


def figure3(rows: Sequence[Row]) -> Bars | None:
    """The squared error of each model with its error bar; a dot is a training run.

    Args:
        rows: those without reconstructions are named in its note.

    Returns:
        None where there is nothing to draw.
    """
    there = [r for r in those_that_reconstruct(rows) if SHOWN in r.scores.reconstruction["values"]]
    if not there:
        return None
    note = caption(rows)
    if any(row.over_seeds for row in there):
        note += " A dot is one training."
    bars = []
    for row in there:
        value = row.scores.reconstruction["values"][SHOWN]
        mean, half, dots = value["mean"], bar(value), tuple(value.get("values", ()))
        bars.append(Bar(row.name, mean, mean - half, mean + half, _cell(value), dots))
    x = "squared error an image, values in [−1, 1] (lower is better)"
    return Bars(x, tuple(bars), note)


def save_figure(paths: Sequence[str | PathLike[str]], rows: Sequence[Row]) -> bool:
    """Draw `figure3` into files, whose endings say the format; whether there was something."""
    chart = figure3(rows)
    if chart is not None:
        save_bars(paths, chart)
    return chart is not None


def _cell(value: dict | None) -> str:
    if value is None:
        return "–"
    half = bar(value)
    if not half:
        return f"{value['mean']:.4g}"
    places = _places(half)
    return f"{value['mean']:.{places}f}±{half:.{places}f}"


def _interval(value: dict | None) -> str:
    """Of the mean, where it is over seeds that differ."""
    over_seeds = value is not None and "sd" in value
    return in_brackets(value["values"], _places(bar(value))) if over_seeds and bar(value) else ""


def _places(half: float) -> int:
    """Such that a deviation has two digits."""
    return max(0, 1 - floor(log10(half)))

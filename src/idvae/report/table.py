"""Table 1 of the paper: models × experts as mean ± deviation, in Markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from idvae.errors import UserError
from idvae.evaluate.scores import METRICS, RECONSTRUCTION, Scores, Value, check_comparable
from idvae.report.agreement import agreement, in_words, overlap

TRUE_DATA = "True Data"


@dataclass(frozen=True)
class Table:
    """Rows of values, one column an expert.

    Attributes:
        metric: of METRICS.
        experts: the columns.
        rows: by name, in order, the row of true data first where there is one; None where an
            expert has no value.
        best: for each expert the rows that share the best place: the best of the models, and
            those whose mean ± deviation overlaps with its. True data do not compete.
    """

    metric: str
    experts: tuple[str, ...]
    rows: dict[str, tuple[Value | None, ...]]
    best: dict[str, frozenset[str]]


def table(scores: Sequence[Scores], metric: str = "fd", ignore: Sequence[str] = ()) -> Table:
    """Put scores beside each other.

    Args:
        scores: of at least one model, all with the same facts.
        metric: of METRICS.
        ignore: facts that may differ; see `check_comparable`.

    Raises:
        UserError: none, facts that differ, two of one name, or an unknown metric.
    """
    if not scores:
        raise UserError("nothing to compare: name at least one scores.json or run")
    if metric not in METRICS:
        raise UserError(f"unknown metric {metric!r}; there are {', '.join(METRICS)}")
    check_comparable(scores, ignore)
    names = [s.name for s in scores]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"two scores have the name {twice[0]!r}; score one again with another name")
    experts = tuple(dict.fromkeys(e for s in scores for e in s.row if metric in s.row[e]))
    if not experts:
        raise UserError(f"no expert gave {metric} in these scores; score again with it")
    rows: dict[str, tuple[Value | None, ...]] = {}
    floor = next((s.true_data for s in scores if s.true_data), None)
    if floor:
        rows[TRUE_DATA] = tuple(floor.get(e, {}).get(metric) for e in experts)
    for one in scores:
        rows[one.name] = tuple(one.row.get(e, {}).get(metric) for e in experts)
    best = {e: _best(rows, i, METRICS[metric][1]) for i, e in enumerate(experts)}
    return Table(metric, experts, rows, best)


def _best(
    rows: dict[str, tuple[Value | None, ...]], column: int, less_is_better: bool
) -> frozenset[str]:
    models = {
        name: value
        for name, values in rows.items()
        if name != TRUE_DATA and (value := values[column]) is not None
    }
    if not models:
        return frozenset()
    choose = min if less_is_better else max
    top = models[choose(models, key=lambda name: models[name].mean)]
    return frozenset(name for name, value in models.items() if value is top or overlap(value, top))


def markdown(made: Table) -> str:
    """The table for a README: the best in bold, and a line that says what is bold."""
    head = ["Model", *made.experts]
    lines = [_line(head), _line(["---"] + ["---:"] * len(made.experts))]
    for name, values in made.rows.items():
        cells = [_cell(v, made.metric) for v in values]
        bold = [
            f"**{cell}**" if name in made.best[e] else cell
            for e, cell in zip(made.experts, cells, strict=True)
        ]
        lines.append(_line([name, *bold]))
    return "\n".join(lines) + f"\n\n{caption(made)}\n"


def caption(made: Table) -> str:
    """What the numbers are."""
    title, less = METRICS[made.metric]
    way = "lower" if less else "higher"
    return (
        f"{title[0].upper()}{title[1:]} ({way} is better), mean ± standard deviation over draws. "
        "Bold: the best, and what overlaps with it."
    )


def as_csv(made: Table) -> str:
    """One line a model and expert: model, expert, metric, mean, sd, best."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["model", "expert", "metric", "mean", "sd", "best"])
    for name, values in made.rows.items():
        for expert, value in zip(made.experts, values, strict=True):
            if value is not None:
                sd = "" if value.sd is None else repr(value.sd)
                best = int(name in made.best[expert])
                writer.writerow([name, expert, made.metric, repr(value.mean), sd, best])
    return out.getvalue()


def latex(made: Table) -> str:
    """The table for a paper; needs no package."""
    lines = [
        rf"\begin{{tabular}}{{l{'r' * len(made.experts)}}}",
        r"\hline",
        " & ".join(["Model", *map(_escaped, made.experts)]) + r" \\",
        r"\hline",
    ]
    for name, values in made.rows.items():
        cells = []
        for expert, value in zip(made.experts, values, strict=True):
            cell = _cell(value, made.metric).replace("±", r"\pm ")
            cell = cell if value is None else f"${cell}$"
            cells.append(rf"\boldmath{cell}\unboldmath" if name in made.best[expert] else cell)
        lines.append(" & ".join([_escaped(name), *cells]) + r" \\")
    return "\n".join([*lines, r"\hline", r"\end{tabular}"]) + "\n"


def agreement_words(scores: Sequence[Scores], made: Table) -> str:
    """Whether the experts of a table agree, in Markdown; only models that each of them scored."""
    shared = [s for s in scores if all(made.metric in s.row.get(e, {}) for e in made.experts)]
    values = {e: {s.name: s.row[e][made.metric] for s in shared} for e in made.experts}
    return in_words(agreement(values, made.metric), made.metric)


def reconstructions(scores: Sequence[Scores]) -> str:
    """Reconstruction measures of the models that have them, in Markdown; "" where none has.

    Raises:
        UserError: they were measured on different test images.
    """
    there = [(s.name, s.reconstruction) for s in scores if s.reconstruction]
    if not there:
        return ""
    first = there[0]
    for name, found in there:
        for fact in ("n", "indices"):
            if found["facts"][fact] != first[1]["facts"][fact]:
                raise UserError(
                    f"{first[0]} and {name} reconstructed different test images ({fact}); "
                    "score one of them again"
                )
    metrics = list(dict.fromkeys(m for _, found in there for m in found["values"]))
    titles = [RECONSTRUCTION[m][0] if m in RECONSTRUCTION else m for m in metrics]
    lines = [_line(["Model", *titles]), _line(["---"] + ["---:"] * len(metrics))]
    for name, found in there:
        values = [found["values"].get(m) for m in metrics]
        lines.append(_line([name, *("–" if v is None else f"{v['mean']:.5g}" for v in values)]))
    return "\n".join(lines) + f"\n\nReconstructions of {first[1]['facts']['n']:,} test images.\n"


def _cell(value: Value | None, metric: str) -> str:
    if value is None:
        return "–"
    digits = 2 if metric in ("fd", "fd_infinity", "is") else 4
    mean = f"{value.mean:.{digits}f}"
    return mean if value.sd is None else f"{mean}±{value.sd:.{digits}f}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _escaped(text: str) -> str:
    out = text.replace("\\", r"\textbackslash ")
    for character in "&%$#_{}":
        out = out.replace(character, "\\" + character)
    return out.replace("α", r"$\alpha$")

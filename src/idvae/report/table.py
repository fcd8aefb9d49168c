"""Table 1 of the paper: models × experts as mean ± deviation, in Markdown, CSV and LaTeX.

Rows of runs also say what their training took.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from idvae.errors import UserError
from idvae.evaluate.scores import METRICS, Value, checked_metrics
from idvae.report import significance
from idvae.report.agreement import agreement, in_words, overlap
from idvae.report.interval import EXPLAINED, in_brackets, interval
from idvae.report.rows import Row
from idvae.report.training import Training, training_of, with_unit

TRUE_DATA = "True Data"  # the real-data baseline, by its name in the paper
ERROR = "squared_error"  # of reconstructions, by which they are tested


@dataclass(frozen=True)
class Table:
    """Rows of values, one column an expert.

    Attributes:
        metric: of METRICS.
        experts: the columns.
        rows: by name, in order, the real-data baseline first where there is one; None where an
            expert has no value.
        best: for each expert the rows that share the best place: the best of the models, and
            those whose mean ± deviation overlaps with its. The baseline does not compete.
        spread: what the deviation of each model is over, such as "3 seeds".
        training: of the rows of runs.
    """

    metric: str
    experts: tuple[str, ...]
    rows: dict[str, tuple[Value | None, ...]]
    best: dict[str, frozenset[str]]
    spread: dict[str, str] = field(default_factory=dict)
    training: dict[str, Training] = field(default_factory=dict)

    def over_seeds(self, name: str) -> bool:
        """Whether the values of a row are of one training each."""
        return self.spread.get(name, "").endswith("seeds")


def table(given: Sequence[Row], metric: str = "fd") -> Table:
    """Put rows beside each other.

    Args:
        given: at least one, as `rows_of` makes them.
        metric: of METRICS.

    Raises:
        UserError: none, two of one name, or an unknown metric.
    """
    if not given:
        raise UserError("nothing to compare: name at least one scores.json or run")
    checked_metrics([metric])
    names = [row.name for row in given]
    if TRUE_DATA in names:
        raise UserError(f"{TRUE_DATA!r} is the baseline's name; score again with another --name")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"two scores have the name {twice[0]!r}; score one again with another name")
    scores = [row.scores for row in given]
    experts = tuple(dict.fromkeys(e for s in scores for e in s.row if metric in s.row[e]))
    if not experts:
        raise UserError(f"no expert gave {metric} in these scores; score again with it")
    rows: dict[str, tuple[Value | None, ...]] = {}
    baseline = next((s.true_data for s in scores if s.true_data), None)
    if baseline:
        rows[TRUE_DATA] = tuple(baseline.get(e, {}).get(metric) for e in experts)
    for one in scores:
        rows[one.name] = tuple(one.row.get(e, {}).get(metric) for e in experts)
    best = {e: _best(rows, i, METRICS[metric][1]) for i, e in enumerate(experts)}
    spread = {row.name: row.spread for row in given}
    training = {row.name: training_of(row) for row in given if row.runs}
    return Table(metric, experts, rows, best, spread, training)


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
    """The table for a README: the best in bold, and lines that say what the numbers are."""
    head = ["Model", *made.experts, *_training_head(made)]
    lines = [markdown_line(head), markdown_line(["---"] + ["---:"] * (len(head) - 1))]
    places = _places(made)
    for name, values in made.rows.items():
        bold = []
        for expert, value in zip(made.experts, values, strict=True):
            cell = _cell(value, places)
            cell = f"**{cell}**" if name in made.best[expert] else cell
            if value is not None and made.over_seeds(name):
                cell += in_brackets(value.values, places)
            bold.append(cell)
        lines.append(markdown_line([name, *bold, *_training_cells(made, name)]))
    return "\n".join(lines) + f"\n\n{caption(made)}\n"


def caption(made: Table) -> str:
    """What the numbers are, and what each deviation is over."""
    title, less = METRICS[made.metric]
    way = "lower" if less else "higher"
    told = (
        f"{title[0].upper()}{title[1:]} ({way} is better), mean ± standard deviation "
        f"{_over(made)}. Bold: the best, and what overlaps with it."
    )
    if any(map(made.over_seeds, made.rows)):
        told += f" {EXPLAINED}"
    if TRUE_DATA in made.rows:
        told += f" {TRUE_DATA}: the real-data baseline, real images scored as if generated"
        spreads = any(value is not None and value.sd is not None for value in made.rows[TRUE_DATA])
        told += "; its ± is over its sample sets." if spreads else "."
    if made.training:
        told += (
            " Multiply-adds: matrix products and convolutions, forward and "
            "backward, all steps and processes. Minutes: as measured, summed over processes, "
            "comparable on one idle machine only."
        )
    return told


def _over(made: Table) -> str:
    kinds: dict[str, list[str]] = {}
    for name, spread in made.spread.items():
        kinds.setdefault(spread, []).append(name)
    told = [_explained(spread) for spread in kinds]
    if len(told) > 1:
        told = [f"{t} ({', '.join(n)})" for t, n in zip(told, kinds.values(), strict=True)]
    return "; ".join(told) or "over sample sets"


def _explained(spread: str) -> str:
    if spread.endswith("seeds"):
        return f"over {spread}: one training each"
    count = spread.split()[0]
    return f"over {spread} of one model" if count != "1" else "not known from 1 sample set"


def as_csv(made: Table) -> str:
    """One line a model and expert, with every digit; `over` is what sd is over, n how many.

    low and high are the ends of the mean's confidence interval, where it is over seeds. What
    training took has no expert: parameters, training_macs, training_minutes.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["model", "expert", "metric", "mean", "sd", "best", "over", "n", "low", "high"])
    for name, values in made.rows.items():
        over = "seeds" if made.over_seeds(name) else "sample sets"
        for expert, value in zip(made.experts, values, strict=True):
            if value is not None:
                sd = "" if value.sd is None else repr(value.sd)
                best = int(name in made.best[expert])
                n = len(value.values)
                found = interval(value.values) if made.over_seeds(name) else None
                ends = map(repr, found) if found else ("", "")
                facts = [repr(value.mean), sd, best, over, n, *ends]
                writer.writerow([name, expert, made.metric, *facts])
    return out.getvalue()


def training_lines(made: Table) -> str:
    """Lines of CSV without a header: what the training of each model took."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for name, took in made.training.items():
        facts = {
            "parameters": took.parameters,
            "training_macs": took.macs,
            "training_minutes": took.minutes,
        }
        for metric, value in facts.items():
            if value is not None:
                writer.writerow([name, "", metric, repr(value), *[""] * 6])
    return out.getvalue()


def all_as_csv(given: Sequence[Row]) -> str:
    """Every metric that a row has and what trainings took, as `as_csv`, under one header."""
    found = [m for m in METRICS if any(m in v for row in given for v in row.scores.row.values())]
    tables = [table(given, metric) for metric in found]
    texts = [as_csv(one) for one in tables]
    header = texts[0].splitlines(keepends=True)[0]
    lines = [line for text in texts for line in text.splitlines(keepends=True)[1:]]
    return header + "".join(lines) + training_lines(tables[0])


def latex(made: Table) -> str:
    """The table for a paper; needs no package."""
    head = ["Model", *made.experts, *_training_head(made)]
    places = _places(made)
    lines = [
        rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}",
        r"\hline",
        " & ".join(map(_escaped, head)) + r" \\",
        r"\hline",
    ]
    for name, values in made.rows.items():
        cells = []
        for expert, value in zip(made.experts, values, strict=True):
            cell = _cell(value, places).replace("±", r"\pm ")
            cell = cell if value is None else f"${cell}$"
            cells.append(rf"\boldmath{cell}\unboldmath" if name in made.best[expert] else cell)
        cells += _training_cells(made, name)
        lines.append(" & ".join([_escaped(name), *cells]) + r" \\")
    return "\n".join([*lines, r"\hline", r"\end{tabular}"]) + "\n"


def agreement_words(given: Sequence[Row], made: Table) -> str:
    """Whether the experts of a table agree, in Markdown; only models that each of them scored."""
    shared = [
        r.scores for r in given if all(made.metric in r.scores.row.get(e, {}) for e in made.experts)
    ]
    values = {e: {s.name: s.row[e][made.metric] for s in shared} for e in made.experts}
    kept = {s.name for s in shared}
    missing = [row.name for row in given if row.name not in kept]
    return in_words(agreement(values, made.metric), made.metric, missing)


def significance_words(given: Sequence[Row], made: Table, against: str | None) -> str:
    """Tests of one row against the rest, in Markdown: by each expert, and in reconstructions.

    Args:
        given: the rows of a table; those of runs are tested.
        made: the table.
        against: the name of the row, if it was chosen before its scores were seen; else the best.
    """
    title, less = METRICS[made.metric]
    runs = [row for row in given if row.runs]
    found = {}
    for expert in made.experts:
        there = [row for row in runs if made.metric in row.scores.row.get(expert, {})]
        values = {r.name: _per_seed(r, r.scores.row[expert][made.metric]) for r in there}
        found[f"{expert} ({title})"] = significance.compare(values, less, against)
    errors = {}
    for row in runs:
        measured = (row.scores.reconstruction or {}).get("values", {}).get(ERROR)
        if measured:
            errors[row.name] = measured.get("values", [measured["mean"]])
    found["squared error of reconstructions"] = significance.compare(errors, True, against)
    return significance.in_words(found)


def _per_seed(row: Row, value: Value) -> Sequence[float]:
    """One value a training: sample sets of one model say nothing of another training."""
    return value.values if row.over_seeds else [value.mean]


def _training_head(made: Table) -> list[str]:
    return ["Parameters", "Training, multiply-adds", "Training, min"] if made.training else []


def _training_cells(made: Table, name: str) -> list[str]:
    if not made.training:
        return []
    took = made.training.get(name, Training())
    return [
        "–" if took.parameters is None else f"{took.parameters:,}",
        "–" if took.macs is None else with_unit(took.macs),
        "–"
        if took.minutes is None
        else f"{took.minutes:.3g}"
        if took.minutes < 100
        else f"{took.minutes:,.0f}",
    ]


def _cell(value: Value | None, places: int) -> str:
    if value is None:
        return "–"
    mean = f"{value.mean:.{places}f}"
    return mean if value.sd is None else f"{mean}±{value.sd:.{places}f}"


def _places(made: Table) -> int:
    """Decimals: more than usual where a model's value would have fewer than two digits left."""
    usual = 2 if made.metric in ("fd", "fd_infinity", "mind", "is") else 4
    models = [values for name, values in made.rows.items() if name != TRUE_DATA]
    means = [abs(value.mean) for values in models for value in values if value and value.mean]
    least = min(means, default=1.0)
    return usual if least >= 10.0 ** (1 - usual) else min(2 - math.floor(math.log10(least)), 15)


def markdown_line(cells: Sequence[str]) -> str:
    """A line of a table in Markdown."""
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


_IN_LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
    | {"α": r"$\alpha$"}
)


def _escaped(text: str) -> str:
    return text.translate(_IN_LATEX)

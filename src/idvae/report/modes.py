"""Runs on mixtures of Gaussians: modes covered and share of good samples, by method, over seeds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote

from idvae.errors import MISSHAPEN, UserError
from idvae.evaluate.metrics.modes import ModesReport
from idvae.evaluate.scores import Scores, Value
from idvae.io.files import atomic_file, read_bounded
from idvae.report.interval import EXPLAINED, in_brackets
from idvae.report.rows import Entry, Row, rows_of
from idvae.report.significance import compare, in_words
from idvae.report.table import markdown_line
from idvae.training.run import MODES, Run

MOST = 1 << 16  # bytes of one
COUNTS = ("step", "covered", "modes", "n")


@dataclass(frozen=True)
class ModesRow:
    """Runs on one set that differ in their seed alone.

    Attributes:
        data: name of the set; also of its checksum where others have that name.
        name: the title of the method, and the options that tell its rows apart.
        method: its registered name.
        covered: modes covered.
        good: share of good samples, in [0, 1].
        modes: that the set has.
        n: samples drawn of each run.
        steps: at which the modes of each training were counted.
    """

    data: str
    name: str
    method: str
    covered: Value
    good: Value
    modes: int
    n: int
    steps: int


def save(run: Run, step: int, found: ModesReport, n: int) -> None:
    """Write what was counted into a run, where `modes_rows` finds it.

    Args:
        run: on points.
        step: of the weights.
        found: by `modes`.
        n: samples that were drawn.
    """
    row = {
        "step": step,
        "covered": found.covered,
        "modes": len(found.counts),
        "good_share": found.good_share,
        "n": n,
    }
    with atomic_file(run.path / MODES) as temporary:
        temporary.write_text(json.dumps(row) + "\n", encoding="utf-8")


def modes_rows(runs: Sequence[tuple[Run, str]]) -> list[ModesRow]:
    """Group runs into rows, set by set, in the order in which they were given.

    Args:
        runs: each with the title of its method.

    Raises:
        UserError: a run whose modes were not counted, that is there twice, or whose steps or
            samples are not those of the others.
    """
    sets: dict[tuple[str, str | None], list[Entry]] = {}
    for run, title in runs:
        data = run.config["data"]
        entry = Entry(Scores(run.path.name, {}, {}), run, title)
        sets.setdefault((data["name"], data.get("checksum")), []).append(entry)
    names = [name for name, _ in sets]
    rows = []
    for (name, checksum), entries in sets.items():
        told = name if names.count(name) == 1 else f"{name} ({str(checksum)[:8]})"
        rows += [_row(told, row) for row in rows_of(entries)]
    for run, _ in runs:
        found = _found(run)
        if (found["step"], found["n"]) != (rows[0].steps, rows[0].n):
            raise UserError(
                f"{run.path} was counted at step {found['step']} over {found['n']} samples, the "
                f"first run at {rows[0].steps} over {rows[0].n}; compare equal budgets"
            )
    return rows


def _row(data: str, row: Row) -> ModesRow:
    found = [_found(run) for run in row.runs]
    return ModesRow(
        data,
        row.name,
        row.runs[0].config["method"],
        Value.of([float(one["covered"]) for one in found]),
        Value.of([float(one["good_share"]) for one in found]),
        int(found[0]["modes"]),
        int(found[0]["n"]),
        int(found[0]["step"]),
    )


def _found(run: Run) -> dict[str, int | float]:
    file, again = run.path / MODES, f"idvae train --resume {quote(str(run.path))}"
    try:
        found = json.loads(read_bounded(file, MOST))
        if any(type(found[key]) is not int or found[key] < 0 for key in COUNTS):
            raise ValueError("a count is no whole number")
        if type(found["good_share"]) not in (int, float) or not 0 <= found["good_share"] <= 1:
            raise ValueError("good_share is no share")
        return found
    except FileNotFoundError as error:
        raise UserError(f"{run.path} has no {MODES}; write it with {again}") from error
    except MISSHAPEN as error:
        raise UserError(
            f"{file} is damaged ({error}); remove it and write it anew with {again}"
        ) from error


def markdown(rows: Sequence[ModesRow], against: str | None = None) -> str:
    """A table a set, and whether the best share of good samples is better than the rest.

    Args:
        rows: at least one.
        against: the name of the row to compare with the others, in place of the best.
    """
    parts = []
    for data in dict.fromkeys(row.data for row in rows):
        mine = [row for row in rows if row.data == data]
        best = max(row.good.mean for row in mine)
        lines = [
            f"## {data}: {mine[0].modes} modes, {mine[0].steps:,} steps, "
            f"{mine[0].n:,} samples of each run",
            "",
            "| method | seeds | modes covered | least | good samples, % |",
            "|---|---:|---:|---:|---:|",
        ]
        for row in mine:
            good = _cell(row.good, 100.0)
            bold = f"**{good}**" if row.good.mean == best else good
            bold += in_brackets([100.0 * value for value in row.good.values], 1)
            seeds, least = len(row.good.values), f"{min(row.covered.values):.0f}"
            covered = _cell(row.covered, 1.0) + in_brackets(row.covered.values, 1)
            lines.append(markdown_line([row.name, f"{seeds}", covered, least, bold]))
        values = {row.name: row.good.values for row in mine}
        tests = {"share of good samples": compare(values, False, against)}
        parts.append("\n".join(lines) + "\n\n" + in_words(tests, "###"))
    note = (
        "A sample is good within 3σ of its nearest mode; a mode is covered by one good sample; "
        f"mean ± standard deviation over seeds. {EXPLAINED}\n"
    )
    return "\n".join([*parts, note])


def _cell(value: Value, unit: float) -> str:
    deviation = "" if value.sd is None else f" ± {value.sd * unit:.1f}"
    return f"{value.mean * unit:.1f}{deviation}"


def as_csv(rows: Sequence[ModesRow]) -> str:
    """One line a set, row and run."""
    lines = ["data,method,modes,steps,n,covered,good_share"]
    for row in rows:
        for covered, good in zip(row.covered.values, row.good.values, strict=True):
            name = f'"{row.name}"' if "," in row.name else row.name
            facts = f"{row.data},{name},{row.modes},{row.steps},{row.n}"
            lines.append(f"{facts},{covered:.0f},{good:.4f}")
    return "\n".join(lines) + "\n"

"""What codes know of classes and attributes: probe.json of a run, and the table over runs."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from idvae.data.prepared import SPLITS
from idvae.errors import MISSHAPEN, UserError
from idvae.evaluate.scores import Value
from idvae.io.destination import Destination, whole
from idvae.io.files import read_bounded
from idvae.report.rows import Row
from idvae.report.table import markdown_line

FILE = "probe.json"  # of a run
FORMAT = 1
MOST = 1 << 20  # bytes of one
FEATURES = ("code", "trunk")  # of a model; one without a trunk has none
PIXELS, MAJORITY = "pixels", "majority"  # baselines, of the data
COLUMNS = (
    *("model", "known", "features", "dimensions", "told"),
    *("step", "measure", "mean", "sd", "seeds"),
)
MEASURES = {"nearest": "1-NN", "linear": "linear probe"}


@dataclass(frozen=True)
class Probed:
    """What `idvae evaluate --probe` found of one run.

    Attributes:
        facts: what has to be the same where probes are compared: data, n, penalties.
        about: method, step, seed of the training, and what the encoder was told.
        values: "classes" or "attributes" → majority, a share in [0, 1]; code, trunk and pixels →
            nearest, linear, penalty, converged, dimensions, as of `evaluate.probe.Known`.
    """

    facts: dict[str, Any]
    about: dict[str, Any]
    values: dict[str, dict[str, Any]]

    def save(self, path: str | os.PathLike[str] | Destination) -> None:
        """Write as JSON, whole or not at all; a path is replaced."""
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=2, allow_nan=False)
        with whole(path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Probed:
        """Read what `save` wrote.

        Raises:
            UserError: damaged, or of another format.
            FileNotFoundError: nothing is there.
        """
        try:
            content = json.loads(read_bounded(path, MOST))
            if content.pop("format") != FORMAT:
                raise UserError(f"{path} has another format; probe again with this version")
            found = cls(**content)
            _check(found)
        except MISSHAPEN as error:
            raise UserError(f"{path} is no {FILE} of idvae evaluate --probe ({error})") from error
        return found


def _check(found: Probed) -> None:
    """Raise where something is missing that tables take from it."""
    numbers = [found.facts["n"][split] for split in SPLITS] + [found.about["step"]]
    for one in found.values.values():
        numbers.append(one[MAJORITY])
        for part in (one["code"], one.get("trunk", one["code"]), one[PIXELS]):
            numbers += [part[key] for key in (*MEASURES, "dimensions")]
    if not found.values or not all(type(number) in (int, float) for number in numbers):
        raise ValueError("numbers are missing")
    if not isinstance(found.about["told"], str | None):
        raise ValueError("told is no text")


@dataclass(frozen=True)
class ProbedRow:
    """A row of the tables: its name, and a probe of each training."""

    name: str
    probes: tuple[Probed, ...]


def probed_rows(rows: Sequence[Row]) -> tuple[list[ProbedRow], list[str]]:
    """The rows all of whose runs were probed, and the names of the others, with what they lack.

    Raises:
        UserError: a damaged probe.json, or probes that say different things.
    """
    there, absent = [], []
    for row in rows:
        files = [run.path / FILE for run in row.runs]
        missing = [file for file in files if not file.is_file()]
        if files and not missing:
            there.append(ProbedRow(row.name, tuple(map(Probed.load, files))))
        elif len(missing) < len(files):
            absent.append(f"{row.name} ({len(missing)} of {len(files)} runs have none)")
        else:
            absent.append(row.name)
    _check_comparable(there)
    return there, absent


def _check_comparable(rows: Sequence[ProbedRow]) -> None:
    for row in rows:
        for one in row.probes:
            first = rows[0]
            _check_same("facts", first, first.probes[0].facts, row, one.facts)
            for key in ("step", "told"):
                _check_same(key, row, row.probes[0].about[key], row, one.about[key])


def _check_same(what: str, a: ProbedRow, of_a: Any, b: ProbedRow, of_b: Any) -> None:
    if of_a != of_b:
        raise UserError(
            f"the probes of {a.name} and {b.name} cannot be compared, their {what} differ: {of_a} "
            f"and {of_b}; run idvae evaluate --probe --overwrite again on one of them"
        )


def markdown(rows: Sequence[ProbedRow], absent: Sequence[str] = ()) -> str:
    """A table of classes, one of attributes, as there are; "" without rows.

    Args:
        rows: of equal facts.
        absent: names of those that were not probed.
    """
    if not rows:
        return ""
    parts = []
    for known in rows[0].probes[0].values:
        head = ["Model", "Step", "Features", "Dimensions", *MEASURES.values()]
        lines = [markdown_line(head), "|---|---:|---|---:|---:|---:|"]
        for one in _lines(rows, known):
            cells = [_cell(value) for value in one.values.values()]
            features = one.features + (f", told {one.told}" if one.told else "")
            step = "" if one.step is None else f"{one.step:,}"
            lines.append(markdown_line([one.model, step, features, one.dimensions, *cells]))
        parts.append("\n".join(lines) + f"\n\n{_caption(rows, known)}\n")
    if absent:
        parts.append(f"Without a probe: {', '.join(absent)}.\n")
    return "\n".join(parts)


def as_csv(rows: Sequence[ProbedRow]) -> str:
    """One line a model, features and measure, shares in [0, 1] with every digit.

    `seeds` is how many trainings mean and sd are over; baselines are of the data and have none.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for known in rows[0].probes[0].values:
        for one in _lines(rows, known):
            for measure, value in one.values.items():
                sd = "" if value.sd is None else repr(value.sd)
                seeds = "" if one.step is None else len(value.values)
                what = [one.model, known, one.features, one.dimensions, one.told, one.step]
                writer.writerow([*what, measure, repr(value.mean), sd, seeds])
    return out.getvalue()


@dataclass(frozen=True)
class _Line:
    """What one kind of features knows, over trainings."""

    model: str
    features: str
    dimensions: str
    told: str | None
    step: int | None
    values: dict[str, Value]


def _lines(rows: Sequence[ProbedRow], known: str) -> list[_Line]:
    """The baselines, which are the same beside every model, then the models in their order."""
    base = rows[0].probes[0].values[known]
    chance, pixels = Value.of([float(base[MAJORITY])]), base[PIXELS]
    lines = [
        _Line("Majority", "", "", None, None, dict.fromkeys(MEASURES, chance)),
        _Line("Data", PIXELS, str(pixels["dimensions"]), None, None, _over([pixels])),
    ]
    for row in rows:
        about = row.probes[0].about
        for name in FEATURES:
            parts = [
                probe.values[known][name] for probe in row.probes if name in probe.values[known]
            ]
            if parts:
                width = str(parts[0]["dimensions"])
                values = _over(parts)
                lines.append(_Line(row.name, name, width, about["told"], about["step"], values))
    return lines


def _over(parts: Sequence[Mapping[str, Any]]) -> dict[str, Value]:
    return {measure: Value.of([float(part[measure]) for part in parts]) for measure in MEASURES}


def _caption(rows: Sequence[ProbedRow], known: str) -> str:
    """What is measured of how many images, and what ± is."""
    n = rows[0].probes[0].facts["n"]
    found = "whose class is found" if known == "classes" else "found, mean over attributes"
    told = (
        f"Test images {found}, in %, of {n['test']:,}: by the nearest of {n['train']:,} training "
        "images (1-NN), and by a logistic regression learnt from those (linear probe), whose "
        f"penalty was chosen on {n['validation']:,} validation images."
    )
    seeds = sorted({len(row.probes) for row in rows} - {1})
    if seeds:
        told += f" ± is the standard deviation over {' or '.join(map(str, seeds))} seeds."
    return (
        f"{told} Majority: who always says what is most frequent. Data: the images themselves. "
        "Trunk: what the head of the encoder reads."
    )


def _cell(value: Value) -> str:
    mean = f"{100 * value.mean:.1f}"
    return mean if value.sd is None else f"{mean}±{100 * value.sd:.1f}"

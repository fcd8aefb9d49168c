"""What runs say: every measure of each run of a replication, in one file that can be kept.

Runs lie as sweeps leave them, RUNS/PLAN/DATA/ROW-seedS, with scores.json, modes.json or
conditions.json in them. evidence.json repeats every number that a verdict rests on, the options of
each run, and the sha256 of the file that the number comes from; it holds no path of a machine.

What is compared is measured alike: of all runs of a plan on one set the facts of scores,
reconstructions, modes and judgements are the same, and so are the data that they were trained on;
all seeds of a row have the same options; and each file is of the last step of its run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from idvae.errors import MISSHAPEN, UserError
from idvae.evaluate.scores import Scores, differing, in_words
from idvae.io.files import atomic_file
from idvae.report.rows import FREE, makings, seed_of
from idvae.training.judgement import NAME as JUDGEMENT
from idvae.training.run import MODES, Run
from idvae.training.run_config import FIRST_PHASE

FORMAT = 2
FILE = "evidence.json"
_JUDGED = ("generated", "edited", "kept")
KINDS = ("scores", "reconstructions", "modes", "judgements")  # of facts
# What makes a file of measures again, after its run.
_AGAIN = {
    "scores.json": "idvae evaluate {} --overwrite, with the options of the others",
    MODES: "idvae train --resume {}, which counts them at its end",
    JUDGEMENT: "idvae judge {} --overwrite, with the options of the others",
}


@dataclass(frozen=True)
class Seen:
    """One run.

    Attributes:
        plan, data, row, seed: which one.
        method, options: what was trained.
        values: measure → number; those of scores as EXPERT:METRIC.
        files: file in the run folder → sha256.
    """

    plan: str
    data: str
    row: str
    seed: int
    method: str
    options: dict[str, Any]
    values: dict[str, float]
    files: dict[str, str]


@dataclass(frozen=True)
class Evidence:
    """All runs, and the facts that they have in common: plan → set → what they are of → facts."""

    runs: tuple[Seen, ...]
    facts: dict[str, Any]

    def sets(self, plan: str) -> list[str]:
        """Data sets of a plan's runs."""
        return list(dict.fromkeys(run.data for run in self.runs if run.plan == plan))

    def of(self, plan: str, data: str, row: str) -> list[Seen]:
        """The runs of a row by seed."""
        found = [r for r in self.runs if (r.plan, r.data, r.row) == (plan, data, row)]
        return sorted(found, key=lambda run: run.seed)

    def save(self, path: Path) -> None:
        """Write as JSON, whole or not at all."""
        content = {"format": FORMAT, "facts": self.facts, "runs": [asdict(r) for r in self.runs]}
        with atomic_file(path) as temporary:
            text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
            temporary.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Evidence:
        """Read what `save` wrote.

        Raises:
            UserError: damaged, or of another format.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] not in (1, FORMAT):
                raise UserError(f"{path} has another format; gather the runs with this version")
            runs = tuple(Seen(**run) for run in content["runs"])
            if content["format"] == 1:  # scores alone were noted, those of all sets of a plan
                content["facts"] = {
                    plan: {run.data: {"scores": facts} for run in runs if run.plan == plan}
                    for plan, facts in content["facts"].items()
                }
            numbers = [v for run in runs for v in run.values.values()]
            if not all(isinstance(v, int | float) and isfinite(v) for v in numbers):
                raise ValueError("a value is no finite number")
            if not all(type(run.seed) is int for run in runs):
                raise ValueError("a seed is no whole number")
            return cls(runs, content["facts"])
        except (OSError, *MISSHAPEN) as error:
            raise UserError(f"{path} is no {FILE} of idvae claims ({error})") from error


def gather(place: Path, plans: Iterable[str]) -> Evidence:
    """Everything that is known of the runs of some plans.

    Args:
        place: RUNS, or an evidence.json.
        plans: names of folders in it; one that is not there has no runs yet.

    Raises:
        UserError: no runs at all, or measures of a plan on one set that cannot be compared or are
            not of the last step of their run.
    """
    if place.is_file():
        return Evidence.load(place)
    seen: list[Seen] = []
    facts: dict[str, Any] = {}
    for plan in dict.fromkeys(plans):
        for folder in sorted((place / plan).glob("*")):
            runs, common = _of_set(plan, folder)
            seen += runs
            if common:
                facts.setdefault(plan, {})[folder.name] = common
    if not seen:
        raise UserError(
            f"{place}: no runs there; it is the folder that holds one for each plan, made by "
            "idvae sweep, or an evidence.json"
        )
    return Evidence(tuple(seen), facts)


def _of_set(plan: str, place: Path) -> tuple[list[Seen], dict[str, Any]]:
    """The runs of a plan on one set, and their facts by what they are of."""
    seen: list[Seen] = []
    first: dict[str, tuple[Path, Mapping[str, Any]]] = {}
    for folder in sorted(place.glob("*-seed*")):
        if not (folder / "config.yaml").is_file():
            continue
        run = Run.open(folder)
        one, facts = _seen(plan, run)
        seen.append(one)
        checked = dict(facts)
        if one.files:  # rows may differ in their options, and seeds of one may not
            checked["training data"] = {"checksum": run.config["data"].get("checksum")}
            own = {k: v for k, v in makings(run).items() if k != FIRST_PHASE}  # a seed has its own
            checked[f"trainings of {one.row}"] = {"method": one.method, **own}
        for what, values in checked.items():
            other, others = first.setdefault(what, (folder, values))
            if found := differing(others, values):
                raise UserError(
                    f"{other} and {folder} cannot be compared, their {what} differ in "
                    f"{in_words(found)}; make one of them again as the others are"
                )
    return seen, {what: first[what][1] for what in KINDS if what in first}


def _seen(plan: str, run: Run) -> tuple[Seen, dict[str, Mapping[str, Any]]]:
    """A run, and the facts of its measures by what they are of, one of KINDS."""
    folder = run.path
    files: dict[str, str] = {}
    values: dict[str, float] = {}
    facts: dict[str, Mapping[str, Any]] = {}
    counts = run.config.get("parameters")
    if counts:
        values["parameters"] = sum(counts.values())
    if _there(folder, "scores.json", files):
        scores = Scores.load(folder / "scores.json")
        if (step := scores.about.get("step")) is not None:  # older ones do not say it
            _check_step(run, "scores.json", step)
        facts["scores"] = scores.facts
        for expert, row in scores.row.items():
            values |= {f"{expert}:{metric}": value.mean for metric, value in row.items()}
        if scores.reconstruction:
            found = scores.reconstruction["values"]
            values |= {metric: value["mean"] for metric, value in found.items()}
            given = scores.reconstruction["facts"]
            facts["reconstructions"] = {name: given[name] for name in ("n", "indices")}
    if _there(folder, MODES, files):
        counted = _json(folder / MODES, ("step", "n", "modes", "covered", "good_share"))
        _check_step(run, MODES, counted["step"])
        facts["modes"] = {name: counted[name] for name in ("step", "n", "modes")}
        values |= {
            name: _number(counted[name], folder / MODES) for name in ("covered", "good_share")
        }
    if _there(folder, JUDGEMENT, files):
        judged = _json(folder / JUDGEMENT, ("rows", "facts"))
        with _told_if_damaged(folder / JUDGEMENT):
            step = judged["facts"].get("step")
            facts["judgements"] = {name: judged["facts"].get(name) for name in ("n", "classifier")}
            rows = list(judged["rows"].values())
            given = {n: [row[n][0] for row in rows if row.get(n) is not None] for n in _JUDGED}
        _check_step(run, JUDGEMENT, step)
        for name, means in given.items():
            if means:
                numbers = [_number(mean, folder / JUDGEMENT) for mean in means]
                values[name] = float(np.mean(numbers))
    options = {k: v for k, v in run.config["options"].items() if k not in FREE}
    return Seen(
        plan,
        folder.parent.name,
        folder.name.rpartition("-seed")[0],
        seed_of(run),
        run.config["method"],
        options,
        values,
        files,
    ), facts


def _check_step(run: Run, name: str, step: Any) -> None:
    last = run.config["options"].get("steps")
    if step != last:
        raise UserError(
            f"{run.path / name} is of step {step}, and the training goes to {last}; let it end "
            f"and measure it again ({_AGAIN[name].format(run.path)}), or leave the run out"
        )


def _there(folder: Path, name: str, files: dict[str, str]) -> bool:
    if (folder / name).is_file():
        files[name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    return name in files


def _json(file: Path, needed: Iterable[str]) -> dict[str, Any]:
    with _told_if_damaged(file):
        content = json.loads(file.read_text(encoding="utf-8"))
        if missing := sorted(set(needed) - set(content)):
            raise ValueError(f"{missing[0]} is missing")
        return content


def _number(value: Any, file: Path) -> float:
    with _told_if_damaged(file):
        if type(value) not in (int, float) or not isfinite(value):
            raise ValueError(f"{value!r} is no number")
    return float(value)


@contextmanager
def _told_if_damaged(file: Path) -> Iterator[None]:
    try:
        yield
    except MISSHAPEN as error:
        raise UserError(f"{file} is damaged: {error}") from error

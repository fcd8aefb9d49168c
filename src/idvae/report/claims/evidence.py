"""What runs say: every measure of each run of a replication, in one file that can be kept.

Runs lie as sweeps leave them, RUNS/PLAN/DATA/ROW-seedS, with scores.json, modes.json or
conditions.json in them. evidence.json repeats every number that a verdict rests on, the options of
each run, and the sha256 of the file that the number comes from; it holds no path of a machine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from idvae.errors import UserError
from idvae.evaluate.scores import Scores, check_comparable
from idvae.io.files import atomic_file
from idvae.report import modes
from idvae.report.rows import FREE, seed_of
from idvae.training.run import Run

FORMAT = 1
FILE = "evidence.json"
_JUDGED = ("generated", "edited", "kept")


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
    """All runs, and by plan the facts that their scores have in common."""

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
            if content["format"] != FORMAT:
                raise UserError(f"{path} has another format; gather the runs with this version")
            runs = tuple(Seen(**run) for run in content["runs"])
            if not all(isinstance(v, int | float) for r in runs for v in r.values.values()):
                raise ValueError("a value is no number")
            return cls(runs, content["facts"])
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise UserError(f"{path} is no {FILE} of idvae claims ({error})") from error


def gather(place: Path, plans: Iterable[str]) -> Evidence:
    """Everything that is known of the runs of some plans.

    Args:
        place: RUNS, or an evidence.json.
        plans: names of folders in it; one that is not there has no runs yet.

    Raises:
        UserError: no runs at all, or scores whose facts differ within a plan.
    """
    if place.is_file():
        return Evidence.load(place)
    seen, facts = [], {}
    for plan in dict.fromkeys(plans):
        scored: list[Scores] = []
        for folder in sorted((place / plan).glob("*/*-seed*")):
            if (folder / "config.yaml").is_file():
                run, scores = _seen(plan, folder)
                seen.append(run)
                scored += [scores] if scores else []
        if scored:
            check_comparable(scored)
            facts[plan] = scored[0].facts
    if not seen:
        raise UserError(
            f"{place}: no runs there; it is the folder that holds one for each plan, made by "
            "idvae sweep, or an evidence.json"
        )
    return Evidence(tuple(seen), facts)


def _seen(plan: str, folder: Path) -> tuple[Seen, Scores | None]:
    run = Run.open(folder)
    files: dict[str, str] = {}
    values: dict[str, float] = {}
    counts = run.config.get("parameters")
    if counts:
        values["parameters"] = sum(counts.values())
    scores = None
    if _there(folder, "scores.json", files):
        scores = Scores.load(folder / "scores.json")
        for expert, row in scores.row.items():
            values |= {f"{expert}:{metric}": value.mean for metric, value in row.items()}
        if scores.reconstruction:
            found = scores.reconstruction["values"]
            values |= {metric: value["mean"] for metric, value in found.items()}
    if _there(folder, modes.FILE, files):
        counted = _json(folder / modes.FILE)
        values |= {name: float(counted[name]) for name in ("covered", "good_share")}
    if _there(folder, "conditions.json", files):
        rows = _json(folder / "conditions.json")["rows"].values()
        for name in _JUDGED:
            if means := [row[name][0] for row in rows if row.get(name) is not None]:
                values[name] = float(np.mean(means))
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
    ), scores


def _there(folder: Path, name: str, files: dict[str, str]) -> bool:
    if (folder / name).is_file():
        files[name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    return name in files


def _json(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{file} is damaged: {error}") from error

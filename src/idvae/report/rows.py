"""Evaluated runs as rows of a table: runs that differ in their seed alone are one row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from idvae.data.prepared import SPLITS
from idvae.errors import UserError
from idvae.evaluate.scores import Row as Values
from idvae.evaluate.scores import Scores, Value, check_comparable, file_name
from idvae.training.run import Run, checkpoint_steps
from idvae.training.run_config import FIRST_PHASE, OF_THE_MACHINE, OF_THE_RECORD

# Options that do not change what a method learns, or that seeds of one row differ in.
FREE = ("seed", *OF_THE_MACHINE, *OF_THE_RECORD, "tensorboard")
# Options that are the budget and the networks: a fair comparison has them equal in all rows.
BUDGET = ("steps", "batch_size", "batch_parts", "preset", "width", "z_dim")


@dataclass(frozen=True)
class Entry:
    """One scores.json, with the run that it is of and the title of the run's method."""

    scores: Scores
    run: Run | None = None
    title: str = ""


@dataclass(frozen=True)
class Row:
    """A row of the tables.

    Attributes:
        scores: under the row's name; of several runs, every value is one over runs.
        runs: in the order of their seeds; none for images that were not trained with idvae.
    """

    scores: Scores
    runs: tuple[Run, ...] = ()

    @property
    def name(self) -> str:
        return self.scores.name

    @property
    def over_seeds(self) -> bool:
        """Whether deviations are over training runs, not over sample sets of one model."""
        return len(self.runs) > 1

    @property
    def spread(self) -> str:
        """What deviations are over, such as "3 seeds"."""
        if self.over_seeds:
            return f"{len(self.runs)} seeds"
        sets = max((len(v.values) for e in self.scores.row.values() for v in e.values()), default=1)
        return f"{sets} sample sets" if sets > 1 else "1 sample set"

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(seed_of(run) for run in self.runs)

    @property
    def step(self) -> int | None:
        """The step whose scores these are; None where they do not say."""
        return self.scores.about.get("step") if self.runs else None

    @property
    def newest(self) -> int | None:
        """The newest step of the runs; None where there are none."""
        return max(map(newest_step, self.runs), default=None)

    @property
    def method(self) -> str | None:
        """The registered name; None for images that were not trained with idvae."""
        return self.runs[0].config["method"] if self.runs else None


def seed_of(run: Run) -> int:
    """The seed of a training."""
    return run.config["options"].get("seed", 0)


def steps_done(run: Run) -> int:
    """The step of the last line of metrics, or all steps asked for where there is none."""
    rows = run.metrics()
    return rows[-1]["step"] if rows else run.config["options"]["steps"]


def newest_step(run: Run) -> int:
    """The step of the weights that a run has; where they are gone, the last that it tells of."""
    if run.is_released:
        return run.config["released"]["step"]
    return max(checkpoint_steps(run.path / "checkpoints"), default=0) or steps_done(run)


def rows_of(entries: Sequence[Entry], ignore: Sequence[str] = ()) -> list[Row]:
    """Group entries into rows, in the order in which they were given.

    Args:
        entries: at least one.
        ignore: facts that may differ, as of `check_comparable`; "data" is the training data, and
            where it differs errors of reconstructions, which are of its test images, are left out.

    Raises:
        UserError: none, facts or training data that differ, a seed that is there twice, or seeds
            of one row that were scored at different steps.
    """
    if not entries:
        raise UserError("nothing to compare: name at least one scores.json or run")
    _check_data(entries, ignore)
    if "data" in ignore and len({_reconstructed(entry) for entry in entries} - {None}) > 1:
        entries = [
            replace(entry, scores=replace(entry.scores, reconstruction=None)) for entry in entries
        ]
    check_comparable([entry.scores for entry in entries], [n for n in ignore if n != "data"])
    made = _all_made([entry.run for entry in entries])
    groups: dict[Any, list[Entry]] = {}
    made_of: dict[Any, dict[str, Any]] = {}
    for i, (entry, options) in enumerate(zip(entries, made, strict=True)):
        key = i if entry.run is None else (entry.run.config["method"], repr(options))
        groups.setdefault(key, []).append(entry)
        made_of[key] = options
    names = _names(list(groups.values()), list(made_of.values()))
    return [_row(name, group) for name, group in zip(names, groups.values(), strict=True)]


def differing(rows: Sequence[Row], options: Iterable[str] = BUDGET) -> dict[str, dict[str, Any]]:
    """Those of the options that are not the same in all rows of runs: option → row → value."""
    runs = {
        row.name: {**row.runs[0].config["options"], **_batches(row.runs[0])}
        for row in rows
        if row.runs
    }
    found = {name: {row: made.get(name) for row, made in runs.items()} for name in options}
    return {name: by_row for name, by_row in found.items() if len(set(by_row.values())) > 1}


def _all_made(runs: Sequence[Run | None]) -> list[dict[str, Any]]:
    """What makes each run, apart from its seed; {} of none.

    A run that starts from another has {seed} for its own seed in that one's path, as each seed may
    have a first phase of its own; the path is as it is where several seeds start from one run.
    """
    made = [{} if run is None else makings(run) for run in runs]
    two_phases = [
        (run, options, (run.config["method"], repr(options)))
        for run, options in zip(runs, made, strict=True)
        if run is not None and options.get(FIRST_PHASE)
    ]
    seeds: dict[tuple[str, str], set[int]] = {}
    for run, _, key in two_phases:
        seeds.setdefault(key, set()).add(seed_of(run))
    for run, options, key in two_phases:
        if len(seeds[key]) == 1:
            options[FIRST_PHASE] = _without_seed(str(options[FIRST_PHASE]), seed_of(run))
    return made


def _without_seed(path: str, seed: int) -> str:
    """A path in which {seed} stands for a seed: where it is said to be one, or its last number."""
    told, count = re.subn(rf"(seed[-_=]?){seed}(?!\d)", r"\1{seed}", path)
    return told if count else re.sub(rf"^(.*)(?<!\d){seed}(?!\d)", r"\1{seed}", path)


def makings(run: Run) -> dict[str, Any]:
    """What makes a run, apart from its seed."""
    from idvae.training.settings import (
        completed,  # imports torch, which tables of scores do not need
    )

    options = completed(run.config["method"], run.config["options"])
    options |= _batches(run)
    del options["sync_norm"]  # it is in batch_parts, and nothing to a training by one process
    kept = {name: options[name] for name in sorted(options) if name not in FREE}
    return {**kept, "data": run.config["data"].get("checksum")}


def _batches(run: Run) -> dict[str, int | str]:
    """Images of a step, and in how many parts they were normalised.

    How many processes share a batch is nothing to what is learnt, apart from batch normalisation:
    without --sync-norm each process normalises its own part. Networks of points have none.
    """
    until = run.processes_until()
    sizes = [(last, run.batch(last)) for last, _ in until]
    whole = run.config["options"].get("sync_norm") or run.config["data"].get("kind") == "points"
    parts = [(last, 1 if whole else count) for last, count in until]
    return {"batch_size": _by_step(sizes), "batch_parts": _by_step(parts)}


def _by_step(counts: Sequence[tuple[float, int]]) -> int | str:
    """Last steps and the count of all up to them, such as "2 until step 60, 4", or 4."""
    told = [a for a, b in pairwise(counts) if a[1] != b[1]]
    now = counts[-1][1]
    return ", ".join([*(f"{n} until step {last}" for last, n in told), f"{now}"]) if told else now


def _check_data(entries: Sequence[Entry], ignore: Sequence[str]) -> None:
    runs = [entry.run for entry in entries if entry.run is not None]
    if "data" in ignore:
        return
    for run in runs[1:]:
        one, other = (r.config["data"] for r in (runs[0], run))
        if one.get("checksum") != other.get("checksum"):
            raise UserError(
                f"{runs[0].path} and {run.path} cannot be compared, they were trained on other "
                f"data: {one.get('name')} and {other.get('name')}, whose checksums differ; compare "
                "runs on the same data, or pass --ignore data"
            )


def _reconstructed(entry: Entry) -> str | None:
    """The checksum of the set whose images were reconstructed, as far as it is known."""
    if not entry.scores.reconstruction:
        return None
    told = entry.scores.reconstruction["facts"].get("data")
    return told or (entry.run.config["data"].get("checksum") if entry.run is not None else None)


def _names(groups: Sequence[Sequence[Entry]], made: Sequence[dict[str, Any]]) -> list[str]:
    """The title of the method, and what tells its rows apart where there are several."""
    names = []
    runs = [first.run for first, *_ in groups if first.run is not None]
    for (first, *_), own in zip(groups, made, strict=True):
        if first.run is None:
            names.append(first.scores.name)
            continue
        method = first.run.config["method"]
        kin = [
            options
            for (one, *_), options in zip(groups, made, strict=True)
            if one.run and one.run.config["method"] == method
        ]
        told = [
            f"{name} {_data_name(first.run, runs) if name == 'data' else value}"
            for name, value in own.items()
            if any(other.get(name) != value for other in kin)
        ]
        names.append(f"{first.title} ({', '.join(told)})" if told else first.title)
    return names


def _data_name(run: Run, runs: Sequence[Run]) -> str:
    """The name of a run's data, and of its checksum where others have that name."""
    data = run.config["data"]
    name, checksum = data.get("name"), str(data.get("checksum"))
    same = {
        str(r.config["data"].get("checksum")) for r in runs if r.config["data"].get("name") == name
    }
    return f"{name} {checksum[:8]}" if len(same) > 1 else f"{name}"


def _row(name: str, group: Sequence[Entry]) -> Row:
    if group[0].run is None:
        return Row(group[0].scores)
    group = sorted(group, key=lambda entry: seed_of(entry.run))
    for a, b in pairwise(group):
        if seed_of(a.run) == seed_of(b.run):
            raise UserError(
                f"{a.run.path} and {b.run.path} are the same training, {name} with seed "
                f"{seed_of(a.run)}; name one of them"
            )
    step = _step_of(name, group)
    merged = Scores(
        name,
        group[0].scores.facts,
        _over_runs([entry.scores.row for entry in group]),
        group[0].scores.true_data,
        _reconstruction(group),
        about={} if step is None else {"step": step},
        warnings=list(dict.fromkeys(w for entry in group for w in entry.scores.warnings)),
    )
    return Row(merged, tuple(entry.run for entry in group))


def _step_of(name: str, group: Sequence[Entry]) -> int | None:
    """The step at which all runs of a row were scored; None where none of them says."""
    known = [entry for entry in group if entry.scores.about.get("step") is not None]
    if not known:
        return None
    low, high = (f(known, key=lambda entry: entry.scores.about["step"]) for f in (min, max))
    step, other = (entry.scores.about["step"] for entry in (high, low))
    if step != other:
        path = low.run.path
        there = newest_step(low.run) >= step
        on = "" if there else f"train it on (idvae train --resume {path}) and "
        raise UserError(
            f"{path} and {high.run.path} are seeds of one row, {name}, and were scored at steps "
            f"{other:,} and {step:,}; {on}score it again: idvae evaluate {path} --step {step} "
            "--overwrite, and the flags as before"
        )
    return step


def _over_runs(parts: Sequence[Values]) -> Values:
    """Each value over the means of runs; the row of one run as it is."""
    if len(parts) == 1:
        return parts[0]
    return {
        expert: {
            metric: Value.of([part[expert][metric].mean for part in parts])
            for metric in found
            if all(metric in part.get(expert, {}) for part in parts)
        }
        for expert, found in parts[0].items()
    }


def _reconstruction(group: Sequence[Entry]) -> dict[str, Any] | None:
    """Means over runs with their deviation `sd` and each run's mean; one run's as they are."""
    parts = [e.scores.reconstruction for e in group]
    if len(parts) == 1 or not all(parts):
        return parts[0] if len(parts) == 1 else None
    for entry, part in zip(group, parts, strict=True):
        for fact in ("n", "indices"):
            if part["facts"][fact] != parts[0]["facts"][fact]:
                raise UserError(
                    f"{group[0].run.path} and {entry.run.path} reconstructed different test "
                    f"images ({fact}); score one of them again"
                )
    values = {}
    for metric in parts[0]["values"]:
        if all(metric in part["values"] for part in parts):
            over = Value.of([part["values"][metric]["mean"] for part in parts])
            values[metric] = {"mean": over.mean, "sd": over.sd, "values": list(over.values)}
    return {"facts": parts[0]["facts"], "values": values}


def open_entry(place: Path) -> tuple[Scores, Run | None]:
    """The scores of a run or a file, and the run where they are of one.

    Raises:
        UserError: nothing there, not scored yet, or damaged.
    """
    if place.is_dir():
        if not (place / "scores.json").is_file():
            raise UserError(f"{place} was not scored yet; run: idvae evaluate {place}")
        place = place / "scores.json"
    scores = Scores.load(place)
    names = {file_name(split) for split in (None, *SPLITS)}
    is_run = place.name in names and (place.parent / "config.yaml").is_file()
    return scores, Run.open(place.parent) if is_run else None

"""What a row's training took: parameters, multiply-adds, minutes; read from run folders alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from idvae.report.rows import Row, differing, steps_done
from idvae.training.run import Run
from idvae.training.run_config import FIRST_PHASE

UNITS = (("P", 1e15), ("T", 1e12))


@dataclass(frozen=True)
class Training:
    """What was trained, for one row: of several runs, the mean of a run.

    Attributes:
        parameters: of all networks.
        macs: multiply-adds of the whole training; None for runs older than their counting.
        minutes: of all its processes together, as measured, on whatever machine it was; None
            where it was not.
    """

    parameters: int | None = None
    macs: float | None = None
    minutes: float | None = None


def training_of(row: Row) -> Training:
    """The training of a row, up to the step that was scored; every part None where there is no run
    or a run does not say."""
    if not row.runs:
        return Training()
    counts = row.runs[0].config.get("parameters")
    return Training(
        sum(counts.values()) if counts else None,
        _mean([macs(run, row.step) for run in row.runs]),
        _mean([minutes(run, row.step) for run in row.runs]),
    )


def macs(run: Run, last: int | None = None) -> int | None:
    """Multiply-adds of the steps that were made, those after `last` left out, by all processes."""
    return macs_of_steps(run, steps_done(run) if last is None else min(last, steps_done(run)))


def macs_of_steps(run: Run, steps: int) -> int | None:
    """Multiply-adds of the first `steps` steps, by all processes; None where a run does not say."""
    each = run.config.get("step_macs")
    if each is None:
        return None
    # Runs older than the counting of early steps were told at the cost of all others.
    early = min(steps, run.config.get("early_steps") or 0)
    of_early = run.config.get("early_macs") or each
    return of_early * images(run, 0, early) + each * images(run, early, steps)


def minutes(run: Run, last: int | None = None) -> float | None:
    """Time in training steps, from the images and the speed of each line of metrics.

    Steps after `last` are left out. Each process counts: two that train together for an hour take
    two hours of a processor or GPU.
    """
    seconds, before = 0.0, 0
    for row in run.metrics():
        step = row["step"] if last is None else min(last, row["step"])
        if step <= before:
            continue
        if not row.get("images_per_s"):
            return None
        together = images(run, before, step) / row["images_per_s"]
        seconds += together * run.processes(step)
        before = step
    return seconds / 60 if before else None


def images(run: Run, first: int, last: int) -> int:
    """Images that all processes were trained on in the steps after `first` up to `last`."""
    edges = [first, *(step for step, _ in run.processes_until() if first < step < last), last]
    return sum((b - a) * run.batch(b) for a, b in pairwise(edges))


def with_unit(count: float) -> str:
    """Multiply-adds in P (10¹⁵) or T (10¹²), with three digits."""
    sign, size = next((u for u in UNITS if count >= u[1]), UNITS[-1])
    scaled = count / size
    digits = 0 if scaled >= 100 else 1 if scaled >= 10 else 2 if scaled >= 1 else 3
    return f"{scaled:.{digits}f} {sign}" if scaled >= 0.001 else f"{scaled:.1g} {sign}"


def remarks(rows: Sequence[Row]) -> list[str]:
    """Sentences on what the trainings have not in common, and on what IDVAE saves."""
    told = []
    for name, by_row in differing(rows).items():
        values = ", ".join(f"{row} {value}" for row, value in by_row.items())
        told.append(f"Not the same in all rows: {name} ({values}).")
    for row in rows:
        if row.step is not None and row.step < row.newest:
            told.append(
                f"{row.name} was scored at step {row.step:,} of {row.newest:,}: what training took "
                f"is told up to step {row.step:,}, and pictures are of the newest."
            )
        if any(run.config["options"].get(FIRST_PHASE) for run in row.runs):
            told.append(
                f"{row.name}: multiply-adds and minutes leave out the training of its first phase."
            )
        for run in row.runs:
            done, asked = steps_done(run), run.config["options"]["steps"]
            if done < asked:
                told.append(f"{run.path.name} ({row.name}) stopped at step {done:,} of {asked:,}.")
    return told + _saved(rows)


def _shares(row: Row) -> bool:
    return row.runs[0].config["options"].get("share", "trunk") == "trunk"


def _saved(rows: Sequence[Row]) -> list[str]:
    """The parameters of the discriminator that IDVAE does not have."""
    told = []
    sharing = [row for row in rows if row.method == "idvae" and _shares(row)]
    for one in sharing[:1]:  # the others have the same networks
        for other in (row for row in rows if row.method == "vae-gan"):
            mine, theirs = training_of(one).parameters, training_of(other).parameters
            if not mine or not theirs or differing([one, other], ("preset", "width", "z_dim")):
                continue  # of other networks the difference is not the discriminator
            told.append(
                f"{one.name} has no separate discriminator: {theirs - mine:,} parameters fewer "
                f"than {other.name} ({100 * (theirs - mine) / theirs:.0f}% of {theirs:,})."
            )
    return told


def _mean(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there and len(there) == len(values) else None

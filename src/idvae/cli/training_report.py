"""What a training shows while it runs and when it ends."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from idvae.io.files import atomic_file
from idvae.pictures.curves import save_curves

OnLog = Callable[[int, Mapping[str, float]], None]


def _losses(row: Mapping[str, float]) -> str:
    """The losses of a row, in few characters."""
    return "  ".join(f"{k.removeprefix('loss_')} {v:.4g}" for k, v in row.items() if "loss_" in k)


@contextmanager
def watch(trainer: Any) -> Iterator[OnLog]:
    """Yield what the loop calls with each row: a bar on a terminal, plain lines elsewhere."""
    if sys.stderr.isatty():
        with _bar(trainer) as on_log:
            yield on_log
        return
    began, first, last = time.monotonic(), trainer.step, [0.0]
    steps = trainer.config.steps

    def on_log(step: int, row: Mapping[str, float]) -> None:
        now = time.monotonic()
        if now - last[0] < 5 and step < steps:  # a log file needs no more
            return
        last[0] = now
        left = (now - began) / (step - first) * (steps - step)
        print(
            f"step {step:,}/{steps:,}  {_losses(row)}  {row['images_per_s']:,.0f} images/s  "
            f"{_clock(left)} left",
            flush=True,
        )

    yield on_log


@contextmanager
def _bar(trainer: Any) -> Iterator[OnLog]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        BarColumn(20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} images/s"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(
            "", total=trainer.config.steps, completed=trainer.step, rate="…", losses=""
        )

        def on_log(step: int, row: Mapping[str, float]) -> None:
            rate = f"{row['images_per_s']:,.0f}"
            progress.update(task, completed=step, rate=rate, losses=_losses(row))

        yield on_log


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def finish(trainer: Any) -> None:
    """Draw the curves; for points report the modes; say where the pictures are."""
    from idvae.training import checkpoints

    run = trainer.run
    if run.metrics():
        save_curves(run.path / "curves.png", run.metrics(), trainer.method.title)
        print(f"curves: {run.path / 'curves.png'}")
    for kind in ("samples", "reconstructions"):
        if newest := sorted((run.path / kind).glob("*.png"))[-1:]:
            print(f"{kind}: {newest[0]}")
    if "modes" in trainer.data.meta and checkpoints.steps(run.path / "checkpoints"):
        _report_modes(trainer)


def _report_modes(trainer: Any) -> None:
    """Modes covered and share of good samples, of 10,000 samples from the newest checkpoint.

    After a divergence that is one of a step before.
    """
    import json

    from idvae.evaluate.metrics.modes import modes
    from idvae.model import Model

    facts = trainer.data.meta["modes"]
    model = Model(trainer.run)
    samples = model.sample(10_000, trainer.config.seed)
    found = modes(samples, np.asarray(facts["centres"]), facts["sigma"])
    total = len(facts["centres"])
    print(
        f"modes covered at step {model.step:,}: {found.covered} of {total}; "
        f"{found.good_share:.1%} of {len(samples):,} samples within 3σ of a mode"
    )
    with atomic_file(trainer.run.path / "modes.json") as temporary:
        row = {
            "step": model.step,
            "covered": int(found.covered),
            "modes": total,
            "good_share": float(found.good_share),
            "n": len(samples),
        }
        temporary.write_text(json.dumps(row) + "\n", encoding="utf-8")

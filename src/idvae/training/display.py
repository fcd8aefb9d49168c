"""What a training shows while it runs: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

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

"""What a training shows while it runs: its steps, its losses, and images a second."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from idvae.io.progress import display

OnLog = Callable[[int, Mapping[str, float]], None]


@contextmanager
def watch(trainer: Any) -> Iterator[OnLog]:
    """Yield what the loop calls with each row; its lines are the command's output."""
    with display(lines=sys.stdout) as begin:
        shown = trainer.step
        advance = begin("step", trainer.config.steps, shown)

        def on_log(step: int, row: Mapping[str, float]) -> None:
            nonlocal shown
            losses = (f"{k.removeprefix('loss_')} {v:.4g}" for k, v in row.items() if "loss_" in k)
            advance(step - shown, "  ".join([*losses, f"{row['images_per_s']:,.0f} images/s"]))
            shown = step

        yield on_log

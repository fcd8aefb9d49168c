"""What a training notes: means of scalars over steps, rows of them, and whether all are finite."""

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from idvae.errors import DivergedError, UserError
from idvae.methods.method import Method
from idvae.training import checkpoints
from idvae.training.distributed import Processes, all_reduce
from idvae.training.run import Run
from idvae.training.settings import TrainConfig


class Means:
    """Sums that stay on the device of what they add: reading at each step would stall a GPU.

    A sum keeps its place in memory, so that a recorded step (`cuda_graphs`) goes on adding to it.
    """

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}  # name → total and count

    def add(self, name: str, value: Tensor) -> None:
        """Add a scalar to the mean of that name."""
        wide = torch.float32 if value.device.type == "mps" else torch.float64  # mps has no other
        if name not in self.sums:
            self.sums[name] = torch.zeros(2, dtype=wide, device=value.device)
        self.sums[name] += torch.stack([value.to(wide), torch.ones_like(value, dtype=wide)])

    def not_finite(self) -> str | None:
        """What is no number any more, such as "loss_dis is nan"; None where all are."""
        for name, (total, _) in self.sums.items():
            if not math.isfinite(total):
                return f"{name} is {float(total)}"
        return None

    def take(self, together: bool) -> dict[str, float]:
        """The means since they were last taken, of all processes `together` or of this one."""
        if together:
            for total in self.sums.values():
                all_reduce(total, "sum")  # in place
        means = {name: float(total / count) for name, (total, count) in self.sums.items() if count}
        for total in self.sums.values():
            total.zero_()
        return means


def check_finite(method: Method, means: Means, step: int, folder: Path) -> None:
    """Raise DivergedError where a mean or a weight is no number; `folder` holds checkpoints."""
    what = means.not_finite()
    for name, value in method.named_parameters():
        if what is None and not value.isfinite().all():
            what = f"the weights {name} are not finite"
    if what is None:
        return
    there = checkpoints.steps(folder)
    kept = f"the checkpoint of step {there[-1]} is kept" if there else "no checkpoint was made yet"
    raise DivergedError(
        f"training stopped near step {step}: {what}; {kept}. "
        "Lower the learning rate (--lr), or clip gradients (--clip 1)"
    )


class Log:
    """Rows of metrics.jsonl, and of TensorBoard's files where asked for.

    Args:
        run: that they are written to, by the first process.
        means: that rows are made of.
        config: batch size, and whether TensorBoard's files are written too.
        processes: whose means are taken together.
    """

    def __init__(self, run: Run, means: Means, config: TrainConfig, processes: Processes) -> None:
        self.run, self.means, self.config, self.processes = run, means, config, processes
        self.board: Any = None

    def begin(self, step: int) -> None:
        """Start the clock at a step."""
        self.clock, self.since = time.perf_counter(), step
        if self.config.tensorboard and self.processes.is_first and self.board is None:
            self.board = _tensorboard(self.run.path / "tensorboard")

    def write(self, step: int, on_log: Callable[[int, Mapping[str, float]], None]) -> None:
        """Write the row of a step; `on_log` is told it too."""
        seconds = time.perf_counter() - self.clock
        row = {"step": step, **self.means.take(together=self.processes.world > 1)}
        images = (step - self.since) * self.config.batch_size
        row["images_per_s"] = round(images / seconds, 1)
        if self.processes.is_first:
            self.run.append_metrics(row)
            if self.board is not None:
                for name, value in row.items():
                    if name != "step":
                        self.board.add_scalar(name, value, step)
                self.board.flush()
            on_log(step, row)
        self.begin(step)


def _tensorboard(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UserError("--tensorboard needs a package: pip install 'idvae[track]'") from error
    return SummaryWriter(folder)

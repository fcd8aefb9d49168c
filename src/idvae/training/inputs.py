"""What a step of training is given: images, conditions and noise, as tensors by name."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from idvae.data.conditions import Condition
from idvae.data.pixels import to_float
from idvae.data.prepared import PreparedSet
from idvae.training import batches
from idvae.training.distributed import Processes
from idvae.training.settings import TrainConfig

IMAGES, CONDITIONS = "images", "conditions"


@dataclass
class Inputs:
    """Makes them, as a pure function of the step: on a thread, ahead of the training.

    Args:
        data: the set; its training split is read.
        condition: what its images are told apart by, if they are.
        draw_noise: (n, generator) → the noise of n images, by name.
        config: batch size, seed, mirroring.
        processes: each sees rows of its own; with a GPU the tensors lie where it can fetch them
            while the processor goes on.
    """

    data: PreparedSet
    condition: Condition | None
    draw_noise: Callable[[int, Generator], dict[str, Tensor]]
    config: TrainConfig
    processes: Processes

    def __post_init__(self) -> None:
        self.split = self.data.split("train")

    def __call__(self, step: int) -> dict[str, Tensor]:
        """Images as bytes (B, H, W, C) or points, conditions (B, Y) if any, and the noise."""
        seed, rank = self.config.seed, self.processes.rank
        rows = batches.indices(
            len(self.split), self.config.batch_size, seed, step, rank, self.processes.world
        )
        images = self.split.gather(rows)
        if self.config.flip and self.data.kind == "images":
            flips = np.random.default_rng(batches.seed_for(seed, batches.FLIP, step, rank))
            mirrored = flips.random(len(images)) < 0.5
            images[mirrored] = images[mirrored, :, ::-1]
        made = {IMAGES: torch.from_numpy(images)}
        if self.condition is not None:
            made[CONDITIONS] = torch.from_numpy(self.condition.rows(self.data, self.split, rows))
        made |= self.draw_noise(len(rows), batches.generator_for(seed, batches.NOISE, step, rank))
        if self.processes.device.type == "cuda":
            made = {name: tensor.pin_memory() for name, tensor in made.items()}
        return made

    def as_data(self, rows: Tensor, dtype: torch.dtype) -> Tensor:
        """x of rows on a device: bytes travel there and become floats there; points are floats."""
        return (rows if self.data.kind == "points" else to_float(rows)).to(dtype)

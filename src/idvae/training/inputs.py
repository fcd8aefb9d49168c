"""What a step of training is given: images, conditions and noise, as tensors by name."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from idvae.data.conditions import Condition
from idvae.data.prepared import PreparedSet
from idvae.training import batches

IMAGES, CONDITIONS = "images", "conditions"


@dataclass
class Inputs:
    """Makes them, as a pure function of the step: on a thread, ahead of the training.

    Args:
        data: the set; its training split is read.
        condition: what its images are told apart by, if they are.
        draw_noise: (n, generator) → the noise of n images, by name.
        batch_size: images on each process.
        seed: of order, noise and mirroring.
        flip: whether images are mirrored with a chance of one half.
        rank: of this process, of `world`.
        world: processes that train together.
        pinned: whether the tensors lie where a GPU can fetch them while the processor goes on.
    """

    data: PreparedSet
    condition: Condition | None
    draw_noise: Callable[[int, Generator], dict[str, Tensor]]
    batch_size: int
    seed: int
    flip: bool
    rank: int
    world: int
    pinned: bool

    def __post_init__(self) -> None:
        self.split = self.data.split("train")

    def __call__(self, step: int) -> dict[str, Tensor]:
        """Images as bytes (B, H, W, C) or points, conditions (B, Y) if any, and the noise."""
        rows = batches.indices(
            len(self.split), self.batch_size, self.seed, step, self.rank, self.world
        )
        images = self.split.gather(rows)
        if self.flip and self.data.kind == "images":
            seed = batches.seed_for(self.seed, batches.FLIP, step, self.rank)
            mirrored = np.random.default_rng(seed).random(len(images)) < 0.5
            images[mirrored] = images[mirrored, :, ::-1]
        made = {IMAGES: torch.from_numpy(images)}
        if self.condition is not None:
            made[CONDITIONS] = torch.from_numpy(self.condition.rows(self.data, self.split, rows))
        generator = batches.generator_for(self.seed, batches.NOISE, step, self.rank)
        made |= self.draw_noise(len(rows), generator)
        return {name: t.pin_memory() for name, t in made.items()} if self.pinned else made

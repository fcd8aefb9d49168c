"""What a step of training is given: images, conditions and noise, as tensors by name."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from idvae.data.conditions import Condition
from idvae.data.pixels import to_float
from idvae.data.prepared import PreparedSet
from idvae.methods.method import Method
from idvae.training import batches
from idvae.training.distributed import Processes
from idvae.training.settings import TrainConfig

IMAGES, CONDITIONS = "images", "conditions"


@dataclass
class Inputs:
    """Makes them, as a pure function of the step: on threads, ahead of the training.

    What the rows of a batch are depends on the step alone, not on how many processes there are:
    each draws all that is random of the whole batch, and keeps its own rows.

    Args:
        data: the set; its training split is read.
        condition: what its images are told apart by, if they are.
        method: whose noise is drawn.
        config: batch size, seed, mirroring.
        processes: each sees rows of its own; with a GPU the tensors lie where it can fetch them
            while the processor goes on.
    """

    data: PreparedSet
    condition: Condition | None
    method: Method
    config: TrainConfig
    processes: Processes

    def __post_init__(self) -> None:
        self.split = self.data.split("train")

    def __call__(self, step: int) -> dict[str, Tensor]:
        """Images as bytes (B, H, W, C) or points, conditions (B, Y) if any, and the noise."""
        seed, whole = self.config.seed, self.config.batch_size
        rank, world = self.processes.rank, self.processes.world
        rows = batches.indices(
            len(self.split), whole // world, seed, step, rank, world, self.split.order
        )
        own = slice(rank * len(rows), (rank + 1) * len(rows))
        images = self.split.gather(rows)
        if self.config.flip and self.data.kind == "images":
            flips = np.random.default_rng(batches.seed_for(seed, batches.FLIP, *_at(step)))
            mirrored = flips.random(whole)[own] < 0.5
            images[mirrored] = images[mirrored, :, ::-1]
        made = {IMAGES: torch.from_numpy(images)}
        if self.condition is not None:
            made[CONDITIONS] = torch.from_numpy(self.condition.rows(self.data, self.split, rows))
        generator = batches.generator_for(seed, batches.NOISE, *_at(step))
        noise = self.method.draw_noise(whole, generator)
        made |= noise if world == 1 else own_rows(noise, self.method, whole, own)
        if self.processes.device.type == "cuda":
            made = {name: tensor.pin_memory() for name, tensor in made.items()}
        return made

    def any_conditions(self, n: int, generator: torch.Generator) -> Tensor | None:
        """Conditions of n images of the split, shape (n, Y), drawn with repetition."""
        if self.condition is None:
            return None
        rows = torch.randint(len(self.split), (n,), generator=generator).numpy()
        return torch.from_numpy(self.condition.rows(self.data, self.split, rows))

    def as_data(self, rows: Tensor, dtype: torch.dtype) -> Tensor:
        """x of rows on a device: bytes travel there and become floats there; points are floats."""
        return (rows if self.data.kind == "points" else to_float(rows)).to(dtype)


def own_rows(
    noise: Mapping[str, Tensor], method: Method, whole: int, own: slice
) -> dict[str, Tensor]:
    """A process's own rows of the noise of a whole batch.

    Args:
        noise: as the method drew it for the batch.
        method: which says where the rows lie.
        whole: images of the batch.
        own: which of them are the process's own.

    Raises:
        ValueError: the noise has no row for each image there.
    """
    found = {}
    for name, tensor in noise.items():
        at = method.rows_at.get(name, 0)
        if tensor.ndim <= at or tensor.shape[at] != whole:
            raise ValueError(
                f"{type(method).__name__}.draw_noise gives {name} of shape {tuple(tensor.shape)} "
                f"for {whole} images: rows_at is to say which dimension has their rows, not {at}"
            )
        found[name] = tensor.narrow(at, own.start, own.stop - own.start).contiguous()
    return found


def _at(step: int) -> tuple[int, int]:
    """The position of what a step draws; the second number was once the rank of a process."""
    return step, 0

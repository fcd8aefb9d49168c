"""Pictures of a training as it goes: samples of fixed codes, reconstructions of fixed images."""

from contextlib import nullcontext

import numpy as np
import torch
from torch import Tensor

from idvae.data.pixels import to_uint8
from idvae.methods.method import Method
from idvae.pictures import grids
from idvae.training import batches
from idvae.training.averaging import Averages
from idvae.training.inputs import Inputs
from idvae.training.run import Run

IMAGES, POINTS = 64, 10_000  # that are sampled; half as many images are reconstructed


class Snapshots:
    """Draws them into the run's folder.

    Args:
        method: in training; it is in eval mode while it draws.
        averages: take the place of their live twins, where there are any.
        inputs: how rows of the validation split, or else of the training split, come to the method.
        run: the folder, which the first process alone writes to.
    """

    def __init__(self, method: Method, averages: Averages | None, inputs: Inputs, run: Run) -> None:
        self.method, self.averages, self.inputs, self.run = method, averages, inputs, run
        data = inputs.data
        self.split = data.split("validation" if data.counts["validation"] else "train")

    @torch.no_grad()
    def draw(self, step: int) -> None:
        """Write samples/STEP.png and, where the method encodes images, reconstructions/STEP.png."""
        if not self.inputs.processes.is_first:
            return
        self.method.eval()
        try:
            with self.averages.in_place() if self.averages else nullcontext():
                self._draw(f"{step:08d}.png", step)
        finally:
            self.method.train()

    def _draw(self, name: str, step: int) -> None:
        method, split = self.method, self.split
        n = POINTS if method.shape.is_points else IMAGES
        example = next(method.parameters())
        z = method.draw_prior(
            n, batches.generator_for(self.inputs.config.seed, batches.SAMPLES)
        ).to(example)
        samples = method.decode(z, self._conditions(np.arange(n) % len(split)))
        if method.shape.is_points:
            data = split.gather(np.arange(min(n, len(split))))
            title = f"samples ({n:,}) at step {step:,}"
            path = self.run.path / "samples" / name
            grids.save_density(path, data, samples.cpu().numpy(), title)
            return
        self._save("samples", name, grids.grid(to_uint8(samples).cpu().numpy()))
        if method.reconstructs:
            rows = np.arange(min(IMAGES // 2, len(split)))
            images, y = split.gather(rows), self._conditions(rows)
            x = self.inputs.as_data(torch.from_numpy(images).to(example.device), example.dtype)
            made = method.decode(method.encode(x, y), y, posterior=True)
            self._save("reconstructions", name, grids.pairs(images, to_uint8(made).cpu().numpy()))

    def _save(self, kind: str, name: str, picture: np.ndarray) -> None:
        grids.save_png(self.run.path / kind / name, grids.enlarge(picture))

    def _conditions(self, rows: np.ndarray) -> Tensor | None:
        """y of rows of the split, shape (B, Y); None without a condition."""
        condition, example = self.inputs.condition, next(self.method.parameters())
        if condition is None:
            return None
        return torch.from_numpy(condition.rows(self.inputs.data, self.split, rows)).to(example)

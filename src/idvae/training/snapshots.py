"""Pictures of a training as it goes: samples of fixed codes, reconstructions of fixed images."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from idvae.data.pixels import to_uint8
from idvae.data.prepared import Split
from idvae.methods.method import Method
from idvae.pictures import grids

IMAGES, POINTS = 64, 10_000  # that are sampled; half as many images are reconstructed

Rows = Callable[[np.ndarray], Tensor | None]


@torch.no_grad()
def draw(
    method: Method, split: Split, z: Tensor, x_of: Rows, y_of: Rows, folder: Path, step: int
) -> None:
    """Write samples/STEP.png and, where the method encodes images, reconstructions/STEP.png.

    Args:
        method: in eval mode.
        split: whose first rows are reconstructed, and lend samples their conditions.
        z: codes of the prior, shape (N, Z).
        x_of: rows of the split as the networks see them; y_of: their conditions or None.
        folder: of the run.
        step: names the files.
    """
    name = f"{step:08d}.png"
    samples = method.decode(z, y_of(np.arange(len(z)) % len(split)))
    if method.shape.is_points:
        data = split.gather(np.arange(min(len(z), len(split))))
        title = f"samples ({len(z):,}) at step {step:,}"
        grids.save_density(folder / "samples" / name, data, samples.cpu().numpy(), title)
        return
    picture = grids.enlarge(grids.grid(to_uint8(samples).cpu().numpy()))
    grids.save_png(folder / "samples" / name, picture)
    if method.reconstructs:
        rows = np.arange(min(IMAGES // 2, len(split)))
        y = y_of(rows)
        made = method.decode(method.encode(x_of(rows), y), y, posterior=True)
        picture = grids.pairs(split.gather(rows), to_uint8(made).cpu().numpy())
        grids.save_png(folder / "reconstructions" / name, grids.enlarge(picture))

"""A loop of torch-fidelity's shape, written here: torch-fidelity itself needs torchvision.

As its documentation and its papers' users have it: a DataLoader gives batches of bytes, the network
makes features of each, they are appended to a list and put together; μ and Σ come from `np.mean`
and `np.cov`, and the Fréchet distance from the square root of Σ1 Σ2 by scipy. Each expert goes
through the images once more, and none but this distance is computed.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from idvae.evaluate.experts.expert import Expert

BATCH = 64  # torch-fidelity's own


def distances(real: np.ndarray, fake: np.ndarray, experts: Sequence[Expert]) -> list[float]:
    """The Fréchet distance by each expert.

    Args:
        real, fake: uint8 (N, H, W, C).
        experts: whose networks and whose preparation of images are used.
    """
    found = []
    for expert in experts:
        sides = (features(images, expert) for images in (real, fake))
        found.append(frechet(*sides))
    return found


@torch.no_grad()
def features(images: np.ndarray, expert: Expert) -> np.ndarray:
    """Features of all images, float32 (N, d)."""
    found: list[Tensor] = []
    for (rows,) in DataLoader(TensorDataset(torch.from_numpy(images)), BATCH):
        found.append(expert.network(expert.prepare(rows))[0].cpu())
    return torch.cat(found).numpy()


def frechet(real: np.ndarray, fake: np.ndarray) -> float:
    """‖μ1 − μ2‖² + tr(Σ1 + Σ2 − 2 (Σ1 Σ2)^½), of features (N, d)."""
    import scipy.linalg

    (mean1, cov1), (mean2, cov2) = (
        (rows.mean(0), np.cov(rows, rowvar=False))
        for rows in (real.astype(np.float64), fake.astype(np.float64))
    )
    root = scipy.linalg.sqrtm(cov1 @ cov2).real
    return float(np.square(mean1 - mean2).sum() + np.trace(cov1 + cov2 - 2 * root))

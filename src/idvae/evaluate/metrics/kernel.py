"""The kernel distance: unbiased squared MMD with a cubic kernel (KID)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from idvae.errors import UserError
from idvae.seeds import checked_seed


def mmd2(x: np.ndarray, y: np.ndarray) -> float:
    """The unbiased estimate of MMD² with the kernel (x·y/d + 1)³ (Bińkowski et al. 2018).

    Args:
        x, y: features, float, shapes (N, d) and (M, d), N and M at least 2.

    Returns:
        around 0 for samples of one distribution; it may be negative.
    """
    x, y = (torch.from_numpy(np.asarray(a, np.float64)) for a in (x, y))
    n, m, d = len(x), len(y), x.shape[1]

    def kernel(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (a @ b.T).div_(d).add_(1.0).pow_(3)

    def off_diagonal(a: torch.Tensor) -> torch.Tensor:
        k = kernel(a, a)
        return k.sum() - k.trace()

    within = off_diagonal(x) / (n * (n - 1)) + off_diagonal(y) / (m * (m - 1))
    return float(within - 2.0 * kernel(x, y).mean())


@dataclass(frozen=True)
class KernelDistance:
    """KID over subsets: their mean, and the standard deviation (n − 1) between them.

    One subset has no deviation: `deviation` is then None.
    """

    value: float
    deviation: float | None
    subsets: int
    subset_size: int


def kernel_distance(
    x: np.ndarray,
    y: np.ndarray,
    *,
    subsets: int = 10,
    subset_size: int = 1000,
    seed: int = 0,
) -> KernelDistance:
    """KID: the mean of MMD² over pairs of subsets.

    Subsets of each side are cut from seeded permutations, so they are disjoint as long as the
    rows last, and every row is used before any is used again.

    Args:
        x, y: features, float, shapes (N, d) and (M, d).
        subsets: how many pairs.
        subset_size: rows of each; fewer where a side has fewer.
        seed: of the permutations.

    Raises:
        UserError: widths that differ, or fewer than two rows.
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise UserError(f"features {x.shape} and {y.shape} do not have the same width")
    size = min(subset_size, len(x), len(y))
    if size < 2 or subsets < 1:
        raise UserError("the kernel distance needs at least two images on both sides")
    rng = np.random.default_rng(checked_seed(seed, "the seed"))
    mine, others = _cut(len(x), size, subsets, rng), _cut(len(y), size, subsets, rng)
    values = [mmd2(x[i], y[j]) for i, j in zip(mine, others, strict=True)]
    spread = float(np.std(values, ddof=1)) if subsets > 1 else None
    return KernelDistance(float(np.mean(values)), spread, subsets, size)


def _cut(n: int, size: int, subsets: int, rng: np.random.Generator) -> list[np.ndarray]:
    cut: list[np.ndarray] = []
    while len(cut) < subsets:
        order = rng.permutation(n)
        cut += [order[i : i + size] for i in range(0, n - size + 1, size)]
    return cut[:subsets]

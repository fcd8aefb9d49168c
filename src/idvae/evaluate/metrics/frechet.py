"""The Fréchet distance between Gaussians fitted to features, by the nuclear norm.

FD = ‖μ1 − μ2‖² + tr Σ1 + tr Σ2 − 2 tr (Σ1 Σ2)^½, and with Σi = FiᵀFi the last trace is the sum of
the singular values of F1 F2ᵀ (Dowson and Landau 1982). So there is no square root of a product, no
ε on a diagonal and no complex number, and with fewer rows than features the matrix is small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from idvae.errors import UserError
from idvae.evaluate.metrics.statistics import (
    PartStatistics,
    Statistics,
    check_features,
    check_same_parts,
    factor_of_rows,
)
from idvae.seeds import checked_seed


def frechet_distance(a: np.ndarray | Statistics, b: np.ndarray | Statistics) -> float:
    """The squared Fréchet distance of two sets of features (FID, Heusel et al. 2017, equation 6).

    Args:
        a, b: features, float, shape (N, d) with N at least 2, or statistics of them.

    Returns:
        at least 0 but for rounding: a set against itself gives within 1e-12·tr Σ of 0.

    Raises:
        UserError: widths that differ, fewer than two rows, or values that are not finite.
    """
    (mean1, f1), (mean2, f2) = _mean_and_factor(a), _mean_and_factor(b)
    if len(mean1) != len(mean2):
        raise UserError(
            f"features of width {len(mean1)} cannot be compared with features of width "
            f"{len(mean2)}; were they made by different experts?"
        )
    cross = torch.from_numpy(f1) @ torch.from_numpy(f2).T
    overlap = float(torch.linalg.svdvals(cross).sum())
    means = float(np.square(mean1 - mean2).sum())
    return means + float(np.square(f1).sum()) + float(np.square(f2).sum()) - 2.0 * overlap


def frechet_of_parts(a: PartStatistics, b: PartStatistics) -> float:
    """The mean of the parts' Fréchet distances, each between Gaussians of its own.

    Of wavelet packets it is the Fréchet wavelet distance (Veeramacheneni et al. 2025).

    Raises:
        UserError: parts that are not alike.
    """
    check_same_parts(a, b)
    pairs = zip(a.parts, b.parts, strict=True)
    return float(np.mean([frechet_distance(one, other) for one, other in pairs]))


def _mean_and_factor(side: np.ndarray | Statistics) -> tuple[np.ndarray, np.ndarray]:
    """μ and F with FᵀF = Σ; of an array without the covariance, which nothing here needs."""
    if isinstance(side, Statistics):
        return side.mean, side.factor()
    rows = check_features(np.asarray(side)).astype(np.float64)
    mean = rows.mean(0)
    return mean, factor_of_rows(rows - mean)


@dataclass(frozen=True)
class Extrapolation:
    """FD∞ and the line it was read from.

    Attributes:
        value: the distance at infinitely many samples.
        slope: of the distance against 1/N.
        sizes: the N of each prefix.
        distances: the distance of each prefix.
    """

    value: float
    slope: float
    sizes: tuple[int, ...]
    distances: tuple[float, ...]


def frechet_infinity(
    features: np.ndarray,
    reference: np.ndarray | Statistics,
    *,
    points: int = 8,
    smallest: int | None = None,
    seed: int = 0,
    each: Callable[[Callable[[int], float], Sequence[int]], Iterable[float]] = map,
) -> Extrapolation:
    """The Fréchet distance without the bias of few samples (Chong and Forsyth 2020).

    The bias is linear in 1/N, so distances of growing prefixes of one seeded permutation are
    fitted by a line whose value at 1/N = 0 is reported. The reference is used whole.

    Args:
        features: float, shape (N, d).
        reference: features or statistics of the other side.
        points: prefixes, at least 2, evenly spaced in N.
        smallest: rows of the first; by default N/4, but more than d where N allows it, since the
            line bends below d.
        seed: of the permutation.
        each: applies a function to all sizes, as `map` does; several processes may share them.

    Raises:
        UserError: too few rows for the prefixes, or what `frechet_distance` raises.
    """
    checked_seed(seed, "the seed")
    n, width = features.shape
    if smallest is None:
        smallest = max(n // 4, 2)
        if 2 * width < n:
            smallest = max(smallest, width + 1)
    if points < 2 or smallest < 2 or smallest + points - 1 > n:
        raise UserError(f"{n} images are too few for FD∞ over {points} prefixes of {smallest} up")
    real = reference if isinstance(reference, Statistics) else Statistics.of(reference)
    order = np.random.default_rng(seed).permutation(n)
    sizes = np.linspace(smallest, n, points).round().astype(int)

    def distance(k: int) -> float:
        return frechet_distance(features[np.sort(order[:k])], real)

    counts = tuple(map(int, sizes))
    distances = tuple(map(float, each(distance, counts)))
    slope, value = np.polyfit(1.0 / sizes, distances, 1)
    return Extrapolation(float(value), float(slope), counts, distances)

"""Modes covered and share of good samples, for points in the plane drawn around known centres."""

from dataclasses import dataclass

import numpy as np

from idvae.errors import UserError


@dataclass(frozen=True)
class ModesReport:
    """What `modes` found.

    Attributes:
        covered: how many centres have at least `minimum` good samples.
        good_share: share of the samples that lie within `radius` σ of a centre, in [0, 1].
        counts: good samples of each centre, int64, shape (K,).
    """

    covered: int
    good_share: float
    counts: np.ndarray


def modes(
    points: np.ndarray,
    centres: np.ndarray,
    sigma: float,
    *,
    radius: float = 3.0,
    minimum: int = 1,
) -> ModesReport:
    """Count the modes of a mixture of Gaussians that samples reach (VEEGAN, 2017, section 5).

    A sample is good when its nearest centre is at most `radius` σ away; a mode is covered when
    it is the nearest centre of at least `minimum` good samples.

    Args:
        points: samples, float, shape (N, 2); any width D works.
        centres: of the modes, float, shape (K, 2).
        sigma: standard deviation of each mode, positive.
        radius: in σ, positive.
        minimum: good samples that make a mode covered; at least 1.

    Raises:
        UserError: no samples, no centres, widths that differ, or values that are not finite.
    """
    points, centres = np.asarray(points, np.float64), np.asarray(centres, np.float64)
    if points.ndim != 2 or centres.ndim != 2 or points.shape[1] != centres.shape[1]:
        raise UserError(
            f"modes needs points (N, D) and centres (K, D) of one width, "
            f"not {points.shape} and {centres.shape}"
        )
    if not len(points) or not len(centres):
        raise UserError("modes needs at least one sample and one centre")
    if not np.isfinite(points).all():
        raise UserError("some samples are not finite numbers; did the training diverge?")
    if sigma <= 0 or radius <= 0 or minimum < 1:
        raise UserError("modes needs a positive sigma and radius, and a minimum of at least 1")
    nearest, squared = _nearest(points, centres)
    good = squared <= (radius * sigma) ** 2
    counts = np.bincount(nearest[good], minlength=len(centres))
    return ModesReport(int((counts >= minimum).sum()), float(good.mean()), counts)


def _nearest(points: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # In blocks, so that a million samples and a thousand modes fit into memory.
    block = max(1, 4_000_000 // len(centres))
    nearest, squared = np.empty(len(points), np.int64), np.empty(len(points))
    for start in range(0, len(points), block):
        part = points[start : start + block]
        distances = sum(
            (part[:, None, axis] - centres[None, :, axis]) ** 2 for axis in range(part.shape[1])
        )
        nearest[start : start + block] = distances.argmin(1)
        squared[start : start + block] = distances.min(1)
    return nearest, squared

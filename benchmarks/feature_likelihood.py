"""Feature Likelihood Divergence: how likely are real images under a density made of samples?

Numerics alone, for small_n.py: it ranks worse than what the battery has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from idvae.errors import UserError
from idvae.evaluate.metrics.statistics import check_features

STEPS, TOLERANCE = 50, 1e-5  # of the fit, and what a dimension must gain for another step
NARROWEST, WIDEST = -40.0, 20.0  # logarithms of variances; a copy of a real image would reach 0
NEARER = 0.9  # of its distance to the mean, where the background sees a row, as in authors' code


@dataclass(frozen=True)
class Mixture:
    """A normal density at every sample, each with a variance of its own, and a wide one for all.

    Attributes:
        centres: float64, shape (N, d).
        log_variances: of the centres, shape (N,).
    """

    centres: Tensor
    log_variances: Tensor

    def log_likelihood(self, x: Tensor) -> Tensor:
        """Of rows x (K, d), without the wide density: shape (K,)."""
        joint = _normal(_squared(x, self.centres), self.log_variances, x.shape[1])
        return torch.logsumexp(joint, 1) - np.log(len(self.centres))


def likelihood_divergence(fake: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    """FLD but for its constant (Jiralerspong et al. 2023): 100 times the test images' nats/d.

    Features are standardised by the test images; a mixture of isotropic normal densities centred
    at the samples is fitted to the training images by its variances alone, and the test images
    are judged by it. Samples that copy training images get variances near 0, and are of no use
    for test images. The authors subtract what half of the training images get as samples, which
    is the same for every model.

    Args:
        fake, train, test: features, float, shapes (N, d), (K, d) and (L, d).

    Returns:
        the mean negative log likelihood a dimension, times 100; the less, the better.

    Raises:
        UserError: widths that differ, fewer than two rows, or values that are not finite.
    """
    fake, train, test = (check_features(np.asarray(a)) for a in (fake, train, test))
    if len({a.shape[1] for a in (fake, train, test)}) > 1:
        raise UserError("samples, training and test images need features of one width")
    wide = test.astype(np.float64)
    mean, scale = wide.mean(0), wide.std(0, ddof=1)
    scale[scale == 0] = 1.0
    fake, train, test = (torch.from_numpy((a - mean) / scale) for a in (fake, train, test))
    density = fit(fake, train)
    return -100.0 * float(density.log_likelihood(test).mean()) / test.shape[1]


def fit(centres: Tensor, x: Tensor) -> Mixture:
    """The variances that make rows x likeliest, by expectation and maximisation.

    As in the authors' code, a background at the mean of x, of a fitted variance, sees to rows that
    no sample is near to; and a centre starts at its nearest row's distance.

    Args:
        centres: float64, shape (N, d).
        x: float64, shape (K, d).
    """
    width = x.shape[1]
    squared = _squared(x, centres)
    outside = NEARER**2 * (x - x.mean(0)).square().sum(1)
    log_variances = ((squared.min(0).values + 1e-3) / width).log()
    background = torch.zeros((), dtype=x.dtype)
    before = -torch.inf
    for _ in range(STEPS):
        joint = _normal(squared, log_variances, width) - np.log(len(centres))
        joint = torch.cat([joint, _normal(outside, background, width)[:, None]], 1)
        total = torch.logsumexp(joint, 1)
        share = joint.sub_(total[:, None]).exp_()  # of each row, who explains it
        now = float(total.mean()) / width
        if now - before < TOLERANCE:
            break
        before = now
        mine, rest = share[:, :-1], share[:, -1]
        log_variances = _variances(mine, squared, width, log_variances)
        background = _variances(rest[:, None], outside[:, None], width, background[None])[0]
    return Mixture(centres, log_variances)


def _variances(share: Tensor, squared: Tensor, width: int, before: Tensor) -> Tensor:
    """Logarithms of the likeliest variances; of who explains no row at all, what it was."""
    explained = share.sum(0)
    found = (torch.linalg.vecdot(share, squared, dim=0) / (width * explained)).log()
    found = torch.where(explained > 0, found, before)
    return found.clamp(NARROWEST, WIDEST)


def _normal(squared: Tensor, log_variances: Tensor, width: int) -> Tensor:
    """Logarithms of isotropic normal densities at squared distances from their centres."""
    constant = width / 2 * (log_variances + np.log(2 * np.pi))
    return squared * (-0.5 * torch.exp(-log_variances)) - constant


def _squared(x: Tensor, centres: Tensor) -> Tensor:
    """Squared distances, shape (K, N); near the origin they lose fewer digits."""
    middle = centres.mean(0)
    x, centres = x - middle, centres - middle
    norms = centres.square().sum(1)
    distances = torch.addmm(norms[None], x, centres.T, alpha=-2.0)
    return distances.add_(x.square().sum(1)[:, None]).clamp_(min=0.0)

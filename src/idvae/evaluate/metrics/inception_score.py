"""The Inception Score, for experts that also classify."""

from __future__ import annotations

import numpy as np

from idvae.errors import UserError


def inception_score(logits: np.ndarray, splits: int = 1) -> tuple[float, float | None]:
    """exp of the mean KL divergence of p(y|x) from p(y) (Salimans et al. 2016).

    The published protocol is 10 splits of 50,000 images. It says little of sets that are unlike
    those the classifier learned (Barratt and Sharma 2018).

    Args:
        logits: float, shape (N, classes).
        splits: equal parts, in order, each scored alone.

    Returns:
        the mean over the splits, from 1 to the number of classes, and their standard deviation
        (n − 1), None for one split.

    Raises:
        UserError: fewer images than splits.
    """
    if splits < 1 or len(logits) < splits:
        raise UserError(f"{len(logits)} images cannot be cut into {splits} splits")
    scores = []
    for part in np.array_split(logits, splits):
        part = part.astype(np.float64)
        log_p = part - part.max(1, keepdims=True)
        log_p -= np.log(np.exp(log_p).sum(1, keepdims=True))
        p = np.exp(log_p)
        # A probability of exactly 0 adds 0, not 0·∞.
        log_p = np.where(p > 0, log_p, 0.0)
        marginal = p.mean(0)
        log_marginal = np.log(np.where(marginal > 0, marginal, 1.0))
        divergence = (p * (log_p - log_marginal)).sum(1)
        scores.append(float(np.exp(divergence.mean())))
    return float(np.mean(scores)), float(np.std(scores, ddof=1)) if splits > 1 else None

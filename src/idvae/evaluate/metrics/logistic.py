"""Logistic regression with an L2 penalty: what a linear function of features knows of classes.

Of classes it is multinomial, −log softmax; of attributes it is one regression each, −log sigmoid,
side by side. The mean over rows of that (summed over attributes), plus penalty/2 ‖W‖², is convex:
full-batch L-BFGS in float64 finds its only minimum, the same one on every call. Biases are not
penalised.

L-BFGS moves V = LᵀW with L Lᵀ = c XᵀX/N + penalty, c the mean of p(1 − p) at the start: about the
curvature of the loss (Böhning 1992 bounds it so). Features that vary together then need far fewer
steps; the minimum is the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

MOST_STEPS = 1000  # of L-BFGS, if the gradient is not small before
SMALL = 1e-5  # largest entry of the gradient by V and by the scaled bias at which it stops
WIDEST = 4096  # features whose XᵀX is worth its memory; more are not turned into V


@dataclass(frozen=True)
class Linear:
    """A fitted regression.

    Attributes:
        weight: W, float64, shape (d, K): K classes or attributes.
        bias: float64, shape (K,).
        converged: whether it stopped because its gradient was small.
    """

    weight: Tensor
    bias: Tensor
    converged: bool = True

    def logits(self, x: Tensor) -> Tensor:
        """Features (N, d), float64 → logits (N, K)."""
        return torch.addmm(self.bias, x, self.weight)


class Regression:
    """Rows to be fitted, under one penalty after another.

    Args:
        x: features, float64, shape (N, d), of a scale near 1.
        targets: classes, int64, shape (N,); or attributes of 0 and 1, float64, shape (N, K).
        count: K, classes or attributes.
    """

    def __init__(self, x: Tensor, targets: Tensor, count: int) -> None:
        self.x, self.targets, self.count = x, targets, count
        self.moment = x.T @ x / len(x) if x.shape[1] <= WIDEST else None

    def fit(self, penalty: float, start: Linear | None = None) -> Linear:
        """The regression with the least loss.

        Args:
            penalty: λ, above 0.
            start: where to start, which saves steps and changes nothing else; else from 0.
        """
        x, count = self.x, self.count
        if start is None:
            start = Linear(x.new_zeros(x.shape[1], count), x.new_zeros(count))
        c = self._curvature(start)
        turn = self._turn(c, penalty)
        v = (start.weight if turn is None else turn @ start.weight).clone().requires_grad_()
        b = (start.bias * c**0.5).requires_grad_()
        optimizer = torch.optim.LBFGS(
            [v, b],
            max_iter=MOST_STEPS,
            history_size=20,
            tolerance_grad=SMALL,
            tolerance_change=0.0,
            line_search_fn="strong_wolfe",
        )

        def made() -> Linear:
            w = v if turn is None else torch.linalg.solve_triangular(turn, v, upper=True)
            return Linear(w, b / c**0.5)

        def closure() -> Tensor:
            optimizer.zero_grad()
            found = made()
            total = loss(found.logits(x), self.targets)
            total = total + 0.5 * penalty * found.weight.square().sum()
            total.backward()
            return total

        optimizer.step(closure)
        closure()  # the line search may have looked further than it went
        converged = all(bool(p.grad.abs().max() <= SMALL) for p in (v, b))
        found = made()
        return Linear(found.weight.detach(), found.bias.detach(), converged)

    def _curvature(self, at: Linear) -> float:
        """The mean of p(1 − p): never 0, however sure it is."""
        logits = at.logits(self.x)
        p = logits.softmax(1) if self.targets.ndim == 1 else logits.sigmoid()
        return max(float((p * (1 - p)).mean()), 1e-4)

    def _turn(self, c: float, penalty: float) -> Tensor | None:
        """Lᵀ."""
        if self.moment is None:
            return None
        bound = c * self.moment
        bound.diagonal().add_(penalty)
        return torch.linalg.cholesky(bound, upper=True)


def loss(logits: Tensor, targets: Tensor) -> Tensor:
    """The mean over rows of −log p of the class, or of −log p summed over attributes."""
    if targets.ndim == 1:
        return F.cross_entropy(logits, targets)
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(1).mean()

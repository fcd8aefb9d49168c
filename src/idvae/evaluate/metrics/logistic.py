"""Logistic regression with an L2 penalty: what a linear function of features knows of classes.

Of classes it is multinomial, −log softmax; of attributes it is one regression each, −log sigmoid,
side by side. The mean over rows of that (summed over attributes), plus penalty/2 ‖W‖², is convex:
full-batch L-BFGS in float64 finds its only minimum, the same one on every call. Biases are not
penalised.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

MOST_STEPS = 1000  # of L-BFGS, if the gradient is not small before
SMALL = 1e-6  # largest entry of a gradient at which it stops


@dataclass(frozen=True)
class Linear:
    """A fitted regression.

    Attributes:
        weight: W, float64, shape (d, K): K classes or attributes.
        bias: float64, shape (K,).
        gradient: the largest entry of the gradient where it stopped; above SMALL where it was
            stopped by MOST_STEPS.
    """

    weight: Tensor
    bias: Tensor
    gradient: float

    def logits(self, x: Tensor) -> Tensor:
        """Features (N, d), float64 → logits (N, K)."""
        return torch.addmm(self.bias, x, self.weight)


def fit(
    x: Tensor, targets: Tensor, count: int, penalty: float, start: Linear | None = None
) -> Linear:
    """The regression with the least loss.

    Args:
        x: features, float64, shape (N, d), of a scale near 1.
        targets: classes, int64, shape (N,); or attributes of 0 and 1, float64, shape (N, K).
        count: K, classes or attributes.
        penalty: λ, above 0.
        start: where to start, which saves steps and changes nothing else; else from 0.
    """
    weight, bias = x.new_zeros(x.shape[1], count), x.new_zeros(count)
    if start is not None:
        weight, bias = start.weight.clone(), start.bias.clone()
    parameters = [weight.requires_grad_(), bias.requires_grad_()]
    optimizer = torch.optim.LBFGS(
        parameters,
        max_iter=MOST_STEPS,
        history_size=20,
        tolerance_grad=SMALL,
        tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        total = loss(torch.addmm(bias, x, weight), targets)
        total = total + 0.5 * penalty * weight.square().sum()
        total.backward()
        return total

    optimizer.step(closure)
    closure()  # the line search may have looked further than it went
    gradient = max(float(p.grad.abs().max()) for p in parameters)
    return Linear(weight.detach(), bias.detach(), gradient)


def loss(logits: Tensor, targets: Tensor) -> Tensor:
    """The mean over rows of −log p of the class, or of −log p summed over attributes."""
    if targets.ndim == 1:
        return F.cross_entropy(logits, targets)
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(1).mean()

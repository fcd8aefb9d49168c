"""What networks know of the whole batch where several processes have a part of it each.

Every process is to ask at the same places, in the same order. Losses are means over a process's
own part, and gradients are averaged over processes: so the gradient that comes back to a process
here is the sum of what all of them send.
"""

from typing import Any

import torch
from torch import Tensor, distributed, nn


class OverBatch(nn.Module):
    """A layer that looks at how its batch varies.

    Attributes:
        across: whether, in training, the batch is that of all processes together; else each
            process looks at its own part.
    """

    across = False

    @property
    def asks(self) -> bool:
        """Whether it asks other processes now."""
        return self.across and self.training


def sum_of_all(x: Tensor) -> Tensor:
    """The sum of a tensor over processes; differentiable to any order."""
    return _Sum.apply(x)


def rows_of_all(x: Tensor) -> Tensor:
    """The rows of all processes, in the order of the batch: (B, ...) → (processes × B, ...).

    Differentiable to any order.
    """
    return _Rows.apply(x)


def moments(x: Tensor, across: bool = False) -> tuple[Tensor, Tensor]:
    """Mean and variance over a batch (B, ...), each (...), the latter without correction.

    Args:
        x: this process's part.
        across: over the batch of all processes.
    """
    if not across:
        return x.mean(0), x.var(0, correction=0)
    n = len(x) * distributed.get_world_size()
    mean = sum_of_all(x.sum(0)) / n
    return mean, sum_of_all((x - mean).square().sum(0)) / n


class _Sum(torch.autograd.Function):
    """The sum over processes; its gradient is the sum of theirs, for all of them used it."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return _Sum.apply(gradient)  # itself differentiable, for gradient penalties


class _Rows(torch.autograd.Function):
    """The rows of all processes; the gradient of each process's own is the sum of theirs."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        parts = [torch.empty_like(x) for _ in range(distributed.get_world_size())]
        distributed.all_gather(parts, x.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        own = len(gradient) // distributed.get_world_size()
        return _Sum.apply(gradient).narrow(0, distributed.get_rank() * own, own)

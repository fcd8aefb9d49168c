"""Batch normalisation that knows where its batches come from."""

from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F

MOMENTUM, EPS = 0.1, 1e-5
SOURCES = 2  # kinds of codes that a decoder tells apart: of the prior (0), of the posterior (1)


class BatchNorm(nn.Module):
    """Batch normalisation that is told where a batch comes from.

    In training every batch is normalised by its own statistics. Eval mode uses running ones, and
    those must be of the same kind of batch. A trunk sees real and fake images: its running
    statistics follow real ones only, or what it encodes in eval mode would drift from what it
    learnt. A decoder sees codes of the posterior and of the prior, whose activations differ as
    long as the two do: it keeps running statistics of each, so that eval mode reconstructs and
    samples as training did.

    Args:
        width: channels.
        sources: how many kinds of batches are told apart.

    Attributes:
        across: whether, in training, the batch is that of all processes together; else each
            process normalises its own part.
    """

    def __init__(self, width: int, sources: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("running_mean", torch.zeros(sources, width))
        self.register_buffer("running_var", torch.ones(sources, width))
        self.source = 0
        self.track = False
        self.across = False

    def forward(self, x: Tensor) -> Tensor:
        """Normalise a batch, shape (B, width, H, W)."""
        if self.training and self.across:
            return self._normalise_across(x)
        mean, var = self.running_mean[self.source], self.running_var[self.source]
        if self.training and not self.track:
            mean = var = None
        return F.batch_norm(x, mean, var, self.weight, self.bias, self.training, MOMENTUM, EPS)

    def _normalise_across(self, x: Tensor) -> Tensor:
        wide = x if x.dtype == torch.float64 else x.float()
        n = distributed.get_world_size() * x.numel() // x.shape[1]
        mean = _Sum.apply(wide.sum((0, 2, 3))) / n
        centred = wide - mean[:, None, None]
        var = _Sum.apply(centred.square().sum((0, 2, 3))) / n
        if self.track:
            unbiased = var.detach() * (n / (n - 1))
            self.running_mean[self.source].lerp_(mean.detach().to(self.running_mean), MOMENTUM)
            self.running_var[self.source].lerp_(unbiased.to(self.running_var), MOMENTUM)
        scale = self.weight * (var + EPS).rsqrt()
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)


class _Sum(torch.autograd.Function):
    """The sum over processes; its gradient is the sum of theirs, for all of them used it."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        total = x.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        distributed.all_reduce(total)
        return total


class NormedNetwork(nn.Module):
    """A network whose batch normalisations are told at each call what the batch is."""

    def set_norms(self, track: bool, source: int = 0) -> None:
        """Whether the running statistics of `source` follow the next batch."""
        for module in self.modules():
            if isinstance(module, BatchNorm):
                module.track, module.source = track, source

"""Batch normalisation that knows where its batches come from."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F

from idvae.networks.across import OverBatch, sum_of_all

MOMENTUM, EPS = 0.1, 1e-5
IMAGES = ("real",)  # what a trunk keeps running statistics of
CODES = ("prior", "posterior")  # and a decoder

_told: ContextVar[tuple[str, ...]] = ContextVar("statistics_of", default=())


@contextmanager
def statistics_of(*kinds: str) -> Iterator[None]:
    """Say what the batches within are: `real` images, codes of the `prior` or the `posterior`.

    In training the running statistics of these kinds follow them; in eval mode these are the ones
    that normalise. Without it nothing follows, and eval mode takes a network's first kind. Several
    kinds, as in `with statistics_of("real", "posterior")`, serve several networks: each knows its
    own.
    """
    before = _told.set(kinds)
    try:
        yield
    finally:
        _told.reset(before)


class BatchNorm(OverBatch):
    """Batch normalisation with running statistics of each kind of batch apart.

    In training every batch is normalised by its own statistics. Eval mode uses running ones, and
    those must be of the same kind of batch. A trunk sees real and fake images: its running
    statistics follow real ones only, or what it encodes in eval mode would drift from what it
    learnt. A decoder sees codes of the posterior and of the prior, whose activations differ as
    long as the two do: it keeps running statistics of each, so that eval mode reconstructs and
    samples as training did. Which kind a batch is, `statistics_of` says.

    Args:
        width: channels.
        kinds: names of the kinds that are told apart.

    Attributes:
        momentum: share of a batch's statistics in the running ones.
    """

    def __init__(self, width: int, kinds: tuple[str, ...] = IMAGES) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("running_mean", torch.zeros(len(kinds), width))
        self.register_buffer("running_var", torch.ones(len(kinds), width))
        self.kinds, self.momentum = kinds, MOMENTUM

    def forward(self, x: Tensor) -> Tensor:
        """Normalise a batch, shape (B, width, H, W)."""
        kind = next((i for i, name in enumerate(self.kinds) if name in _told.get()), None)
        if self.asks:
            return self._normalise_across(x, kind)
        if self.training and kind is None:
            mean = var = None
        else:
            mean, var = self.running_mean[kind or 0], self.running_var[kind or 0]
        return F.batch_norm(x, mean, var, self.weight, self.bias, self.training, self.momentum, EPS)

    def _normalise_across(self, x: Tensor, kind: int | None) -> Tensor:
        wide = x if x.dtype == torch.float64 else x.float()
        n = distributed.get_world_size() * x.numel() // x.shape[1]
        mean = sum_of_all(wide.sum((0, 2, 3))) / n
        centred = wide - mean[:, None, None]
        var = sum_of_all(centred.square().sum((0, 2, 3))) / n
        if kind is not None:
            unbiased = var.detach() * (n / (n - 1))
            self.running_mean[kind].lerp_(mean.detach().to(self.running_mean), self.momentum)
            self.running_var[kind].lerp_(unbiased.to(self.running_var), self.momentum)
        scale = self.weight * (var + EPS).rsqrt()
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)

"""Spectral normalisation: layers whose weights are divided by their largest singular value.

Miyato, Kataoka, Koyama and Yoshida, "Spectral Normalization for Generative Adversarial Networks",
Algorithm 1. σ is followed by one step of power iteration each time that the weights have moved, not
in each forward pass: what judges several batches judges all of them by the same numbers.
"""

import math
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

Network = TypeVar("Network", bound=nn.Module)
START = 15  # steps of power iteration before the first update


class Spectral(nn.Module):
    """W → W/σ(W), with W (O, …) as a matrix of O rows; convolutions so, as the authors have it.

    Args:
        weight: W as it is at first.

    Attributes:
        u: the left singular vector of σ(W), near to it, shape (O,): a part of what is saved.
    """

    u: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("u", torch.randn(len(weight)).to(weight))
        for _ in range(START):
            self.follow(weight)

    def forward(self, weight: Tensor) -> Tensor:
        """W/σ, of the same shape, with σ = ‖Wᵀu‖, whose gradient by W is that of σ at this u."""
        return weight / torch.linalg.vector_norm(self._rows(weight))

    @torch.no_grad()
    def follow(self, weight: Tensor) -> None:
        """One step of power iteration: u ← W Wᵀ u, normalised."""
        product = (weight * self._rows(weight)).flatten(1).sum(1)
        self.u.copy_(product / torch.linalg.vector_norm(product))

    def _rows(self, weight: Tensor) -> Tensor:
        """Wᵀu, (1, …). No matrix product: autocast would narrow it, and W may lie in any order."""
        return (weight * self.u.view(-1, *[1] * (weight.dim() - 1))).sum(0, keepdim=True)


def normalise(network: Network) -> Network:
    """Normalise all convolutions and fully connected layers of a network, and give it back."""
    # Whatever is built next has the initial weights that it has without this.
    with torch.random.fork_rng(devices=[]):
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                weight = layer.weight.detach()
                if not weight.is_meta and not weight.any():  # 0/0: what starts at 0 does not here
                    nn.init.normal_(weight, std=1 / math.sqrt(weight[0].numel()))
                parametrize.register_parametrization(layer, "weight", Spectral(weight))
    return network


def normalised(network: nn.Module) -> list[nn.Module]:
    """The layers of a network that `normalise` changed."""
    return [layer for layer in network.modules() if _of(layer) is not None]


def follow(layers: Sequence[nn.Module]) -> None:
    """One step of power iteration in each of these layers, whose weights have moved."""
    for layer in layers:
        _of(layer).follow(layer.parametrizations["weight"].original)


def _of(layer: nn.Module) -> Spectral | None:
    if not parametrize.is_parametrized(layer, "weight"):
        return None
    (found,) = layer.parametrizations["weight"]
    return found if isinstance(found, Spectral) else None

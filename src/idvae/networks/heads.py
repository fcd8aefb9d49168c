"""What reads a trunk's features, θ_enc and θ_dis, what reads codes, and what reads both.

What leaves a head is a number of the losses: it is computed in float32 also where autocast narrows
the networks. bfloat16 keeps three digits, and log σ² or a logit near 0 would lose the rest.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idvae.networks.across import OverBatch, moments
from idvae.networks.deviation import with_deviation
from idvae.networks.initial import initialise


def _wide(layer: nn.Module, h: Tensor) -> Tensor:
    """layer(h), in float32 where autocast would narrow it; else as it is."""
    kind = h.device.type
    if not (torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)):
        return layer(h)
    with torch.autocast(kind, enabled=False):
        return layer(h.float())


class GaussianHead(nn.Module):
    """θ_enc = {θ_μ, θ_Σ}: one fully connected layer for μ and one for σ.

    σ = softplus(a) in the authors' recipe, σ² = exp(a) otherwise.
    """

    def __init__(self, features: int, z_dim: int, softplus: bool) -> None:
        super().__init__()
        self.mu = nn.Linear(features, z_dim)
        self.sigma = nn.Linear(features, z_dim)
        self.softplus = softplus
        initialise(self)

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, features) → μ and log σ², each (B, Z)."""
        mu, a = _wide(self.mu, h), _wide(self.sigma, h)
        # 1e-6: the logarithm of a softplus that underflowed stays finite.
        return mu, (2.0 * torch.log(F.softplus(a) + 1e-6) if self.softplus else a)


class CodeHead(nn.Module):
    """One fully connected layer from features to a code."""

    def __init__(self, features: int, z_dim: int) -> None:
        super().__init__()
        self.code = nn.Linear(features, z_dim)
        initialise(self)

    def forward(self, h: Tensor) -> Tensor:
        """Features (B, features) → z (B, Z)."""
        return _wide(self.code, h)


class ImplicitHead(OverBatch):
    """q(z|x) without a density: z = m(x) + Σ_k a_k(x) v_k(ε_k), as in the authors' code of AVB.

    m and a are one fully connected layer each, a > 0 and small at first; v_k are networks of noise
    alone. So the moments of z given x need those of v alone, which a batch has samples of.

    Args:
        features: how many it reads.
        z_dim: dimensions of a code.
        basis: how many v_k there are.
        noise: dimensions of an ε_k.
        width: of the hidden layers of v_k.
    """

    def __init__(
        self, features: int, z_dim: int, basis: int = 8, noise: int = 32, width: int = 64
    ) -> None:
        super().__init__()
        self.noise_shape = (basis, noise)
        self.mean = nn.Linear(features, z_dim)
        self.scale = nn.Linear(features, basis * z_dim)
        initialise(self)
        self.basis = nn.Sequential(
            Stack(basis, noise, width), nn.ELU(), Stack(basis, width, width), nn.ELU(),
            Stack(basis, width, width), nn.ELU(), Stack(basis, width, z_dim),
        )  # fmt: skip

    def forward(self, h: Tensor, eps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Codes, and the moments that q(z|x) has if those of v are the batch's.

        Args:
            h: features, shape (B, features).
            eps: ε ~ N(0, I), shape (B, *noise_shape).

        Returns:
            z, its mean and its variance, each (B, Z).
        """
        m, a = self._read(h)
        v = _wide(self.basis, eps)
        mean, var = moments(v, self.asks)
        return m + (a * v).sum(1), m + (a * mean).sum(1), (a.square() * var).sum(1)

    def expected(self, h: Tensor) -> Tensor:
        """The mean of z, of features alone: ε is ±√d along each of its d axes in turn.

        These 2d points have the mean and the covariance of N(0, I) (the unscented transform), and
        its usual distance from 0.

        Args:
            h: features, shape (B, features).

        Returns:
            shape (B, Z).
        """
        m, a = self._read(h)
        basis, d = self.noise_shape
        axes = math.sqrt(d) * torch.eye(d, device=m.device, dtype=m.dtype)
        eps = torch.cat([axes, -axes])[:, None].expand(-1, basis, -1)
        return m + (a * _wide(self.basis, eps).mean(0)).sum(1)

    def _read(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """m(x) (B, Z) and a(x) (B, basis, Z)."""
        a = F.elu(_wide(self.scale, h) - 5.0) + 1.0
        return _wide(self.mean, h), a.unflatten(1, (self.noise_shape[0], -1))


class Stack(nn.Module):
    """Fully connected layers side by side, each of its own inputs.

    Args:
        count: how many.
        inputs, outputs: widths of each.
    """

    def __init__(self, count: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(count, inputs, outputs) / math.sqrt(inputs))
        self.bias = nn.Parameter(torch.zeros(count, 1, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(B, count, inputs) → (B, count, outputs)."""
        return torch.baddbmm(self.bias, x.transpose(0, 1), self.weight).transpose(0, 1)


class LogitHead(OverBatch):
    """θ_dis: one fully connected layer to the logit of the discriminator.

    Args:
        features: how many it reads.
        deviation: whether it also reads how much they vary over the batch.
    """

    def __init__(self, features: int, deviation: bool = False) -> None:
        super().__init__()
        self.deviation = deviation
        self.logit = nn.Linear(features + deviation, 1)
        initialise(self)

    def forward(self, h: Tensor) -> Tensor:
        """Features (B, features) → logits D (B,), with Dis = sigmoid(D)."""
        return _wide(self.logit, with_deviation(h, self.asks) if self.deviation else h).squeeze(1)


class CodeCritic(nn.Module):
    """Three hidden layers with leaky ReLU, no normalisation: α-GAN's critic of codes."""

    def __init__(self, z_dim: int, width: int) -> None:
        super().__init__()
        hidden = _leaky(z_dim, width, width, width)
        self.layers = nn.Sequential(*hidden, nn.Linear(width, 1))

    def forward(self, *codes: Tensor) -> Tensor:
        """Codes (B, Z), one or several side by side → logits (B,)."""
        z = codes[0] if len(codes) == 1 else torch.cat(codes, 1)
        return _wide(self.layers[-1], self.layers[:-1](z)).squeeze(1)


class PairCritic(nn.Module):
    """D(x, z) of ALI and BiGAN: features of x and of z side by side, then two hidden layers.

    Args:
        trunk: what makes features of x.
        features: how many it makes.
        z_dim: dimensions of a code.
        width: of the hidden layers, on z alone and on both.
    """

    def __init__(self, trunk: nn.Module, features: int, z_dim: int, width: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.code = _leaky(z_dim, width, width)
        self.joint = nn.Sequential(_leaky(features + width, width, width), nn.Linear(width, 1))

    def forward(self, x: Tensor, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Data (B, C, H, W), codes (B, Z) and conditions (B, Y) → logits (B,)."""
        return self.of_features(self.trunk(x, y), z)

    def of_features(self, h: Tensor, z: Tensor) -> Tensor:
        """Features of x (B, features) and codes (B, Z) → logits (B,)."""
        h = torch.cat([h, self.code(z)], 1)
        return _wide(self.joint[-1], self.joint[:-1](h)).squeeze(1)


class TwinCritic(nn.Module):
    """D(x, x̃) of ALICE: both enter one trunk side by side.

    Args:
        trunk: what makes features of two data as one of twice the channels.
        features: how many it makes.
    """

    def __init__(self, trunk: nn.Module, features: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = LogitHead(features)

    def forward(self, x: Tensor, x_rec: Tensor, y: Tensor | None = None) -> Tensor:
        """Data, twice (B, C, H, W), and conditions (B, Y) → logits (B,)."""
        return self.head(self.trunk(torch.cat([x, x_rec], 1), y))


def _leaky(*widths: int) -> nn.Sequential:
    """Fully connected layers, leaky ReLU after each."""
    layers: list[nn.Module] = []
    for previous, width in pairwise(widths):
        layers += [nn.Linear(previous, width), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers)

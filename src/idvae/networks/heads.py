"""What reads a trunk's features, θ_enc and θ_dis, and what reads codes."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idvae.networks.initial import initialise


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
        mu, a = self.mu(h), self.sigma(h)
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
        return self.code(h)


class LogitHead(nn.Module):
    """θ_dis: one fully connected layer to the logit of the discriminator."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.logit = nn.Linear(features, 1)
        initialise(self)

    def forward(self, h: Tensor) -> Tensor:
        """Features (B, features) → logits D (B,), with Dis = sigmoid(D)."""
        return self.logit(h).squeeze(1)


class CodeCritic(nn.Module):
    """Three hidden layers with leaky ReLU, no normalisation: α-GAN's critic of codes."""

    def __init__(self, z_dim: int, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for previous in (z_dim, width, width):
            layers += [nn.Linear(previous, width), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Linear(width, 1))

    def forward(self, z: Tensor) -> Tensor:
        """Codes (B, Z) → logits (B,)."""
        return self.layers(z).squeeze(1)

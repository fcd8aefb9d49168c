"""VAE: an encoder and a decoder, trained together by the evidence lower bound.

Kingma and Welling, "Auto-Encoding Variational Bayes". Numbers in brackets are its equations.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from idvae import losses
from idvae.methods.method import Method, Update
from idvae.networks import Networks, statistics_of
from idvae.options import Weight


@dataclass
class VAEConfig:
    """Weight of the VAE's divergence.

    Attributes:
        beta: β, weight of L_prior (a sum over z) beside L_recons (a sum over pixels); 1 is the
            bound itself.
    """

    beta: Weight = 1.0


class VAE(Method):
    """φ: trunk and Gaussian head, θ: decoder; one update moves both."""

    name = "vae"
    title = "VAE"
    source = "Kingma and Welling, Auto-Encoding Variational Bayes"
    Config = VAEConfig
    decodes_prior = False
    equations = {"vae": "L_recons + beta L_prior   [3, 10]"}

    def __init__(self, nets: Networks, config: VAEConfig) -> None:
        super().__init__(nets, config)
        self.trunk = nets.trunk()
        self.enc = nets.gaussian_head()
        self.dec = nets.decoder()
        self.groups = {"vae": ("trunk", "enc", "dec")}

    def draw_noise(self, n: int, generator: Generator) -> dict[str, Tensor]:
        """ε for one sample of q(z|x) an image (the paper's L = 1), shape (n, Z)."""
        return {"eps": torch.randn(n, self.z_dim, generator=generator)}

    def step(self, x: Tensor, y: Tensor | None, update: Update, *, eps: Tensor) -> None:
        """One step on the negative of equation 10, for z = μ + σ·`eps`."""
        with statistics_of("real", "posterior"):
            mu, logvar = self.enc(self.trunk(x, y))
            z = mu + (0.5 * logvar).exp() * eps  # [4], Gaussian: [10]
            x_rec = self.dec(z, y)
        recons, prior = losses.recons(x, x_rec), losses.prior(mu, logvar)
        self.log(recons=recons, prior=prior)
        update("vae", recons + self.config.beta * prior)

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.enc(self.trunk(x, y))[0]

    def decode(self, z: Tensor, y: Tensor | None = None, posterior: bool = False) -> Tensor:
        # Training shows the decoder codes of the posterior only: there are no other statistics.
        return super().decode(z, y, posterior=True)

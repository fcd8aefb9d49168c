"""RFGAN: a GAN whose discriminator also reads features that an autoencoder found before it.

Bang and Shim, "Improved Training of Generative Adversarial Networks Using Representative Features".
Neither its text nor its code was at hand: as it is remembered (docs/methods/rfgan.md).
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from idvae import losses
from idvae.methods.method import Method, Update
from idvae.networks import Networks, statistics_of


@dataclass
class RFGANConfig:
    """Where RFGAN's representative features come from.

    Attributes:
        pretrained: the run whose trunk makes them, of `idvae train dae`.
    """

    pretrained: str | None = None


class RFGAN(Method):
    """θ_d: trunk and logit head, θ_g: decoder; the features' trunk is frozen. It cannot encode."""

    name = "rfgan"
    title = "RFGAN"
    source = (
        "Bang and Shim, Improved Training of Generative Adversarial Networks Using Representative "
        "Features"
    )
    Config = RFGANConfig
    equations = {
        "dis": "-[log Dis(x, F(x)) + log(1 - Dis(x', F(x')))],  F: of the autoencoder",
        "dec": "-log Dis(x', F(x'))",
    }
    reconstructs = False
    frozen = {"features": "trunk"}
    first_phase = "dae"
    judges = True

    def __init__(self, nets: Networks, config: RFGANConfig) -> None:
        super().__init__(nets, config)
        self.trunk = nets.trunk(judges=True)
        self.dis = nets.logit_head(trunks=2)
        self.dec = nets.decoder()
        self.features = nets.trunk()
        self.groups = {"dis": ("trunk", "dis"), "dec": ("dec",)}

    def draw_noise(self, n: int, generator: Generator) -> dict[str, Tensor]:
        """z' ~ p(z), shape (n, Z)."""
        return {"z": self.draw_prior(n, generator)}

    def step(self, x: Tensor, y: Tensor | None, update: Update, *, z: Tensor) -> None:
        """As GAN's, for z' = `z`: x' serves both updates."""
        with statistics_of("prior"):
            x_gen = self.dec(z, y)
        with statistics_of("real"):
            logit_x = self.logit(x, y)
        logit_gen = self.logit(x_gen.detach(), y)
        self.log(dis_x=logit_x.sigmoid().mean(), dis_gen=logit_gen.sigmoid().mean())
        update("dis", losses.real_fake(logit_x, logit_gen))
        update("dec", -losses.mean_log_dis(self.logit(x_gen, y)))

    def logit(self, x: Tensor, y: Tensor | None) -> Tensor:
        """The discriminator's logit of images (B, C, H, W), shape (B,).

        The frozen features' weights stay, but the gradient passes through them to x.
        """
        return self.dis(torch.cat([self.trunk(x, y), self.features(x, y)], 1))

    def decode(self, z: Tensor, y: Tensor | None = None, posterior: bool = False) -> Tensor:
        # Training shows the decoder codes of the prior only: there are no other statistics.
        return super().decode(z, y, posterior=False)

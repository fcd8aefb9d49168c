"""R3GAN: a GAN that compares images in pairs, with its discriminator's gradients held small.

Huang, Gokaslan, Kuleshov and Tompkin, "The GAN is dead; long live the GAN! A Modern GAN Baseline"
(NeurIPS 2024). Numbers in brackets are its equations; [2] is as the authors' code minimises it,
neither player's loss being flat where it loses.
"""

from dataclasses import dataclass

from torch import Generator, Tensor, no_grad

from idvae import losses
from idvae.methods.method import Method, Update
from idvae.networks import Networks, statistics_of
from idvae.options import Weight


@dataclass
class R3GANConfig:
    """How far R3GAN's discriminator is held back.

    Attributes:
        r1: γ of R1, γ/2·‖∇D(x)‖² (a sum over pixels) at images.
        r2: γ of R2, the same at fakes.
    """

    r1: Weight = 0.1
    r2: Weight = 0.1


class R3GAN(Method):
    """θ_d: trunk and logit head, θ_g: decoder. It cannot encode."""

    name = "r3gan"
    title = "R3GAN"
    source = (
        "Huang, Gokaslan, Kuleshov and Tompkin, The GAN is dead; long live the GAN! A Modern GAN "
        "Baseline"
    )
    Config = R3GANConfig
    equations = {
        "dis": "softplus(-(D(x) - D(Dec(z')))) + r1/2 |grad D(x)|^2 + r2/2 |grad D(Dec(z'))|^2"
        "   [2, 3]",
        "dec": "softplus(-(D(Dec(z')) - D(x)))   [2]",
    }
    reconstructs = False

    def __init__(self, nets: Networks, config: R3GANConfig) -> None:
        super().__init__(nets, config)
        self.trunk = nets.trunk()
        self.dis = nets.logit_head()
        self.dec = nets.decoder()
        self.groups = {"dis": ("trunk", "dis"), "dec": ("dec",)}
        # For good: a scheduled weight becomes a tensor, and a step must not look at its number.
        self.terms = frozenset(name for name in ("r1", "r2") if getattr(config, name))

    def draw_noise(self, n: int, generator: Generator) -> dict[str, Tensor]:
        """Codes of the prior, (n, Z): `z` for the discriminator's update, `z_dec` for the other."""
        return {"z": self.draw_prior(n, generator), "z_dec": self.draw_prior(n, generator)}

    def step(
        self, x: Tensor, y: Tensor | None, update: Update, *, z: Tensor, z_dec: Tensor
    ) -> None:
        """One update of D against the images of `z`, then one of the decoder for `z_dec`."""
        with no_grad(), statistics_of("prior"):
            x_gen = self.dec(z, y)
        update("dis", self.loss_dis(x, y, x_gen))
        with no_grad():
            logit_x = self.logit(x, y)  # D has moved
        logit_gen = self.logit(self.dec(z_dec, y), y)
        update("dec", losses.relativistic_gan(logit_x, logit_gen))

    def loss_dis(self, x: Tensor, y: Tensor | None, x_gen: Tensor) -> Tensor:
        """[2] and [3]: the i-th image against the i-th fake, both of them data; R1 and R2."""
        x, x_gen = x.detach().requires_grad_(), x_gen.requires_grad_()  # what [3] differentiates by
        with statistics_of("real"):
            logit_x = self.logit(x, y)
        logit_gen = self.logit(x_gen, y)
        self.log(margin=(logit_x - logit_gen).mean())
        loss = losses.relativistic_dis(logit_x, logit_gen)
        for name, logit, images in (("r1", logit_x, x), ("r2", logit_gen, x_gen)):
            if name in self.terms:
                penalty = losses.gradient_penalty(logit, images)
                self.log(**{name: penalty})
                loss = loss + getattr(self.config, name) * penalty
        return loss

    def logit(self, x: Tensor, y: Tensor | None) -> Tensor:
        """D of images (B, C, H, W), shape (B,)."""
        return self.dis(self.trunk(x, y))

    def decode(self, z: Tensor, y: Tensor | None = None, posterior: bool = False) -> Tensor:
        # Training shows the decoder codes of the prior only: there are no other statistics.
        return super().decode(z, y, posterior=False)

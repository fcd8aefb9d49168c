"""R3GAN: a GAN that compares images in pairs, with its discriminator's gradients held small.

Huang, Gokaslan, Kuleshov and Tompkin, "The GAN is dead; long live the GAN! A Modern GAN Baseline"
(NeurIPS 2024). Numbers in brackets are its equations; [2] is as the authors' code minimises it,
neither player's loss being flat where it loses.
"""

from dataclasses import dataclass

from torch import Generator, Tensor, no_grad

from idvae import losses
from idvae.methods.adversarial import Adversarial, AdversarialConfig
from idvae.methods.method import Update
from idvae.networks import Networks, statistics_of
from idvae.options import Weight


@dataclass
class R3GANConfig(AdversarialConfig):
    """How far R3GAN's discriminator is held back, and what it is shown.

    Attributes:
        r1: γ of R1, γ/2·‖∇D(x)‖² (a sum over pixels) at images.
        r2: γ of R2, the same at fakes.
    """

    r1: Weight = 0.1
    r2: Weight = 0.1


class R3GAN(Adversarial):
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
        self.trunk = nets.trunk(judges=True)
        self.dis = nets.logit_head()
        self.dec = nets.decoder()
        self.groups = {"dis": ("trunk", "dis"), "dec": ("dec",)}

    def draw_noise(self, n: int, generator: Generator) -> dict[str, Tensor]:
        """Codes of the prior, (n, Z): `z` for the discriminator's update, `z_dec` for the other.

        `views`, where images are altered.
        """
        codes = {"z": self.draw_prior(n, generator), "z_dec": self.draw_prior(n, generator)}
        return codes | self.draw_views(4, n, generator)

    def step(
        self,
        x: Tensor,
        y: Tensor | None,
        update: Update,
        *,
        z: Tensor,
        z_dec: Tensor,
        views: Tensor | None = None,
    ) -> None:
        """One update of D against the images of `z`, then one of the decoder for `z_dec`."""
        self.show_by(views)
        with no_grad(), statistics_of("prior"):
            x_gen = self.dec(z, y)
        update("dis", self.loss_dis(x, y, x_gen))
        with no_grad():
            logit_x = self.logit(x, y)  # D has moved
        logit_gen = self.logit(self.dec(z_dec, y), y)
        update("dec", losses.relativistic_gan(logit_x, logit_gen))

    def loss_dis(self, x: Tensor, y: Tensor | None, x_gen: Tensor) -> Tensor:
        """[2] and [3]: the i-th image against the i-th fake, both of them data; R1 and R2."""
        x, x_gen = self.differentiable(x, x_gen)  # what [3] differentiates by
        with statistics_of("real"):
            logit_x = self.logit(x, y)
        logit_gen = self.logit(x_gen, y)
        self.log(margin=(logit_x - logit_gen).mean())
        loss = losses.relativistic_dis(logit_x, logit_gen)
        return self.penalised(loss, (logit_x, logit_gen), (x, x_gen))

    def logit(self, x: Tensor, y: Tensor | None) -> Tensor:
        """D of images (B, C, H, W), shape (B,)."""
        return self.dis(self.trunk(self.seen(x), y))

    def decode(self, z: Tensor, y: Tensor | None = None, posterior: bool = False) -> Tensor:
        # Training shows the decoder codes of the prior only: there are no other statistics.
        return super().decode(z, y, posterior=False)

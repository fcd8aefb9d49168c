"""IntroVAE: a VAE whose encoder pushes the codes of fakes a margin away from the prior.

Huang, Li, He, Sun and Tan, "IntroVAE: Introspective Variational Autoencoders for Photographic
Image Synthesis" (NeurIPS 2018). Numbers in brackets are its equations.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from idvae import losses
from idvae.methods.method import Method, Update
from idvae.networks import Networks, statistics_of
from idvae.options import OrNone, Weight


@dataclass
class IntroVAEConfig:
    """Weights of IntroVAE's losses.

    Attributes:
        alpha: α, weight of the fakes' hinges in the encoder's loss [11] and of their divergences
            in the decoder's [12].
        alpha_dec: the same in the decoder's loss alone, where it is to be another.
        beta: β, weight of the squared error (a sum over pixels) in both losses; 0.5 makes it
            the VAE's.
        margin: m, the divergence (a sum over z) up to which the encoder pushes fakes away; to be
            above that of data.
        vae_steps: how many of the first steps train a plain VAE, whose fakes are no one's loss.
    """

    alpha: Weight = 0.25
    alpha_dec: Weight | None = None
    beta: Weight = 0.5
    margin: Weight = 40.0
    vae_steps: OrNone = 0


class IntroVAE(Method):
    """φ: trunk and Gaussian head, θ: decoder. Two networks, no discriminator."""

    name = "intro-vae"
    title = "IntroVAE"
    source = (
        "Huang, Li, He, Sun and Tan, IntroVAE: Introspective Variational Autoencoders for "
        "Photographic Image Synthesis"
    )
    Config = IntroVAEConfig
    equations = {
        "enc": "KL(x) + alpha sum over fakes of [margin - KL]+ + beta |x - Dec(Enc(x))|^2   [11]",
        "dec": "alpha sum over fakes of KL + beta |x - Dec(Enc(x))|^2   [12]",
    }

    def __init__(self, nets: Networks, config: IntroVAEConfig) -> None:
        super().__init__(nets, config)
        self.trunk = nets.trunk()
        self.enc = nets.gaussian_head()
        self.dec = nets.decoder()
        self.groups = {"enc": ("trunk", "enc"), "dec": ("dec",)}
        self.early_steps = config.vae_steps

    def early_step(
        self, x: Tensor, y: Tensor | None, update: Update, *, eps: Tensor, z: Tensor
    ) -> None:
        """Enc and Dec together, on [11] without its fakes."""
        (mu, logvar), x_rec = self.reconstruct(x, y, eps)
        with statistics_of("prior"), torch.no_grad():
            self.dec(z, y)  # whoever samples meanwhile needs them
        error, kl = losses.squared(x, x_rec).mean(), losses.prior(mu, logvar)
        self.log(rec=error, kl=kl)
        loss = kl + self.config.beta * error
        update.together({"enc": loss, "dec": loss})

    def step(self, x: Tensor, y: Tensor | None, update: Update, *, eps: Tensor, z: Tensor) -> None:
        """Enc, then Dec, for z' = `z` and z = μ + σ·`eps`; x̃ and x' serve both."""
        (mu, logvar), x_rec = self.reconstruct(x, y, eps)
        with statistics_of("prior"):
            x_gen = self.dec(z, y)
        fakes, c = (x_rec, x_gen), self.config
        error, kl = losses.squared(x, x_rec).mean(), losses.prior(mu, logvar)
        hinges = (self.hinge(kl_fake) for kl_fake in self.divergences(fakes, y, detach=True))
        self.log(rec=error, kl=kl)
        update("enc", kl + c.alpha * sum(hinges) + c.beta * error, retain=True)  # [11]
        alpha = c.alpha if c.alpha_dec is None else c.alpha_dec
        kl_rec, kl_gen = self.divergences(fakes, y)  # through Enc as it is now
        self.log(kl_rec=kl_rec, kl_gen=kl_gen)
        update("dec", alpha * (kl_rec + kl_gen) + c.beta * error)  # [12]

    def reconstruct(
        self, x: Tensor, y: Tensor | None, eps: Tensor
    ) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """μ and log σ² of q(z|x), and x̃ = Dec(μ + σ·`eps`)."""
        with statistics_of("real", "posterior"):
            mu, logvar = self.enc(self.trunk(x, y))
            return (mu, logvar), self.dec(mu + (0.5 * logvar).exp() * eps, y)

    def hinge(self, kl: Tensor) -> Tensor:
        """[m − KL]⁺ of a batch's mean divergence: one for the whole batch, not one an image."""
        is_near = self.mean_of_all(kl.detach()) < self.config.margin
        return torch.where(is_near, self.config.margin - kl, 0.0)

    def divergences(
        self, fakes: Sequence[Tensor], y: Tensor | None, detach: bool = False
    ) -> list[Tensor]:
        """KL(q(z|·) ‖ p(z)) of each batch of fakes, which are data where `detach`; its mean."""
        images = (fake.detach() if detach else fake for fake in fakes)
        return [losses.prior(*self.enc(self.trunk(fake, y))) for fake in images]

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.enc(self.trunk(x, y))[0]

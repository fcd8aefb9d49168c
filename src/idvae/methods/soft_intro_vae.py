"""Soft-IntroVAE: the encoder's own evidence lower bound is the critic of the decoder.

Daniel and Tamar, "Soft-IntroVAE: Analyzing and Improving the Introspective Variational
Autoencoder" (CVPR 2021). The authors maximise ELBO(x) − exp(α ELBO(x'))/α for the encoder and
ELBO(x) + γ ELBO(x') for the decoder, with α = 2 and γ = 1; the fakes x̃ beside x' and the constants
s, ¼, ½ and γ_r are those of its published code.
"""

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from idvae import losses
from idvae.methods.method import Method, Update
from idvae.networks import Networks, statistics_of
from idvae.options import OrNone, Weight

Gaussian = tuple[Tensor, Tensor]  # μ and log σ², each (B, Z)
Fakes = dict[str, tuple[Tensor, Tensor]]  # x̃ and x', each with the ε of its own code


@dataclass
class SoftIntroVAEConfig:
    """Weights of Soft-IntroVAE's losses, all of which are divided by the coordinates of x.

    Attributes:
        beta_rec: β_rec, weight of every squared error (a sum over pixels). The default, 1,
            is the authors' number. Theirs is for images in [0, 1], which is ¼ for images in
            [−1, 1]; on Fashion-MNIST that was worse (docs/methods/soft-intro-vae.md).
        beta_kl: β_kl, weight of the divergences (sums over z) of data, and of fakes in the
            decoder's loss.
        beta_neg: β_neg, weight of the divergence of fakes in the encoder's loss; of the order of
            the dimensions of z, or more.
        gamma_r: γ_r, weight of the squared errors of fakes in the decoder's loss.
        vae_steps: how many of the first steps train a plain VAE, whose fakes are no one's loss.
    """

    beta_rec: Weight = 1.0
    beta_kl: Weight = 1.0
    beta_neg: Weight = 256.0
    gamma_r: Weight = 1e-8
    vae_steps: OrNone = 0


class SoftIntroVAE(Method):
    """φ: trunk and Gaussian head, θ: decoder. Two networks, no discriminator."""

    name = "soft-intro-vae"
    title = "Soft-IntroVAE"
    source = (
        "Daniel and Tamar, Soft-IntroVAE: Analyzing and Improving the Introspective Variational "
        "Autoencoder"
    )
    Config = SoftIntroVAEConfig
    equations = {
        "enc": "s [beta_rec rec(x) + beta_kl KL(x)] + 1/4 sum over fakes of "
        "exp(-2 s [beta_rec rec + beta_neg KL])",
        "dec": "s [beta_rec rec(x) + 1/2 sum over fakes of (beta_kl KL + gamma_r beta_rec rec)]",
    }

    def __init__(self, nets: Networks, config: SoftIntroVAEConfig) -> None:
        super().__init__(nets, config)
        self.trunk = nets.trunk()
        self.enc = nets.gaussian_head()
        self.dec = nets.decoder()
        self.groups = {"enc": ("trunk", "enc"), "dec": ("dec",)}
        self.scale = 1.0 / math.prod(nets.shape.batch(1))  # s
        self.early_steps = config.vae_steps
        self.errors_of_fakes = config.gamma_r > 0  # a scheduled number becomes a tensor

    def draw_noise(self, n: int, generator: Generator) -> dict[str, Tensor]:
        """z' ~ p(z), and ε for the codes of x, x̃ and x', each of shape (n, Z)."""
        names = ("eps", "eps_rec", "eps_gen")
        noise = {name: torch.randn(n, self.z_dim, generator=generator) for name in names}
        return noise | {"z": self.draw_prior(n, generator)}

    def early_step(
        self, x: Tensor, y: Tensor | None, update: Update, *, z: Tensor, **eps: Tensor
    ) -> None:
        """Enc and Dec together raise the bound of x. s is here too: Adam remembers sizes."""
        q, x_rec = self.reconstruct(x, y, eps["eps"])
        with statistics_of("prior"), torch.no_grad():
            self.dec(z, y)  # whoever samples meanwhile needs them
        loss = self.loss_real(x, q, x_rec)
        update.together({"enc": loss, "dec": loss})

    def step(
        self, x: Tensor, y: Tensor | None, update: Update, *, z: Tensor, **eps: Tensor
    ) -> None:
        """Enc, then Dec. x̃ and x' serve both: the code of x is the one from before Enc moved."""
        q, x_rec = self.reconstruct(x, y, eps["eps"])
        with statistics_of("prior"):
            x_gen = self.dec(z, y)
        fakes = {"rec": (x_rec, eps["eps_rec"]), "gen": (x_gen, eps["eps_gen"])}
        update("enc", self.loss_enc(x, y, q, fakes), retain=True)
        update("dec", self.loss_dec(x, y, fakes))

    def reconstruct(self, x: Tensor, y: Tensor | None, eps: Tensor) -> tuple[Gaussian, Tensor]:
        """q(z|x), and x̃ of its code by ε."""
        with statistics_of("real", "posterior"):
            q = self.posterior(x, y)
            return q, self.dec(_sample(q, eps), y)

    def loss_real(self, x: Tensor, q: Gaussian, x_rec: Tensor) -> Tensor:
        """The negative bound of x, times s."""
        rec = self.scale * losses.squared(x, x_rec).mean()
        kl = self.scale * losses.divergence(*q).mean()
        self.log(rec=rec, kl=kl)
        return self.config.beta_rec * rec + self.config.beta_kl * kl

    def loss_enc(self, x: Tensor, y: Tensor | None, q: Gaussian, fakes: Fakes) -> Tensor:
        """Raise the bound of x, lower that of the fakes, which are data here."""
        c = self.config
        loss = self.loss_real(x, q, fakes["rec"][0])
        for name, (fake, eps) in fakes.items():
            q_fake = self.posterior(fake.detach(), y)
            again = self.dec(_sample(q_fake, eps), y)
            rec = self.scale * losses.squared(fake.detach(), again)
            kl = self.scale * losses.divergence(*q_fake)
            exp_elbo = losses.exp_elbo(rec, kl, c.beta_rec, c.beta_neg)
            self.log(**{f"exp_elbo_{name}": exp_elbo})  # near 1: Enc takes the fakes for data
            loss = loss + 0.25 * exp_elbo
        return loss

    def loss_dec(self, x: Tensor, y: Tensor | None, fakes: Fakes) -> Tensor:
        """Decode x, and make fakes whose q(z|·) is near the prior, through the resting Enc."""
        c = self.config
        loss = c.beta_rec * losses.squared(x, fakes["rec"][0]).mean()
        for fake, eps in fakes.values():
            q_fake = self.posterior(fake, y)
            loss = loss + 0.5 * c.beta_kl * losses.divergence(*q_fake).mean()
            if self.errors_of_fakes:
                again = self.dec(_sample(q_fake, eps).detach(), y)
                rec = losses.squared(fake.detach(), again).mean()
                loss = loss + 0.5 * c.gamma_r * c.beta_rec * rec
        return self.scale * loss

    def posterior(self, x: Tensor, y: Tensor | None) -> Gaussian:
        """q(z|x)."""
        return self.enc(self.trunk(x, y))

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.posterior(x, y)[0]


def _sample(q: Gaussian, eps: Tensor) -> Tensor:
    """z ~ q(z|x), shape (B, Z)."""
    mu, logvar = q
    return mu + (0.5 * logvar).exp() * eps

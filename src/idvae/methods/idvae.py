"""IDVAE: the encoder of a VAE is also the discriminator of a GAN.

Munjal, Paul and Krishnan, "Implicit Discriminator in Variational Autoencoder". Numbers in
brackets are its equations, lines are those of its Algorithm 1.
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, no_grad

from idvae import losses
from idvae.errors import UserError
from idvae.methods.method import Method, Update
from idvae.networks import Networks, statistics_of
from idvae.options import Weight


@dataclass
class IDVAEConfig:
    """Weights of IDVAE's losses and its training schedule.

    Attributes:
        alpha: α, weight of L_recons (a sum over pixels) in the encoder's loss [8].
        beta: β, weight of L_prior (a sum over z) in the encoder's loss [8].
        omega: ω, weight of L_GAN in the decoder's loss [13].
        lambda_: λ, weight of L_recons^dis (a mean over features) in the decoder's loss [13].
        gamma: γ, weight of L_recons (a sum over pixels) in the decoder's loss (section 5.1);
            IDVAE(R) is γ > 0.
        mismatch: weight of −log(1 − Dis(x, y')) in the discriminator's loss, for real images
            with the condition of another image (Perarnau et al.; there 0.5).
        schedule: order of the updates (section 3.4): the discriminator's loss first, the
            encoder's first, or both losses in one update of θ_shared, θ_dis and θ_enc.
    """

    alpha: Weight = 1.0
    beta: Weight = 1.0
    omega: Weight = 1.0
    lambda_: Weight = 10.0
    gamma: Weight = 0.0
    mismatch: Weight = 0.0
    schedule: Literal["dis-first", "enc-first", "joint"] = "dis-first"


@dataclass
class IDVAERConfig(IDVAEConfig):
    """IDVAE(R): the decoder also minimises L_recons explicitly (section 5.1).

    Attributes:
        gamma: γ, weight of L_recons (a sum over pixels) in the decoder's loss.
    """

    gamma: Weight = 0.02


class IDVAE(Method):
    """θ_shared: trunk, θ_enc: Gaussian head, θ_dis: logit head, θ_dec: decoder (Figure 2)."""

    name = "idvae"
    title = "IDVAE"
    source = "Munjal, Paul and Krishnan, Implicit Discriminator in Variational Autoencoder"
    Config = IDVAEConfig
    equations = {
        "dis": "-[log Dis(x) + log(1 - Dis(Dec(z'))) + log(1 - Dis(Dec(Enc(x))))]   [9]"
        " (- mismatch log(1 - Dis(x, y')))",
        "enc": "alpha L_recons + beta L_prior   [8, 4, 5]",
        "joint": "L_dis + L_enc   [9, 8]",
        "dec": "omega L_GAN + lambda L_recons^dis (+ gamma L_recons)   [13, 12, 11]",
    }

    def __init__(self, nets: Networks, config: IDVAEConfig) -> None:
        super().__init__(nets, config)
        if config.mismatch and not nets.shape.condition:
            raise UserError("--mismatch needs a --condition that can be a wrong one")
        self.shared = nets.trunk()
        self.enc = nets.gaussian_head()
        self.dis = nets.logit_head()
        self.dec = nets.decoder()
        dis, enc, dec = ("shared", "dis"), ("shared", "enc"), ("dec",)
        self.groups = {
            "dis-first": {"dis": dis, "enc": enc, "dec": dec},
            "enc-first": {"enc": enc, "dis": dis, "dec": dec},
            "joint": {"joint": ("shared", "dis", "enc"), "dec": dec},
        }[config.schedule]

    def step(self, x: Tensor, y: Tensor | None, update: Update, *, eps: Tensor, z: Tensor) -> None:
        """Lines 4 to 11 of Algorithm 1, for z' = `z` and z = μ + σ·`eps`."""
        steps = {"dis-first": self._dis_first, "enc-first": self._enc_first, "joint": self._joint}
        steps[self.config.schedule](x, y, eps, z, update)

    def _dis_first(
        self, x: Tensor, y: Tensor | None, eps: Tensor, z: Tensor, update: Update
    ) -> None:
        with statistics_of("prior"):
            x_gen = self.dec(z, y)  # lines 6-7; its graph serves line 11
        h = self.shared(x, y)  # the same at lines 4 and 9
        with no_grad():
            _, x_rec = self.decode_posterior(h, y, eps)  # lines 4-5: data at line 9
        update("dis", self.loss_dis(x, y, h, x_rec, x_gen.detach()))  # line 9: θ_dis, θ_shared
        with statistics_of("real", "posterior"):
            q, x_rec = self.reconstruct(x, y, eps)  # line 9 moved θ_shared: encode again
        update("enc", self.loss_enc(x, q, x_rec), retain=True)  # line 10: θ_enc, θ_shared
        update("dec", self.loss_dec(x, y, x_rec, x_gen))  # line 11: θ_dec

    def _enc_first(
        self, x: Tensor, y: Tensor | None, eps: Tensor, z: Tensor, update: Update
    ) -> None:
        with statistics_of("prior"):
            x_gen = self.dec(z, y)
        with statistics_of("real", "posterior"):
            q, x_rec = self.reconstruct(x, y, eps)
        update("enc", self.loss_enc(x, q, x_rec), retain=True)  # line 10
        h = self.shared(x, y)
        update("dis", self.loss_dis(x, y, h, x_rec.detach(), x_gen.detach()))  # line 9
        update("dec", self.loss_dec(x, y, x_rec, x_gen))  # line 11

    def _joint(self, x: Tensor, y: Tensor | None, eps: Tensor, z: Tensor, update: Update) -> None:
        with statistics_of("prior"):
            x_gen = self.dec(z, y)
        with statistics_of("real", "posterior"):
            h = self.shared(x, y)  # nothing moves between the two losses
            q, x_rec = self.decode_posterior(h, y, eps)
        loss_dis = self.loss_dis(x, y, h, x_rec.detach(), x_gen.detach())
        loss = loss_dis + self.loss_enc(x, q, x_rec)
        update("joint", loss, retain=True)  # lines 9 and 10 at once
        update("dec", self.loss_dec(x, y, x_rec, x_gen))  # line 11

    def loss_dis(
        self, x: Tensor, y: Tensor | None, h: Tensor, x_rec: Tensor, x_gen: Tensor
    ) -> Tensor:
        """L_dis [9] with h = Dis_l(x); x̃ and x' are data here, each batch normalised on its own."""
        logits = [self.dis(g) for g in (h, self.shared(x_gen, y), self.shared(x_rec, y))]
        names = ("dis_x", "dis_gen", "dis_rec")
        self.log(**{n: d.sigmoid().mean() for n, d in zip(names, logits, strict=True)})
        loss = losses.dis(*logits)
        if self.config.mismatch and y is not None:
            wrong = y.roll(1, 0)
            logit, is_wrong = self.dis(self.shared(x, wrong)), (wrong != y).any(1)
            loss = loss + self.config.mismatch * losses.mismatch(logit, is_wrong)
        return loss

    def loss_enc(self, x: Tensor, q: tuple[Tensor, Tensor], x_rec: Tensor) -> Tensor:
        """L_enc [8]."""
        recons, prior = losses.recons(x, x_rec), losses.prior(*q)
        self.log(recons=recons, prior=prior)
        return losses.enc(recons, prior, self.config.alpha, self.config.beta)

    def loss_dec(self, x: Tensor, y: Tensor | None, x_rec: Tensor, x_gen: Tensor) -> Tensor:
        """L_dec [13]; Dis_l(x) is a constant target. γ adds IDVAE(R)'s pixels (section 5.1)."""
        with no_grad():
            h = self.shared(x, y)
        h_rec, h_gen = self.shared(x_rec, y), self.shared(x_gen, y)
        gan, recons_dis = losses.gan(self.dis(h_gen), self.dis(h_rec)), losses.recons_dis(h, h_rec)
        loss = losses.dec(gan, recons_dis, self.config.omega, self.config.lambda_)
        if self.config.gamma:
            loss = loss + self.config.gamma * losses.recons(x, x_rec)
        self.log(gan=gan, recons_dis=recons_dis)
        return loss

    def reconstruct(
        self, x: Tensor, y: Tensor | None, eps: Tensor
    ) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """(μ, log σ²) of q(z|x) [1], and x̃ = Dec(μ + σ·eps) [2]."""
        return self.decode_posterior(self.shared(x, y), y, eps)

    def decode_posterior(
        self, h: Tensor, y: Tensor | None, eps: Tensor
    ) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """The same from the features h = Dis_l(x)."""
        mu, logvar = self.enc(h)
        z = mu + (0.5 * logvar).exp() * eps
        return (mu, logvar), self.dec(z, y)

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.enc(self.shared(x, y))[0]


class IDVAER(IDVAE):
    """IDVAE with γ > 0."""

    name = "idvae-r"
    title = "IDVAE(R)"
    Config = IDVAERConfig

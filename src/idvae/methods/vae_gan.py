"""VAE-GAN: a VAE whose likelihood is measured in the features of a GAN's discriminator.

Larsen, Sønderby, Larochelle and Winther, "Autoencoding beyond pixels using a learned similarity
metric". Numbers in brackets are its equations.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from idvae import losses
from idvae.errors import UserError
from idvae.methods.adversarial import Adversarial, AdversarialConfig
from idvae.methods.method import Update
from idvae.networks import Networks, statistics_of
from idvae.options import Weight


@dataclass
class VAEGANConfig(AdversarialConfig):
    """Weights of VAE-GAN's losses, how its discriminator is held back, and who rests.

    Attributes:
        beta: weight of L_prior (a sum over z) beside L_llike (a sum over features) in the
            encoder's loss; 1 is the paper's.
        gamma: γ, weight of L_llike (a mean over features, where the paper sums) in the decoder's
            loss [9].
        equilibrium: where set, the discriminator rests while one of its cross-entropies is below
            equilibrium − margin, the decoder while one is above equilibrium + margin; where both
            would rest, neither does. The published code has 0.68.
        margin: how far a cross-entropy may stray from the equilibrium.
    """

    beta: Weight = 1.0
    gamma: Weight = 60.0
    equilibrium: Weight | None = None
    margin: Weight = 0.35


class VAEGAN(Adversarial):
    """Enc: trunk and Gaussian head, Dec: decoder, Dis: a trunk of its own and a logit head."""

    name = "vae-gan"
    title = "VAE-GAN"
    source = "Larsen et al., Autoencoding beyond pixels using a learned similarity metric"
    Config = VAEGANConfig
    equations = {
        "enc": "beta L_prior + L_llike   [4, 6, 7]",
        "dec": "gamma L_llike - log Dis(Dec(z')) - log Dis(Dec(Enc(x)))   [9, 10, non-saturating]",
        "dis": "-[log Dis(x) + log(1 - Dis(Dec(z'))) + log(1 - Dis(Dec(Enc(x))))]   [10]"
        " (+ r1/2 |grad D|^2 at x + r2/2 |grad D|^2 at both fakes)",
    }

    def __init__(self, nets: Networks, config: VAEGANConfig) -> None:
        super().__init__(nets, config)
        if config.equilibrium is None and config.margin != VAEGANConfig.margin:
            raise UserError("--margin is around an --equilibrium, and there is none")
        self.trunk = nets.trunk()
        self.enc = nets.gaussian_head()
        self.dec = nets.decoder()
        self.dis_trunk = nets.trunk(judges=True)
        self.dis = nets.logit_head()
        self.groups = {"enc": ("trunk", "enc"), "dec": ("dec",), "dis": ("dis_trunk", "dis")}
        self.data_dependent = config.equilibrium is not None

    def draw_noise(self, n: int, generator: Generator) -> dict[str, Tensor]:
        """`eps` and z' ~ p(z), each (n, Z); `views`, where images are altered."""
        return super().draw_noise(n, generator) | self.draw_views(3, n, generator)

    def step(
        self,
        x: Tensor,
        y: Tensor | None,
        update: Update,
        *,
        eps: Tensor,
        z: Tensor,
        views: Tensor | None = None,
    ) -> None:
        """Algorithm 1, for z' = `z` and z = μ + σ·`eps`.

        All three gradients are of one forward pass, and only then anything moves.
        """
        self.show_by(views)
        (x,) = self.differentiable(x)  # fakes have a gradient anyway
        with statistics_of("real", "posterior"):
            mu, logvar = self.enc(self.trunk(x, y))
            x_rec = self.dec(mu + (0.5 * logvar).exp() * eps, y)
            h = self.dis_trunk(x, y)
        with statistics_of("prior"):
            x_gen = self.dec(z, y)
        h_gen, h_rec = self.dis_trunk(self.seen(x_gen), y), self.dis_trunk(x_rec, y)
        judged = self.judged(x, y, h), h_gen, self.judged(x_rec, y, h_rec)
        logits = [self.dis(features) for features in judged]
        prior, llike = losses.prior(mu, logvar), losses.recons_dis(h.detach(), h_rec)  # [4], [7]
        gan = losses.gan(*logits[1:])
        self.log(prior=prior, llike=llike, gan=gan)
        move_dec, move_dis = self.moves(*logits)
        found = {"enc": self.config.beta * prior + h[0].numel() * llike}
        if move_dec:
            found["dec"] = self.config.gamma * llike + gan
        if move_dis:
            found["dis"] = self.penalised(losses.dis(*logits), logits, (x, x_gen, x_rec))
        update.together(found)

    def judged(self, x: Tensor, y: Tensor | None, h: Tensor) -> Tensor:
        """Dis_l of what Dis answers for: of x altered, or h = Dis_l(x) itself, as [7] has it."""
        return h if self.coming is None else self.dis_trunk(self.seen(x), y)

    def logit(self, x: Tensor, y: Tensor | None) -> Tensor:
        """The logit of Dis(x), shape (B,)."""
        return self.dis(self.dis_trunk(x, y))

    def moves(self, logit_x: Tensor, logit_gen: Tensor, logit_rec: Tensor) -> tuple[bool, bool]:
        """Whether the decoder, and whether the discriminator, is moved in this step."""
        if not self.data_dependent:
            return True, True
        terms = (
            losses.mean_log_dis(logit_x),
            losses.mean_log_one_minus_dis(logit_gen),
            losses.mean_log_one_minus_dis(logit_rec),
        )
        entropies = self.mean_of_all(-torch.stack(terms).detach())
        off = entropies - self.config.equilibrium
        dec, dis = bool((off <= self.config.margin).all()), bool((off >= -self.config.margin).all())
        return (dec, dis) if dec or dis else (True, True)

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.enc(self.trunk(x, y))[0]

"""GAN: a generator and a discriminator, with convolutions as in DCGAN.

Goodfellow et al., "Generative Adversarial Nets", whose equations and Algorithm 1 are meant;
Radford, Metz and Chintala, "Unsupervised Representation Learning with Deep Convolutional
Generative Adversarial Networks".
"""

from dataclasses import dataclass

from torch import Generator, Tensor

from idvae import losses
from idvae.errors import UserError
from idvae.methods.adversarial import Adversarial, AdversarialConfig
from idvae.methods.method import Update
from idvae.networks import Networks, statistics_of
from idvae.options import Share


@dataclass
class GANConfig(AdversarialConfig):
    """How GAN's discriminator is held back, what it is shown, and what else it takes for a fake.

    Attributes:
        mismatch_share: the share of its loss of fakes that goes to real images with the condition
            of another image (Perarnau et al., IcGAN; there 0.5).
    """

    mismatch_share: Share = 0.0


class GAN(Adversarial):
    """θ_d: trunk and logit head, θ_g: decoder. It cannot encode."""

    name = "gan"
    title = "GAN"
    source = (
        "Goodfellow et al., Generative Adversarial Nets; Radford, Metz and Chintala, "
        "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial "
        "Networks"
    )
    Config = GANConfig
    equations = {
        "dis": "-[log Dis(x) + log(1 - Dis(Dec(z')))]   [1]"
        " (with s: 1 - s of the latter, s of log(1 - Dis(x, y')))"
        " (+ r1/2 |grad D(x)|^2 + r2/2 |grad D(Dec(z'))|^2)",
        "dec": "-log Dis(Dec(z'))   [section 3: stronger gradients than log(1 - Dis)]",
    }
    reconstructs = False

    def __init__(self, nets: Networks, config: GANConfig) -> None:
        super().__init__(nets, config)
        if config.mismatch_share and not nets.shape.condition:
            raise UserError("--mismatch-share needs a --condition that can be a wrong one")
        self.mismatch = config.mismatch_share > 0  # a scheduled number becomes a tensor
        self.trunk = nets.trunk(judges=True)
        self.dis = nets.logit_head()
        self.dec = nets.decoder()
        self.groups = {"dis": ("trunk", "dis"), "dec": ("dec",)}

    def draw_noise(self, n: int, generator: Generator) -> dict[str, Tensor]:
        """z' ~ p(z), shape (n, Z); `views`, where images are altered."""
        views = self.draw_views(3 + self.mismatch, n, generator)
        return {"z": self.draw_prior(n, generator)} | views

    def step(
        self,
        x: Tensor,
        y: Tensor | None,
        update: Update,
        *,
        z: Tensor,
        views: Tensor | None = None,
    ) -> None:
        """Algorithm 1 with k = 1, for z' = `z`; x' serves both updates."""
        self.show_by(views)
        with statistics_of("prior"):
            x_gen = self.dec(z, y)
        update("dis", self.loss_dis(x, y, x_gen.detach()))
        update("dec", -losses.mean_log_dis(self.logit(x_gen, y)))

    def loss_dis(self, x: Tensor, y: Tensor | None, x_gen: Tensor) -> Tensor:
        """−V [1]; x' is data here, and each batch is normalised on its own, as DCGAN's are."""
        x, x_gen = self.differentiable(x, x_gen)
        with statistics_of("real"):
            logit_x = self.logit(x, y)
        logit_gen = self.logit(x_gen, y)
        self.log(dis_x=logit_x.sigmoid().mean(), dis_gen=logit_gen.sigmoid().mean())
        if not self.mismatch or y is None:
            loss = losses.real_fake(logit_x, logit_gen)
        else:
            wrong, share = self.batch.before(y), self.config.mismatch_share
            is_wrong = (wrong != y).any(1)
            count = self.mean_of_all(is_wrong.float().sum())
            mismatch = losses.mismatch(self.logit(x, wrong), is_wrong, count)
            fake = -losses.mean_log_one_minus_dis(logit_gen)
            loss = -losses.mean_log_dis(logit_x) + (1 - share) * fake + share * mismatch
        return self.penalised(loss, (logit_x, logit_gen), (x, x_gen))

    def logit(self, x: Tensor, y: Tensor | None) -> Tensor:
        """The discriminator's logit of images (B, C, H, W), shape (B,)."""
        return self.dis(self.trunk(self.seen(x), y))

    def decode(self, z: Tensor, y: Tensor | None = None, posterior: bool = False) -> Tensor:
        # Training shows the decoder codes of the prior only: there are no other statistics.
        return super().decode(z, y, posterior=False)

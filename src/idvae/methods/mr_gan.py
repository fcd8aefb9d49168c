"""MR-GAN: an encoder shows the generator which images its discriminator has not taught it.

Che, Li, Jacob, Bengio and Li, "Mode Regularized Generative Adversarial Networks" (ICLR 2017).
Numbers in brackets are its equations. There λ2 log D(x̃) is printed with a plus sign in losses that
are minimised, which would teach x̃ to look fake; it is −λ2 log D(x̃) here.
"""

from dataclasses import dataclass

from torch import Generator, Tensor

from idvae import losses
from idvae.methods.adversarial import Adversarial, AdversarialConfig
from idvae.methods.method import Update
from idvae.networks import Networks, statistics_of
from idvae.options import Weight


@dataclass
class MRGANConfig(AdversarialConfig):
    """Weights of MR-GAN's two regularizers, and how its discriminator is held back.

    Attributes:
        lambda1: λ1, weight of the mean squared error of x̃ in the losses of encoder and decoder.
        lambda2: λ2, weight of −log D(x̃) in both.
    """

    lambda1: Weight = 10.0
    lambda2: Weight = 0.4


class MRGAN(Adversarial):
    """G: decoder, D: a trunk of its own and a logit head, E: trunk and code head."""

    name = "mr-gan"
    title = "MR-GAN"
    source = "Che, Li, Jacob, Bengio and Li, Mode Regularized Generative Adversarial Networks"
    Config = MRGANConfig
    equations = {
        "dis": "-[log Dis(x) + log(1 - Dis(Dec(z')))]"
        " (+ r1/2 |grad D(x)|^2 + r2/2 |grad D(Dec(z'))|^2)",
        "dec": "-log Dis(Dec(z')) + lambda1 |x - Dec(Enc(x))|^2 - lambda2 log Dis(Dec(Enc(x)))"
        "   [1, its last sign turned]",
        "enc": "lambda1 |x - Dec(Enc(x))|^2 - lambda2 log Dis(Dec(Enc(x)))   [2, likewise]",
    }

    def __init__(self, nets: Networks, config: MRGANConfig) -> None:
        super().__init__(nets, config)
        self.trunk = nets.trunk()
        self.code = nets.code_head()
        self.dec = nets.decoder()
        self.dis_trunk = nets.trunk(judges=True)
        self.dis = nets.logit_head()
        self.groups = {"dis": ("dis_trunk", "dis"), "dec": ("dec",), "enc": ("trunk", "code")}

    def draw_noise(self, n: int, generator: Generator) -> dict[str, Tensor]:
        """z' ~ p(z), shape (n, Z); the encoder is deterministic. `views`, if images are altered."""
        return {"z": self.draw_prior(n, generator)} | self.draw_views(4, n, generator)

    def step(
        self,
        x: Tensor,
        y: Tensor | None,
        update: Update,
        *,
        z: Tensor,
        views: Tensor | None = None,
    ) -> None:
        """D, then G and E, whose gradients are of one forward pass."""
        self.show_by(views)
        with statistics_of("prior"):
            x_gen = self.dec(z, y)
        update("dis", self.loss_dis(x, y, x_gen.detach()))
        regularizer = self.regularizer(x, y)
        gan = -losses.mean_log_dis(self.logit(x_gen, y))
        self.log(gan=gan)
        update.together({"dec": gan + regularizer, "enc": regularizer})  # [1], [2]

    def loss_dis(self, x: Tensor, y: Tensor | None, x_gen: Tensor) -> Tensor:
        """The GAN's own: x' is a fake, x̃ is not shown; each batch is normalised on its own."""
        x, x_gen = self.differentiable(x, x_gen)
        with statistics_of("real"):
            logit_x = self.logit(x, y)
        logits = logit_x, self.logit(x_gen, y)
        return self.penalised(losses.real_fake(*logits), logits, (x, x_gen))

    def regularizer(self, x: Tensor, y: Tensor | None) -> Tensor:
        """λ1 d(x, x̃) − λ2 log D(x̃), d the mean squared error: what [1] and [2] have in common."""
        with statistics_of("real", "posterior"):
            x_rec = self.dec(self.encode(x, y), y)
        error = losses.squared(x, x_rec).mean() / x[0].numel()
        mode = -losses.mean_log_dis(self.logit(x_rec, y))
        self.log(error=error, mode=mode)
        return self.config.lambda1 * error + self.config.lambda2 * mode

    def logit(self, x: Tensor, y: Tensor | None) -> Tensor:
        """The discriminator's logit of images (B, C, H, W), shape (B,)."""
        return self.dis(self.dis_trunk(self.seen(x), y))

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.code(self.trunk(x, y))

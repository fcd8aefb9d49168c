"""α-GAN: an autoencoder between two critics, one of images and one of codes.

Rosca, Lakshminarayanan, Warde-Farley and Mohamed, "Variational Approaches for Auto-Encoding
Generative Adversarial Networks", Algorithm 1. Its first version (arXiv:1706.04987v1) swaps codes of
the prior and of the encoder in equations 16 and 17; here the prior's are the real ones.
"""

from dataclasses import dataclass

from torch import Generator, Tensor, no_grad

from idvae import losses
from idvae.methods.adversarial import Adversarial, AdversarialConfig
from idvae.methods.method import Update
from idvae.networks import Networks, statistics_of
from idvae.options import Weight


@dataclass
class AlphaGANConfig(AdversarialConfig):
    """Weight of α-GAN's reconstruction, and how its discriminator of images is held back.

    Attributes:
        lambda_: λ, weight of |x − Dec(Enc(x))| (a mean over pixels) in the losses of encoder and
            decoder.
        lambda_dec: the same in the decoder's loss alone, where it is to be another.
    """

    lambda_: Weight = 10.0
    lambda_dec: Weight | None = None


class AlphaGAN(Adversarial):
    """η: trunk and code head, θ: decoder, φ: a trunk of its own and a logit head, ω: critic."""

    name = "alpha-gan"
    title = "α-GAN"
    source = (
        "Rosca et al., Variational Approaches for Auto-Encoding Generative Adversarial Networks"
    )
    Config = AlphaGANConfig
    equations = {
        "enc": "lambda |x - Dec(Enc(x))| + R(C(Enc(x)))   with R = -log D + log(1 - D)",
        "dec": "lambda |x - Dec(Enc(x))| + R(Dis(Dec(Enc(x)))) + R(Dis(Dec(z')))",
        "dis": "-[log Dis(x) + log(1 - Dis(Dec(z'))) + log(1 - Dis(Dec(Enc(x))))]"
        " (+ r1/2 |grad D|^2 at x + r2/2 |grad D|^2 at both fakes)",
        "critic": "-[log C(z') + log(1 - C(Enc(x)))]",
    }

    def __init__(self, nets: Networks, config: AlphaGANConfig) -> None:
        super().__init__(nets, config)
        self.trunk = nets.trunk()
        self.code = nets.code_head()
        self.dec = nets.decoder()
        self.dis_trunk = nets.trunk(judges=True)
        self.dis = nets.logit_head()
        self.critic = nets.code_critic()
        self.groups = {
            "enc": ("trunk", "code"),
            "dec": ("dec",),
            "dis": ("dis_trunk", "dis"),
            "critic": ("critic",),
        }
        self.repeats = {"enc": 2, "dec": 2}

    def draw_noise(self, n: int, generator: Generator) -> dict[str, Tensor]:
        """z' ~ p(z), shape (n, Z); the encoder is deterministic. `views`, if images are altered."""
        views = self.draw_views(2 * self.repeats["dec"] + 3, n, generator)
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
        """Enc twice, Dec twice, Dis, C: each loss at the networks as the last update left them."""
        self.show_by(views)
        for i in range(self.repeats["enc"]):
            with statistics_of(*(("real", "posterior") if i == 0 else ())):
                loss = self.loss_enc(x, y)
            update("enc", loss)
        with no_grad():
            code = self.encode(x, y)
        for i in range(self.repeats["dec"]):
            # Codes of the encoder have fed the running statistics in its own update.
            with statistics_of(*(("prior",) if i == 0 else ())):
                x_gen = self.dec(z, y)
            update("dec", self.loss_dec(x, y, self.dec(code, y), x_gen))
        with no_grad():
            x_rec, x_gen = self.dec(code, y), self.dec(z, y)
        update("dis", self.loss_dis(x, y, x_rec, x_gen))
        update("critic", losses.real_fake(self.critic(z), self.critic(code)))

    def loss_enc(self, x: Tensor, y: Tensor | None) -> Tensor:
        """The code must decode to x, and C must take it for one of the prior."""
        code = self.encode(x, y)
        recons = losses.absolute(x, self.dec(code, y))
        ratio = losses.log_ratio(self.critic(code))
        self.log(recons=recons, ratio_code=ratio)
        return self.config.lambda_ * recons + ratio

    def loss_dec(self, x: Tensor, y: Tensor | None, x_rec: Tensor, x_gen: Tensor) -> Tensor:
        """Dis must take x̃ = Dec(code), where the code is data, and x' for real."""
        ratios = (losses.log_ratio(self.logit(images, y)) for images in (x_rec, x_gen))
        c = self.config
        lambda_ = c.lambda_ if c.lambda_dec is None else c.lambda_dec
        return lambda_ * losses.absolute(x, x_rec) + sum(ratios)

    def loss_dis(self, x: Tensor, y: Tensor | None, x_rec: Tensor, x_gen: Tensor) -> Tensor:
        """x̃ and x' are data here; each batch is normalised on its own."""
        x, x_gen, x_rec = images = self.differentiable(x, x_gen, x_rec)
        with statistics_of("real"):
            logit_x = self.logit(x, y)
        logits = logit_x, self.logit(x_gen, y), self.logit(x_rec, y)
        return self.penalised(losses.dis(*logits), logits, images)

    def logit(self, x: Tensor, y: Tensor | None) -> Tensor:
        """The discriminator's logit of images (B, C, H, W), shape (B,)."""
        return self.dis(self.dis_trunk(self.seen(x), y))

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.code(self.trunk(x, y))

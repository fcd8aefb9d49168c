"""α-GAN: an autoencoder between two critics, one of images and one of codes.

Rosca, Lakshminarayanan, Warde-Farley and Mohamed, "Variational Approaches for Auto-Encoding
Generative Adversarial Networks", Algorithm 1. Its first version (arXiv:1706.04987v1) swaps codes of
the prior and of the encoder in equations 16 and 17; here the prior's are the real ones.
"""

from dataclasses import dataclass

from torch import Generator, Tensor, no_grad

from idvae import losses
from idvae.methods.method import Method, Update
from idvae.networks import Networks
from idvae.options import Weight


@dataclass
class AlphaGANConfig:
    """Weight of α-GAN's reconstruction.

    Attributes:
        lambda_: λ, weight of |x − Dec(Enc(x))| (a mean over pixels) in the losses of encoder and
            decoder.
        lambda_dec: the same in the decoder's loss alone, where it is to be another.
    """

    lambda_: Weight = 10.0
    lambda_dec: Weight | None = None


class AlphaGAN(Method):
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
        "dis": "-[log Dis(x) + log(1 - Dis(Dec(z'))) + log(1 - Dis(Dec(Enc(x))))]",
        "critic": "-[log C(z') + log(1 - C(Enc(x)))]",
    }

    def __init__(self, nets: Networks, config: AlphaGANConfig) -> None:
        super().__init__(nets, config)
        self.trunk = nets.trunk()
        self.code = nets.code_head()
        self.dec = nets.decoder()
        self.dis_trunk = nets.trunk()
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
        """z' ~ p(z), shape (n, Z); the encoder is deterministic."""
        return {"z": self.draw_prior(n, generator)}

    def step(self, x: Tensor, y: Tensor | None, update: Update, *, z: Tensor) -> None:
        """Enc twice, Dec twice, Dis, C: each loss at the networks as the last update left them."""
        for i in range(self.repeats["enc"]):
            update("enc", self.loss_enc(x, y, track=i == 0))
        with no_grad():
            code = self.encode(x, y)
        for i in range(self.repeats["dec"]):
            update("dec", self.loss_dec(x, y, code, z, track=i == 0))
        with no_grad():
            x_rec, x_gen = self.dec(code, y, posterior=True), self.dec(z, y)
        update("dis", self.loss_dis(x, y, x_rec, x_gen))
        update("critic", losses.real_fake(self.critic(z), self.critic(code)))

    def loss_enc(self, x: Tensor, y: Tensor | None, track: bool) -> Tensor:
        """The code must decode to x, and C must take it for one of the prior."""
        code = self.code(self.trunk(x, y, track))
        recons = losses.absolute(x, self.dec(code, y, posterior=True, track=track))
        ratio = losses.log_ratio(self.critic(code))
        self.log(recons=recons, ratio_code=ratio)
        return self.config.lambda_ * recons + ratio

    def loss_dec(self, x: Tensor, y: Tensor | None, code: Tensor, z: Tensor, track: bool) -> Tensor:
        """`code` is data here; Dis must take x̃ and x' for real."""
        # Codes of the encoder have fed the running statistics in its own update.
        x_rec, x_gen = self.dec(code, y, posterior=True), self.dec(z, y, track=track)
        ratios = (losses.log_ratio(self.logit(images, y)) for images in (x_rec, x_gen))
        c = self.config
        lambda_ = c.lambda_ if c.lambda_dec is None else c.lambda_dec
        return lambda_ * losses.absolute(x, x_rec) + sum(ratios)

    def loss_dis(self, x: Tensor, y: Tensor | None, x_rec: Tensor, x_gen: Tensor) -> Tensor:
        """x̃ and x' are data here; each batch is normalised on its own."""
        logit_x, logit_gen = self.logit(x, y, track=True), self.logit(x_gen, y)
        return losses.dis(logit_x, logit_gen, self.logit(x_rec, y))

    def logit(self, x: Tensor, y: Tensor | None, track: bool = False) -> Tensor:
        """The discriminator's logit of images (B, C, H, W), shape (B,)."""
        return self.dis(self.dis_trunk(x, y, track))

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.code(self.trunk(x, y))

    def decode(self, z: Tensor, y: Tensor | None = None, posterior: bool = False) -> Tensor:
        return self.dec(z, y, posterior)

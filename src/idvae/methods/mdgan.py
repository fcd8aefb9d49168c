"""MDGAN: reconstructions are drawn to the data's manifold, samples to the reconstructions.

Che, Li, Jacob, Bengio and Li, "Mode Regularized Generative Adversarial Networks" (ICLR 2017): its
manifold-diffusion training, which has an algorithm and no numbered equations.
"""

from dataclasses import dataclass

from torch import Generator, Tensor, no_grad

from idvae import losses
from idvae.methods.method import Method, Update
from idvae.networks import Networks, statistics_of
from idvae.options import Weight


@dataclass
class MDGANConfig:
    """Weight of MDGAN's first discriminator.

    Attributes:
        lambda_: λ, weight of −log D1(x̃) beside the mean squared error of x̃.
    """

    lambda_: Weight = 0.1


class MDGAN(Method):
    """G: decoder, E: trunk and code head, D1 and D2: each a trunk of its own and a logit head."""

    name = "mdgan"
    title = "MDGAN"
    source = "Che, Li, Jacob, Bengio and Li, Mode Regularized Generative Adversarial Networks"
    Config = MDGANConfig
    equations = {
        "dis1": "-[log D1(x) + log(1 - D1(Dec(Enc(x))))]",
        "manifold": "|x - Dec(Enc(x))|^2 - lambda log D1(Dec(Enc(x)))",
        "dis2": "-[log D2(Dec(Enc(x))) + log(1 - D2(Dec(z')))]",
        "diffusion": "-log D2(Dec(z'))",
    }

    def __init__(self, nets: Networks, config: MDGANConfig) -> None:
        super().__init__(nets, config)
        self.trunk = nets.trunk()
        self.code = nets.code_head()
        self.dis1_trunk = nets.trunk(judges=True)
        self.dis1 = nets.logit_head()
        self.dis2_body = nets.trunk(judges=True)  # it never sees a real image
        self.dis2 = nets.logit_head()
        self.dec = nets.decoder()
        self.groups = {
            "dis1": ("dis1_trunk", "dis1"),
            "manifold": ("trunk", "code", "dec"),
            "dis2": ("dis2_body", "dis2"),
            "diffusion": ("dec",),
        }

    def draw_noise(self, n: int, generator: Generator) -> dict[str, Tensor]:
        """z' ~ p(z), shape (n, Z); the encoder is deterministic."""
        return {"z": self.draw_prior(n, generator)}

    def step(self, x: Tensor, y: Tensor | None, update: Update, *, z: Tensor) -> None:
        """The manifold step, then the diffusion step, both of this batch of data."""
        self.manifold_step(x, y, update)
        with no_grad():
            x_rec = self.dec(self.encode(x, y), y)  # E and G have moved
        self.diffusion_step(x_rec, y, z, update)

    def manifold_step(self, x: Tensor, y: Tensor | None, update: Update) -> None:
        """D1 tells x from x̃; E and G bring x̃ to x, by pixels and by D1."""
        with statistics_of("real", "posterior"):
            x_rec = self.dec(self.encode(x, y), y)
        with statistics_of("real"):
            logit_x = self.dis1(self.dis1_trunk(x, y))
        logit_rec = self.dis1(self.dis1_trunk(x_rec.detach(), y))
        update("dis1", losses.real_fake(logit_x, logit_rec))
        error = losses.squared(x, x_rec).mean() / x[0].numel()
        mode = -losses.mean_log_dis(self.dis1(self.dis1_trunk(x_rec, y)))
        self.log(error=error, mode=mode)
        update("manifold", error + self.config.lambda_ * mode)

    def diffusion_step(self, x_rec: Tensor, y: Tensor | None, z: Tensor, update: Update) -> None:
        """D2 tells x̃, which is data, from x'; G brings x' there."""
        with statistics_of("prior"):
            x_gen = self.dec(z, y)
        logit_rec = self.dis2(self.dis2_body(x_rec, y))
        logit_gen = self.dis2(self.dis2_body(x_gen.detach(), y))
        update("dis2", losses.real_fake(logit_rec, logit_gen))
        update("diffusion", -losses.mean_log_dis(self.dis2(self.dis2_body(x_gen, y))))

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.code(self.trunk(x, y))

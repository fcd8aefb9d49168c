"""A method in one file that uses much of what a method may: for tests of the contract."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from idvae import losses
from idvae.methods.method import Method, Update
from idvae.networks import Networks, statistics_of


@dataclass
class ToyConfig:
    """A bidirectional GAN whose reconstructions also match the features of another run.

    Attributes:
        gamma: weight of R1, ‖∇ₓD(x, E(x))‖².
        lambda_: weight of the features' distance.
        pretrained: the run whose trunk makes the features.
    """

    gamma: float = 1.0
    lambda_: float = 0.1
    pretrained: str = ""


class Toy(Method):
    name = "toy"
    title = "Toy"
    source = "none"
    Config = ToyConfig
    equations = {
        "dis": "-[log D(x, E(x)) + log(1 - D(G(z), z))] + gamma/2 |grad D|^2",
        "gen": "-[log(1 - D(x, E(x))) + log D(G(z), z)] + lambda |F(x) - F(G(E(x)))|^2",
    }
    averaged = ("code", "dec")
    frozen = {"features": "trunk"}

    def __init__(self, nets: Networks, config: ToyConfig) -> None:
        super().__init__(nets, config)
        self.trunk, self.code, self.dec = nets.trunk(), nets.code_head(), nets.decoder()
        self.pair = nets.pair_critic()
        self.features = nets.trunk()
        self.groups = {"dis": ("pair",), "gen": ("trunk", "code", "dec")}
        self.register_buffer("steps_seen", torch.zeros((), dtype=torch.long))  # as BatchNorm's

    def draw_noise(self, n: int, generator: Generator) -> dict[str, Tensor]:
        return {"z": self.draw_prior(n, generator)}

    def step(self, x: Tensor, y: Tensor | None, update: Update, *, z: Tensor) -> None:
        self.steps_seen += 1
        with statistics_of("real", "posterior"):
            code = self.encode(x, y)
            x_rec = self.dec(code, y)
        with statistics_of("prior"):
            x_gen = self.dec(z, y)
        real, fake = self.pair(x, code, y), self.pair(x_gen, z, y)
        match = (self.features(x, y).detach() - self.features(x_rec, y)).square().mean()
        self.log(match=match)
        adversarial = losses.real_fake(fake, real)
        update.together(
            {
                "gen": adversarial + self.config.lambda_ * match,
                "dis": losses.real_fake(real, fake) + self.penalty(x, code, y),
            }
        )

    def penalty(self, x: Tensor, code: Tensor, y: Tensor | None) -> Tensor:
        """R1 at real pairs, differentiated within the step."""
        x = x.detach().requires_grad_()
        logit = self.pair(x, code.detach(), y).sum()
        (gradient,) = torch.autograd.grad(logit, x, create_graph=True)
        return 0.5 * self.config.gamma * gradient.float().square().flatten(1).sum(1).mean()

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.code(self.trunk(x, y))

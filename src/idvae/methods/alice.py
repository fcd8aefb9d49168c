"""ALICE: ALI, and a bound of conditional entropies, that is: what is encoded must come back.

Li, Liu, Chen, Pu, Chen, Henao and Carin, "ALICE: Towards Understanding Adversarial Learning for
Joint Distribution Matching". Their code for images flips the labels; here D is 1 for (x, E(x)).
"""

from dataclasses import dataclass
from typing import Literal

from torch import Generator, Tensor

from idvae import losses
from idvae.methods.method import Method, Update
from idvae.networks import Networks, statistics_of
from idvae.options import Count, Weight


@dataclass
class ALICEConfig:
    """How ALICE's cycles are measured, their weight, and how often each side moves.

    Attributes:
        cycle: how far G(E(x)) is from x and E(G(z')) from z': `l1`, means over pixels and over z,
            or `critics`, which tell them from (x, x) and (z', z').
        lambda_: their weight: default 1.0, the authors' for l1 on MNIST; for critics theirs is 0.1.
        d_steps: updates of the critics in a step.
        g_steps: updates of E and G in a step, after those of the critics.
    """

    cycle: Literal["l1", "critics"] = "l1"
    lambda_: Weight = 1.0
    d_steps: Count = 1
    g_steps: Count = 1


class ALICE(Method):
    """E: trunk and code head, G: decoder; D: a critic of pairs, and if asked two of the cycles."""

    name = "alice"
    title = "ALICE"
    source = (
        "Li et al., ALICE: Towards Understanding Adversarial Learning for Joint Distribution "
        "Matching"
    )
    Config = ALICEConfig
    equations = {
        "dis": "-[log D(x, E(x)) + log(1 - D(G(z'), z'))], with critics also of the cycles",
        "gen": "-[log(1 - D(x, E(x))) + log D(G(z'), z')] + lambda (cycle of x + cycle of z')",
    }
    prior = "uniform"

    def __init__(self, nets: Networks, config: ALICEConfig) -> None:
        super().__init__(nets, config)
        self.trunk, self.code, self.dec = nets.trunk(), nets.code_head(), nets.decoder()
        self.pair = nets.pair_critic()
        self.groups = {"dis": ("pair",), "gen": ("trunk", "code", "dec")}
        if config.cycle == "critics":
            self.twins, self.code_twins = nets.twin_critic(), nets.code_critic(codes=2)
            self.groups["dis"] = ("pair", "twins", "code_twins")
        self.repeats = {"dis": config.d_steps, "gen": config.g_steps}

    def draw_noise(self, n: int, generator: Generator) -> dict[str, Tensor]:
        return {"z": self.draw_prior(n, generator)}  # z' for all updates of a step

    def step(self, x: Tensor, y: Tensor | None, update: Update, *, z: Tensor) -> None:
        """D, then E and G against D as it is now: each loss at the networks of that moment."""
        made = self.make(x, y, z, first=True)
        for _ in range(self.config.d_steps):
            update("dis", self.loss_dis(x, y, z, [t.detach() for t in made]))
        for i in range(self.config.g_steps):
            update("gen", self.loss_gen(x, y, z, self.make(x, y, z) if i else made))

    def make(self, x: Tensor, y: Tensor | None, z: Tensor, first: bool = False) -> list[Tensor]:
        with statistics_of(*(("real", "posterior") if first else ())):
            code = self.encode(x, y)
            x_rec = self.dec(code, y)
        with statistics_of(*(("prior",) if first else ())):
            x_gen = self.dec(z, y)
        return [code, x_rec, x_gen, self.encode(x_gen, y)]  # E(x), G(E(x)), G(z'), E(G(z'))

    def loss_dis(self, x: Tensor, y: Tensor | None, z: Tensor, made: list[Tensor]) -> Tensor:
        code, x_rec, x_gen, z_rec = made
        loss = losses.real_fake(self.pair(x, code, y), self.pair(x_gen, z, y))
        if self.config.cycle == "critics":
            loss = loss + losses.real_fake(self.twins(x, x, y), self.twins(x, x_rec, y))
            loss = loss + losses.real_fake(self.code_twins(z, z), self.code_twins(z, z_rec))
        return loss

    def loss_gen(self, x: Tensor, y: Tensor | None, z: Tensor, made: list[Tensor]) -> Tensor:
        code, x_rec, x_gen, z_rec = made
        gan = losses.real_fake(self.pair(x_gen, z, y), self.pair(x, code, y))
        recons, recons_z = losses.absolute(x, x_rec), losses.absolute(z, z_rec)
        self.log(gan=gan, recons=recons, recons_z=recons_z)
        if self.config.cycle == "l1":
            return gan + self.config.lambda_ * (recons + recons_z)
        of_critics = losses.gan(self.twins(x, x_rec, y), self.code_twins(z, z_rec))
        return gan + self.config.lambda_ * of_critics

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.into_range(self.code(self.trunk(x, y)))

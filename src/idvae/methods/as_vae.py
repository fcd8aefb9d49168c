"""AS-VAE: data and codes told in both directions, each direction's bound by a critic of pairs.

Pu, Wang, Henao, Chen, Gan, Li and Carin, "Adversarial Symmetric Variational Autoencoder". Its text
was not at hand: the losses are as it is remembered, without its numbers (docs/methods/as-vae.md).
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from idvae import losses
from idvae.methods.method import Method, Update
from idvae.networks import Networks, statistics_of
from idvae.options import Weight


@dataclass
class ASVAEConfig:
    """Weights of what AS-VAE adds up with weight 1 each.

    Attributes:
        beta: weight of f₁ and f₂ in the loss of encoder and decoder.
        lambda_: weight of −log q(z'|x') (a sum over z) beside L_recons (a sum over pixels).
    """

    beta: Weight = 1.0
    lambda_: Weight = 1.0


class ASVAE(Method):
    """φ: trunk and implicit head, θ: decoder, and two critics of pairs, each with a trunk."""

    name = "as-vae"
    title = "AS-VAE"
    source = "Pu et al., Adversarial Symmetric Variational Autoencoder"
    Config = ASVAEConfig
    equations = {
        "vae": "L_recons + lambda |z' - E(x')|^2 / 2 + beta (f1(x, z) + f2(x', z'))",
        "f1": "-[log sigma(f1(x, z)) + log(1 - sigma(f1(x', z''))]",
        "f2": "-[log sigma(f2(x', z')) + log(1 - sigma(f2(x, z of another x))]",
    }

    def __init__(self, nets: Networks, config: ASVAEConfig) -> None:
        super().__init__(nets, config)
        self.trunk = nets.trunk()
        self.code = nets.implicit_head()
        self.dec = nets.decoder()
        self.f1, self.f2 = nets.pair_critic(), nets.pair_critic()
        self.groups = {"vae": ("trunk", "code", "dec"), "f1": ("f1",), "f2": ("f2",)}

    def draw_noise(self, n: int, generator: Generator) -> dict[str, Tensor]:
        """ε of z ~ q(z|x); z' and z'' ~ p(z), drawn apart, shape (n, Z)."""
        eps = torch.randn(n, *self.code.noise_shape, generator=generator)
        z, z_apart = self.draw_prior(n, generator), self.draw_prior(n, generator)
        return {"eps": eps, "z": z, "z_apart": z_apart}

    def step(
        self,
        x: Tensor,
        y: Tensor | None,
        update: Update,
        *,
        eps: Tensor,
        z: Tensor,
        z_apart: Tensor,
    ) -> None:
        """For z' = `z`. All gradients are of one forward pass, and only then anything moves."""
        with statistics_of("real", "posterior"):
            code, _, _ = self.posterior(x, y, eps)
            x_rec = self.dec(code, y)
        with statistics_of("prior"):
            x_gen = self.dec(z, y)
        q, p_apart = self.f1(x, code, y), self.f1(x_gen, z_apart, y)
        p, q_apart = self.f2(x_gen, z, y), self.f2(x, self.batch.before(code), y)
        recons = losses.recons(x, x_rec)
        recons_z = losses.recons(z, self.encode(x_gen, y))  # −log N(z' | E(x'), I)
        critics = q.mean() + p.mean()
        self.log(recons=recons, recons_z=recons_z, critics=critics)
        c = self.config
        update.together(
            {
                "vae": recons + c.lambda_ * recons_z + c.beta * critics,
                "f1": losses.real_fake(q, p_apart),
                "f2": losses.real_fake(p, q_apart),
            }
        )

    def posterior(self, x: Tensor, y: Tensor | None, eps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """z ~ q(z|x), and its mean and variance, each (B, Z)."""
        return self.code(self.trunk(x, y), eps)

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.code.expected(self.trunk(x, y))

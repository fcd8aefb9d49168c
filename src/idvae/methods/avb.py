"""AVB: a VAE whose posterior has no density; a critic of pairs finds its divergence.

Mescheder, Nowozin and Geiger, "Adversarial Variational Bayes: Unifying Variational Autoencoders and
Generative Adversarial Networks". Numbers in brackets are its equations. Algorithm 1 prints descent
on T where [3.3] is maximised; here T ascends.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from idvae import losses
from idvae.methods.method import Method, Update
from idvae.networks import Networks, statistics_of
from idvae.options import Weight


@dataclass
class AVBConfig:
    """Weight of AVB's divergence, and what it is measured from.

    Attributes:
        beta: weight of KL(q(z|x) ‖ p(z)) (a sum over z) beside L_recons (a sum over pixels); 1 is
            the bound itself.
        contrast: whether T compares q(z|x) with a normal of its own moments (adaptive contrast,
            section 4); else with the prior.
    """

    beta: Weight = 1.0
    contrast: bool = True


class AVB(Method):
    """φ: trunk and implicit head, θ: decoder, ψ: T, a critic of pairs with a trunk of its own."""

    name = "avb"
    title = "AVB"
    source = (
        "Mescheder, Nowozin and Geiger, Adversarial Variational Bayes: Unifying Variational "
        "Autoencoders and Generative Adversarial Networks"
    )
    Config = AVBConfig
    decodes_prior = False
    equations = {
        "vae": "[L_recons + beta (T(x, z) + log r(z|x) - log p(z))] / coordinates of x   [3.9]",
        "critic": "-[log sigma(T(x, z)) + log(1 - sigma(T(x, z_r)))], z_r ~ r(z|x)   [3.3]",
    }

    def __init__(self, nets: Networks, config: AVBConfig) -> None:
        super().__init__(nets, config)
        self.trunk = nets.trunk()
        self.code = nets.implicit_head()
        self.dec = nets.decoder()
        self.critic = nets.pair_critic()
        self.groups = {"vae": ("trunk", "code", "dec"), "critic": ("critic",)}

    def draw_noise(self, n: int, generator: Generator) -> dict[str, Tensor]:
        """ε of z ~ q(z|x), and z_r where r is the unit normal, shape (n, Z)."""
        eps = torch.randn(n, *self.code.noise_shape, generator=generator)
        return {"eps": eps, "z_r": torch.randn(n, self.z_dim, generator=generator)}

    def step(
        self, x: Tensor, y: Tensor | None, update: Update, *, eps: Tensor, z_r: Tensor
    ) -> None:
        """Both gradients are of one forward pass, and only then anything moves."""
        with statistics_of("real", "posterior"):
            z, mean, var = self.posterior(x, y, eps)
            x_rec = self.dec(z, y)
        if self.config.contrast:  # the moments are data; 1e-4 as in the authors' code
            mean, var = mean.detach(), var.detach() + 1e-4
        else:
            mean, var = torch.zeros_like(mean), torch.ones_like(var)
        h = self.critic.trunk(x, y)
        t, t_r = self.ratio(h, (z - mean) / var.sqrt()), self.ratio(h, z_r)
        kl = (t + losses.log_normal(z, mean, var) - losses.log_normal(z)).mean()
        recons = losses.recons(x, x_rec)
        self.log(recons=recons, kl=kl)
        primal = (recons + self.config.beta * kl) / x[0].numel()
        update.together({"vae": primal, "critic": losses.real_fake(t, t_r)})

    def ratio(self, h: Tensor, u: Tensor) -> Tensor:
        """T of features of x and codes in the units of r: the critic, and −log N(u; 0, I)."""
        return self.critic.of_features(h, u) - losses.log_normal(u)

    def posterior(self, x: Tensor, y: Tensor | None, eps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """z ~ q(z|x), and its mean and variance, each (B, Z)."""
        return self.code(self.trunk(x, y), eps)

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.code.expected(self.trunk(x, y))

    def decode(self, z: Tensor, y: Tensor | None = None, posterior: bool = False) -> Tensor:
        # Training shows the decoder codes of the posterior only: there are no other statistics.
        return super().decode(z, y, posterior=True)

"""ALI: a GAN of pairs; D tells (x, code of x) from (image of z', z'), and nothing else is told.

Dumoulin, Belghazi, Poole, Mastropietro, Lamb, Arjovsky and Courville, "Adversarially Learned
Inference". Numbers in brackets are its equations.
"""

from dataclasses import dataclass

from torch import Tensor

from idvae import losses
from idvae.methods.method import Method, Update
from idvae.networks import Networks, statistics_of


@dataclass
class ALIConfig:
    """ALI has no options of its own."""


class ALI(Method):
    """G_z: trunk and Gaussian head, G_x: decoder, moved together; D: a critic of pairs."""

    name = "ali"
    title = "ALI"
    source = "Dumoulin et al., Adversarially Learned Inference"
    Config = ALIConfig
    equations = {
        "gen": "-[log(1 - D(x, z)) + log D(Dec(z'), z')]   [4]",
        "dis": "-[log D(x, z) + log(1 - D(Dec(z'), z'))]   [1; with y: 7]",
    }

    def __init__(self, nets: Networks, config: ALIConfig) -> None:
        super().__init__(nets, config)
        self.trunk = nets.trunk()
        self.enc = nets.gaussian_head()
        self.dec = nets.decoder()
        self.pair = nets.pair_critic()
        self.groups = {"gen": ("trunk", "enc", "dec"), "dis": ("pair",)}

    def step(self, x: Tensor, y: Tensor | None, update: Update, *, eps: Tensor, z: Tensor) -> None:
        """Algorithm 1, for z' = `z` and a code μ + σ·`eps` of x.

        Both gradients are of one forward pass, and only then anything moves.
        """
        with statistics_of("real"):
            code = self.code(x, y, eps)
        with statistics_of("prior"):
            x_gen = self.dec(z, y)
        of_enc, of_dec = self.pair(x, code, y), self.pair(x_gen, z, y)
        self.log(dis_enc=of_enc.sigmoid().mean(), dis_dec=of_dec.sigmoid().mean())
        update.together(
            {
                "gen": losses.real_fake(of_dec, of_enc),  # the two change places
                "dis": losses.real_fake(of_enc, of_dec),
            }
        )

    def code(self, x: Tensor, y: Tensor | None, eps: Tensor) -> Tensor:
        """A code (B, Z) of q(z|x), for ε ~ N(0, I), shape (B, Z)."""
        mu, logvar = self.enc(self.trunk(x, y))
        return mu + (0.5 * logvar).exp() * eps  # [2]

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.enc(self.trunk(x, y))[0]

    def decode(self, z: Tensor, y: Tensor | None = None, posterior: bool = False) -> Tensor:
        # Training shows the decoder codes of the prior only: there are no other statistics.
        return super().decode(z, y, posterior=False)

"""BiGAN: a GAN of pairs with an encoder that is deterministic, so that it must invert G.

Donahue, Krähenbühl and Darrell, "Adversarial Feature Learning".
"""

from dataclasses import dataclass

from torch import Generator, Tensor

from idvae import losses
from idvae.methods.method import Method, Update
from idvae.networks import Networks, statistics_of


@dataclass
class BiGANConfig:
    """BiGAN has no options of its own."""


class BiGAN(Method):
    """E: trunk and code head, G: decoder, moved together; D: a critic of pairs."""

    name = "bigan"
    title = "BiGAN"
    source = "Donahue, Krähenbühl and Darrell, Adversarial Feature Learning"
    Config = BiGANConfig
    equations = {
        "gen": "-[log(1 - D(x, E(x))) + log D(G(z'), z')]",
        "dis": "-[log D(x, E(x)) + log(1 - D(G(z'), z'))]",
    }
    prior = "uniform"

    def __init__(self, nets: Networks, config: BiGANConfig) -> None:
        super().__init__(nets, config)
        self.trunk = nets.trunk()
        self.code = nets.code_head()
        self.dec = nets.decoder()
        self.pair = nets.pair_critic()
        self.groups = {"gen": ("trunk", "code", "dec"), "dis": ("pair",)}

    def draw_noise(self, n: int, generator: Generator) -> dict[str, Tensor]:
        """z' ~ p(z), shape (n, Z); the encoder is deterministic."""
        return {"z": self.draw_prior(n, generator)}

    def step(self, x: Tensor, y: Tensor | None, update: Update, *, z: Tensor) -> None:
        """For z' = `z`: both gradients are of one forward pass, and only then anything moves."""
        with statistics_of("real"):
            code = self.encode(x, y)
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

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.into_range(self.code(self.trunk(x, y)))

    def decode(self, z: Tensor, y: Tensor | None = None, posterior: bool = False) -> Tensor:
        # Training shows the decoder codes of the prior only: there are no other statistics.
        return super().decode(z, y, posterior=False)

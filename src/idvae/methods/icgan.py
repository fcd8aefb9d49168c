"""IcGAN: a conditional GAN turned around by two encoders, one of codes and one of conditions.

Perarnau, van de Weijer, Raducanu and Álvarez, "Invertible Conditional GANs for image editing". The
first phase is `gan` with --mismatch-share 0.5; here its generator is frozen and the encoders learn.
"""

from dataclasses import dataclass

from torch import Generator, Tensor, no_grad

from idvae import losses
from idvae.methods.method import Method, Update
from idvae.networks import Networks, statistics_of


@dataclass
class IcGANConfig:
    """Whose generator IcGAN turns around.

    Attributes:
        pretrained: the run that has it, of `idvae train gan` under the same condition.
    """

    pretrained: str | None = None


class IcGAN(Method):
    """E_z and E_y: a trunk and a head each; neither is told the condition. G is frozen."""

    name = "icgan"
    title = "IcGAN"
    source = "Perarnau et al., Invertible Conditional GANs for image editing"
    Config = IcGANConfig
    equations = {
        "enc_z": "|z' - E_z(G(z', y))|^2",
        "enc_y": "|y - E_y(x)|^2   (with a condition)",
    }
    reads = "z_trunk"
    averaged = ("z_trunk", "z_code")
    frozen = {"dec": "dec"}
    first_phase = "gan --condition … --mismatch-share 0.5"

    def __init__(self, nets: Networks, config: IcGANConfig) -> None:
        super().__init__(nets, config)
        self.z_trunk, self.z_code = nets.trunk(told=False), nets.code_head()
        self.groups = {"enc_z": ("z_trunk", "z_code")}
        self.tells_conditions = nets.shape.condition > 0
        if self.tells_conditions:
            self.y_trunk, self.y_code = nets.trunk(told=False), nets.condition_head()
            self.groups["enc_y"] = ("y_trunk", "y_code")
        self.dec = nets.decoder()

    def draw_noise(self, n: int, generator: Generator) -> dict[str, Tensor]:
        """z' ~ p(z), shape (n, Z)."""
        return {"z": self.draw_prior(n, generator)}

    def step(self, x: Tensor, y: Tensor | None, update: Update, *, z: Tensor) -> None:
        """E_z learns from generated images, whose z' = `z` is known, and E_y from real ones."""
        with no_grad():
            x_gen = self.decode(z, y)
        with statistics_of("real"):  # of each trunk: what it is trained on
            code = self.encode(x_gen)
        update("enc_z", losses.mean_squared(z, code))
        if y is not None:
            with statistics_of("real"):
                told = self.attributes(x)
            update("enc_y", losses.mean_squared(y, told))

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.z_code(self.z_trunk(x))

    def attributes(self, x: Tensor) -> Tensor:
        return self.y_code(self.y_trunk(x))

    def decode(self, z: Tensor, y: Tensor | None = None, posterior: bool = False) -> Tensor:
        # The generator was shown codes of the prior only: there are no other statistics.
        return super().decode(z, y, posterior=False)

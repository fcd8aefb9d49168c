"""DAE: an autoencoder that is shown noisy data and asked for clean ones; RFGAN's first phase.

Vincent, Larochelle, Bengio and Manzagol, "Extracting and Composing Robust Features with Denoising
Autoencoders"; the L1 distance is RFGAN's.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from idvae import losses
from idvae.methods.method import Method, Update
from idvae.networks import Networks, statistics_of
from idvae.options import Weight


@dataclass
class DAEConfig:
    """What the autoencoder has to take away.

    Attributes:
        noise: deviation of the normal noise on each coordinate of what the encoder is shown.
    """

    noise: Weight = 0.25


class DAE(Method):
    """Enc: trunk and code head, Dec: decoder. Its codes have no prior: samples mean nothing."""

    name = "dae"
    title = "Denoising autoencoder"
    source = "Vincent et al., Extracting and Composing Robust Features with Denoising Autoencoders"
    Config = DAEConfig
    decodes_prior = False
    equations = {"dae": "|x - Dec(Enc(x + noise n))|, n ~ N(0, I)"}

    def __init__(self, nets: Networks, config: DAEConfig) -> None:
        super().__init__(nets, config)
        self.trunk = nets.trunk()
        self.code = nets.code_head()
        self.dec = nets.decoder()
        self.groups = {"dae": ("trunk", "code", "dec")}

    def draw_noise(self, n: int, generator: Generator) -> dict[str, Tensor]:
        """n: noise of the shape of the data."""
        return {"n": torch.randn(self.shape.batch(n), generator=generator)}

    def step(self, x: Tensor, y: Tensor | None, update: Update, *, n: Tensor) -> None:
        """One step on the distance of what was clean."""
        with statistics_of("real", "posterior"):
            x_rec = self.dec(self.encode(self.noisy(x, n), y), y)
        update("dae", losses.absolute(x, x_rec))

    def noisy(self, x: Tensor, n: Tensor) -> Tensor:
        """What the encoder is shown in training; it may lie outside of [−1, 1]."""
        return x + self.config.noise * n

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.code(self.trunk(x, y))

    def decode(self, z: Tensor, y: Tensor | None = None, posterior: bool = False) -> Tensor:
        # Training shows the decoder codes of the encoder only: there are no other statistics.
        return super().decode(z, y, posterior=True)

"""θ_dec: the VAE's decoder, which is also the GAN's generator."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from idvae.networks.config import DataShape
from idvae.networks.initial import initialise, join
from idvae.networks.norm import SOURCES, BatchNorm, NormedNetwork
from idvae.networks.trunks import Stage
from idvae.networks.upsampling import UpConv


class ConvDecoder(NormedNetwork):
    """θ_dec: a fully connected layer to the trunk's last feature map, then what `blocks` makes."""

    def __init__(self, last: Stage, shape: DataShape, z_dim: int, blocks: list[nn.Module]) -> None:
        super().__init__()
        self.first = (last.width, last.side, last.side)
        self.project = nn.Linear(z_dim + shape.condition, last.width * last.side**2, bias=False)
        self.project_norm = nn.Sequential(BatchNorm(last.width, SOURCES), nn.ReLU(inplace=True))
        self.blocks = nn.Sequential(*blocks)
        initialise(self)

    def forward(
        self, z: Tensor, y: Tensor | None = None, posterior: bool = False, track: bool = False
    ) -> Tensor:
        """Images of codes.

        Args:
            z: codes, shape (B, Z).
            y: conditions, shape (B, Y), where the decoder was built with them.
            posterior: whether the codes come from an encoder; else they are of the prior.
            track: whether this batch feeds the running statistics of its kind.

        Returns:
            in [−1, 1], shape (B, C, H, W).
        """
        self.set_norms(track, source=int(posterior))
        h = self.project(join(z, y)).unflatten(1, self.first)
        return torch.tanh(self.blocks(self.project_norm(h)))


class SmallDecoder(ConvDecoder):
    """Each block doubles the side by repetition, then convolves 3×3; one more at full size.

    A transposed convolution writes each phase of its stride with other weights, which shows
    as a checker pattern; here the weights cannot tell the phases of a pixel apart. Bilinear
    interpolation cannot either, but it leaves edges so soft that the discriminator always wins.
    """

    def __init__(self, stages: tuple[Stage, ...], shape: DataShape, z_dim: int) -> None:
        widths = [stage.width for stage in reversed(stages)]
        blocks: list[nn.Module] = []
        for previous, width in pairwise([*widths, max(widths[-1] // 2, 1)]):
            # Identity: checkpoints name the layers by their place.
            blocks += [
                nn.Identity(),
                UpConv(previous, width),
                BatchNorm(width, SOURCES),
                nn.ReLU(inplace=True),
            ]
        blocks.append(nn.Conv2d(max(widths[-1] // 2, 1), shape.channels, 3, 1, 1))
        super().__init__(stages[-1], shape, z_dim, blocks)


class PaperDecoder(ConvDecoder):
    """The authors' recipe: 5×5 transposed convolutions, and one of stride 1 to tanh."""

    def __init__(self, stages: tuple[Stage, ...], shape: DataShape, z_dim: int) -> None:
        widths = [stages[-1].width, *(stage.width for stage in reversed(stages[:-1]))]
        blocks: list[nn.Module] = []
        for previous, width in pairwise(widths):
            # output_padding 1: exactly twice the side.
            conv = nn.ConvTranspose2d(previous, width, 5, 2, 2, output_padding=1, bias=False)
            blocks += [conv, BatchNorm(width, SOURCES), nn.ReLU(inplace=True)]
        blocks.append(nn.ConvTranspose2d(widths[-1], shape.channels, 5, 1, 2))
        super().__init__(stages[-1], shape, z_dim, blocks)


class MLPDecoder(nn.Module):
    """θ_dec for points: two hidden layers."""

    def __init__(self, z_dim: int, width: int, coordinates: int, condition: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(z_dim + condition, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, coordinates),
        )

    def forward(
        self, z: Tensor, y: Tensor | None = None, posterior: bool = False, track: bool = False
    ) -> Tensor:
        """Codes (B, Z) → points (B, C); `posterior` and `track` have nothing to do here."""
        return self.layers(join(z, y))

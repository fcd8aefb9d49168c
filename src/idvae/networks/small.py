"""`small`: light networks, for CPUs."""

from itertools import pairwise

from torch import nn

from idvae.networks.decoders import ConvDecoder
from idvae.networks.initial import initialise
from idvae.networks.norm import CODES, BatchNorm
from idvae.networks.preset import ConvPreset
from idvae.networks.trunks import ConvTrunk, Stage
from idvae.networks.upsampling import UpConv


class Small(ConvPreset):
    """Trunk: 4×4 convolutions with leaky ReLU, batch normalisation after all but the first.

    Decoder: each block doubles the side by repetition, then convolves 3×3; one more at full size.
    A transposed convolution writes each phase of its stride with other weights, which shows as a
    checker pattern; here the weights cannot tell the phases of a pixel apart. Bilinear
    interpolation cannot either, but it leaves edges so soft that the discriminator always wins.
    """

    default_width, default_z_dim = 32, 64

    @staticmethod
    def stages_of(size: int, width: int) -> tuple[Stage, ...]:
        """Halve the image down to 4×4, doubling the width up to eightfold."""
        made, side, last = [], size // 2, 8 * width
        while side >= 4:
            made.append(Stage(width, 2, side))
            side, width = side // 2, min(2 * width, last)
        return tuple(made)

    def trunk(self) -> nn.Module:
        blocks, previous = [], self.shape.channels
        for i, stage in enumerate(self.stages):
            # A 4×4 kernel tiles a stride of 2 evenly.
            conv = nn.Conv2d(previous, stage.width, 4, stage.stride, 1, bias=i == 0)
            norm = [BatchNorm(stage.width)] if i else []
            act = nn.LeakyReLU(0.2, inplace=True)
            blocks.append(nn.Sequential(conv, *norm, act, *self.following(stage.width)))
            previous = stage.width + (0 if i else self.shape.condition)
        return initialise(ConvTrunk(blocks, self.shape.condition))

    def following(self, width: int) -> list[nn.Module]:
        """What comes after a convolution of the trunk, at its side."""
        return []

    def decoder(self) -> nn.Module:
        widths = [stage.width for stage in reversed(self.stages)]
        last = max(widths[-1] // 2, 1)
        blocks: list[nn.Module] = []
        for previous, width in pairwise([*widths, last]):
            # Identity: checkpoints name the layers by their place.
            blocks += [
                nn.Identity(),
                UpConv(previous, width),
                BatchNorm(width, CODES),
                nn.ReLU(inplace=True),
            ]
        blocks.append(nn.Conv2d(last, self.shape.channels, 3, 1, 1))
        return ConvDecoder(self.stages[-1], self.shape, self.z_dim, blocks)

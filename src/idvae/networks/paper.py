"""`paper`: the networks of IDVAE's authors."""

from itertools import pairwise

from torch import nn

from idvae.networks.decoders import ConvDecoder
from idvae.networks.initial import initialise
from idvae.networks.norm import CODES, BatchNorm
from idvae.networks.preset import ConvPreset
from idvae.networks.trunks import ConvTrunk, Stage


class Paper(ConvPreset):
    """Trunk: 5×5 convolutions, batch normalisation and ReLU after each.

    Decoder: 5×5 transposed convolutions, and one of stride 1 to tanh.
    """

    default_width, default_z_dim = 64, 128
    softplus = True

    @staticmethod
    def stages_of(size: int, width: int) -> tuple[Stage, ...]:
        """64 s2, 128 s2, 256 s2, 512 s1: 8·8·512 features at 64 px, 4·4·512 at 32 px.

        At 128 px, which the authors did not use, 512 s2 comes before the last, again 8·8·512.
        """
        w = width
        widths = [w, 2 * w, 4 * w] + ([8 * w] if size == 128 else [])
        made = [Stage(c, 2, size >> (i + 1)) for i, c in enumerate(widths)]
        return (*made, Stage(8 * w, 1, made[-1].side))

    def trunk(self) -> nn.Module:
        blocks, previous = [], self.shape.channels
        for i, stage in enumerate(self.stages):
            # "same" padding of a 5×5 kernel
            conv = nn.Conv2d(previous, stage.width, 5, stage.stride, 2, bias=False)
            blocks.append(nn.Sequential(conv, BatchNorm(stage.width), nn.ReLU(inplace=True)))
            previous = stage.width + (0 if i else self.shape.condition)
        return initialise(ConvTrunk(blocks, self.shape.condition))

    def decoder(self) -> nn.Module:
        widths = [self.stages[-1].width, *(stage.width for stage in reversed(self.stages[:-1]))]
        blocks: list[nn.Module] = []
        for previous, width in pairwise(widths):
            # output_padding 1: exactly twice the side.
            conv = nn.ConvTranspose2d(previous, width, 5, 2, 2, output_padding=1, bias=False)
            blocks += [conv, BatchNorm(width, CODES), nn.ReLU(inplace=True)]
        blocks.append(nn.ConvTranspose2d(widths[-1], self.shape.channels, 5, 1, 2))
        return ConvDecoder(self.stages[-1], self.shape, self.z_dim, blocks)

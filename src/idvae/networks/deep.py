"""`deep`: twice the convolutions of `small`, and a decoder that reads the code at every layer."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idvae.networks.config import DataShape
from idvae.networks.initial import initialise, join
from idvae.networks.norm import CODES, BatchNorm
from idvae.networks.small import Small
from idvae.networks.trunks import Stage
from idvae.networks.upsampling import UpConv


class Deep(Small):
    """`small` with a residual 3×3 convolution after each that changes the side of the map.

    Trunk: 4×4 convolutions of stride 2, each followed by a `Refine` at its side. Decoder: the same
    back, doubling by repetition; its normalisations are scaled and shifted by the code (Chen,
    Lucic, Houlsby and Gelly, "On Self Modulation for Generative Adversarial Networks", who have a
    hidden layer between).
    """

    def following(self, width: int) -> list[nn.Module]:
        return [Refine(width)]

    def decoder(self) -> nn.Module:
        return ModulatedDecoder(self.stages, self.shape, self.z_dim)


class Refine(nn.Module):
    """h → leaky ReLU of h + normalised 3×3 convolution of h.

    Args:
        width: channels of h.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = BatchNorm(width)

    def forward(self, h: Tensor) -> Tensor:
        """(B, width, H, W) → the same shape."""
        return F.leaky_relu(h + self.norm(self.conv(h)), 0.2)


class Modulation(nn.Module):
    """Batch normalisation whose scale and shift depend on the code.

    Args:
        codes: width of what it reads, a code with its condition.
        width: channels of the map.
    """

    def __init__(self, codes: int, width: int) -> None:
        super().__init__()
        self.norm = BatchNorm(width, CODES)
        self.by_code = nn.Linear(codes, 2 * width)

    def forward(self, h: Tensor, code: Tensor) -> Tensor:
        """Maps (B, width, H, W) and codes (B, codes) → maps."""
        scale, shift = self.by_code(code)[:, :, None, None].chunk(2, 1)
        return torch.addcmul(shift, self.norm(h), 1 + scale)


def last_width(width: int) -> int:
    """Channels at the full side: half of those before, from 17 on whole vectors of 32.

    A processor's 32 numbers of 16 bits at a time make 24 channels cost as much as 32.
    """
    half = max(width // 2, 1)
    return half if half <= 16 else -(-half // 32) * 32


class ModulatedDecoder(nn.Module):
    """θ_dec: at each side of the map two convolutions, each normalised as the code says.

    Args:
        stages: of the trunk, which it walks back.
        shape: of the images, and the width of y.
        z_dim: dimensions of a code.
    """

    def __init__(self, stages: tuple[Stage, ...], shape: DataShape, z_dim: int) -> None:
        super().__init__()
        widths = [stage.width for stage in reversed(stages)]
        widths.append(last_width(widths[-1]))
        codes, side = z_dim + shape.condition, stages[-1].side
        self.first = (widths[0], side, side)
        self.project = nn.Linear(codes, widths[0] * side**2, bias=False)
        self.doublings = nn.ModuleList(UpConv(a, b) for a, b in pairwise(widths))
        self.refinings = nn.ModuleList(nn.Conv2d(w, w, 3, padding=1, bias=False) for w in widths)
        self.norms = nn.ModuleList(Modulation(codes, w) for w in widths)
        self.refined = nn.ModuleList(Modulation(codes, w) for w in widths)
        self.last = nn.Conv2d(widths[-1], shape.channels, 3, 1, 1)
        initialise(self)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Images of codes.

        Args:
            z: codes, shape (B, Z).
            y: conditions, shape (B, Y), where the decoder was built with them.

        Returns:
            in [−1, 1], shape (B, C, H, W).
        """
        code = join(z, y)
        h = self.project(code).unflatten(1, self.first)
        for side, norm in enumerate(self.norms):
            if side:
                h = self.doublings[side - 1](h)
            h = F.relu(norm(h, code))
            h = F.relu(h + self.refined[side](self.refinings[side](h), code))
        return torch.tanh(self.last(h))

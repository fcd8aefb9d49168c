"""`residual`: networks without normalisation, after R3GAN (Huang et al. 2024)."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idvae.networks.config import DataShape
from idvae.networks.initial import join
from idvae.networks.preset import Preset
from idvae.networks.trunks import ConvTrunk, Trunk

SLOPE = 0.2
GAIN = math.sqrt(2 / (1 + SLOPE**2))  # of leaky ReLU: it keeps the variance of what goes in
EXPANSION = 2  # C → 2C → C in a block
GROUP, GROUPS = 16, 16  # channels of a group at most; groups of a convolution at least
SIDE = 4  # of the smallest map


class Residual(Preset):
    """One residual block at each side of the map, nothing that looks at the rest of the batch.

    Trunk: 1×1 to the first width, then at each side a block and, but for the last, halving.
    Decoder: a learned 4×4 map times a linear layer of the code, then at each side a block and, but
    for the last, doubling; 1×1 to tanh. At a side the map has as many channels as in `small`:
    width/2 at the side of the images, width at half of it, then twice as many each time, up to
    eightfold width.

    R3GAN has two blocks a side, no tanh and, before its linear layer, a 4×4 convolution of each
    channel; any head's linear layer on the flattened map does what both do. One block a side keeps
    the cost near that of `small`: 1.3 times its multiply-adds a step at 32 px and the default width
    (docs/scaling.md). tanh stays because all that reads images here has them in [−1, 1]: a
    discriminator could tell fakes by their range, which is clipped only once they become bytes.
    """

    default_width, default_z_dim = 32, 64

    def __init__(self, shape: DataShape, width: int, z_dim: int) -> None:
        super().__init__(shape, width, z_dim)
        self.widths = self.widths_of(shape.size, width)
        self.features = self.widths[-1] * SIDE**2

    @staticmethod
    def widths_of(size: int, width: int) -> tuple[int, ...]:
        """Channels at each side, from that of the images down to 4."""
        halvings = int(math.log2(size // SIDE))
        return (max(width // 2, 1), *(width * min(2**i, 8) for i in range(halvings)))

    def trunk(self) -> nn.Module:
        depth, blocks = len(self.widths), []
        for width, following in pairwise(self.widths):
            blocks += [Block(width, depth), Halve(width, following)]
        blocks.append(Block(self.widths[-1], depth))
        first = _scaled(nn.Conv2d(self.shape.channels, self.widths[0], 1, bias=False))
        told = self.shape.condition
        of_y = _scaled(nn.Linear(told, self.widths[0], bias=False)) if told else None
        return ResidualTrunk(first, of_y, blocks)

    def decoder(self) -> nn.Module:
        widths = self.widths[::-1]
        blocks: list[nn.Module] = [Block(widths[0], len(widths))]
        for width, following in pairwise(widths):
            blocks += [Double(width, following), Block(following, len(widths))]
        return ResidualDecoder(self.shape, self.z_dim, widths[0], blocks, widths[-1])


class ResidualTrunk(Trunk):
    """θ_shared: a 1×1 convolution, then blocks and halvings in turn.

    A condition y adds to the first convolution's channels what a linear layer makes of it: the
    same as joining y to them and mixing all by one more 1×1 convolution, since nothing lies
    between. It is cut after a halving; the first convolution goes with the first block.

    Args:
        first: the convolution from images.
        told: the linear layer of y, None without a condition.
        blocks: all that follows: block, halving, block, …, block.
        flat: whether it is whole, and gives features, not a map.
    """

    def __init__(
        self,
        first: nn.Module,
        told: nn.Module | None,
        blocks: Sequence[nn.Module],
        flat: bool = True,
    ) -> None:
        super().__init__()
        self.first, self.told, self.flat = first, told, flat
        self.blocks, self.depth = nn.Sequential(*blocks), (len(blocks) + 1) // 2

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Features Dis_l(x), flattened.

        Args:
            x: images in [−1, 1], shape (B, C, H, W).
            y: condition, shape (B, Y), where the trunk was built with one.

        Returns:
            shape (B, features).
        """
        h = self.first(x)
        if self.told is not None:
            h = h + self.told(y.to(h.dtype))[:, :, None, None]
        h = self.blocks(h)
        return h.flatten(1) if self.flat else h

    def cut(self, blocks: int) -> tuple[nn.Module, nn.Module]:
        lower = ResidualTrunk(self.first, self.told, self.blocks[: 2 * blocks], flat=False)
        return lower, ConvTrunk(self.blocks[2 * blocks :], condition=0)


class ResidualDecoder(nn.Module):
    """θ_dec: a learned map, its channels weighed by the code, then blocks and doublings in turn.

    Args:
        shape: of the images, and the width of y.
        z_dim: dimensions of a code.
        width: channels of the learned map.
        blocks: all up to the side of the images.
        last: channels that they leave.
    """

    def __init__(
        self, shape: DataShape, z_dim: int, width: int, blocks: list[nn.Module], last: int
    ) -> None:
        super().__init__()
        self.basis = nn.Parameter(torch.randn(width, SIDE, SIDE))
        self.project = _scaled(nn.Linear(z_dim + shape.condition, width, bias=False))
        self.blocks = nn.Sequential(*blocks)
        self.last = _scaled(nn.Conv2d(last, shape.channels, 1, bias=False))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Images of codes.

        Args:
            z: codes, shape (B, Z).
            y: conditions, shape (B, Y), where the decoder was built with them.

        Returns:
            in [−1, 1], shape (B, C, H, W).
        """
        h = self.basis * self.project(join(z, y))[:, :, None, None]
        return torch.tanh(self.last(self.blocks(h)))


class Block(nn.Module):
    """x + conv1×1(act(conv3×3 grouped(act(conv1×1(x))))), act a learned bias and leaky ReLU.

    That bias is the convolution's before it. The last convolution is 0 at first, so the block
    passes x on; the others shrink with the number of blocks, so that a step moves the output
    as far whatever the depth (Fixup, Zhang et al. 2019).

    Args:
        width: channels of x.
        depth: blocks of the network.
    """

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        inner, gain = EXPANSION * width, GAIN * depth ** (-1 / 4)
        groups = inner // group_width(inner)
        self.layers = nn.Sequential(
            _scaled(nn.Conv2d(width, inner, 1), gain),
            nn.LeakyReLU(SLOPE, inplace=True),
            _scaled(nn.Conv2d(inner, inner, 3, padding=1, groups=groups), gain),
            nn.LeakyReLU(SLOPE, inplace=True),
            _scaled(nn.Conv2d(inner, width, 1, bias=False), 0.0),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, H, W) → the same."""
        return x + self.layers(x)


def group_width(channels: int) -> int:
    """Channels of a group: 16, but fewer where that left fewer than 16 groups; a divisor of all."""
    most = max(1, min(GROUP, channels // GROUPS))
    return next(n for n in range(most, 0, -1) if channels % n == 0)


class Halve(nn.Module):
    """Half the side by the filter [1, 3, 3, 1], then another width by a 1×1 convolution.

    Beyond the border lie zeros.

    Args:
        channels: of the input.
        width: channels of the output; if equal, there is no convolution.
    """

    kernel: Tensor

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.register_buffer("kernel", _kernel(channels, 1), persistent=False)
        self.mix = _mixing(channels, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) → (B, width, H/2, W/2)."""
        return self.mix(F.conv2d(x, self.kernel, stride=2, padding=1, groups=x.shape[1]))


class Double(nn.Module):
    """Another width by a 1×1 convolution, then twice the side by the filter: Halve walked back."""

    kernel: Tensor

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.mix = _mixing(channels, width)
        # Times four: of four pixels one is given and the rest are zeros.
        self.register_buffer("kernel", _kernel(width, 4), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) → (B, width, 2H, 2W)."""
        x = self.mix(x)
        return F.conv_transpose2d(x, self.kernel, stride=2, padding=1, groups=x.shape[1])


def _kernel(channels: int, total: float) -> Tensor:
    """[1, 3, 3, 1] along both axes, for each channel apart, (channels, 1, 4, 4); sum `total`.

    A buffer that no checkpoint holds, for it is never learned.
    """
    row = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    return (total * torch.outer(row, row)).repeat(channels, 1, 1, 1)


def _mixing(channels: int, width: int) -> nn.Module:
    return (
        nn.Identity() if channels == width else _scaled(nn.Conv2d(channels, width, 1, bias=False))
    )


def _scaled(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> nn.Module:
    """The layer with weights from a normal of deviation gain/√fan_in, biases 0."""
    nn.init.normal_(layer.weight, std=gain / math.sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer

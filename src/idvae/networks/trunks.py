"""θ_shared: what encoder and discriminator have in common, up to the layer l."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idvae.networks.config import Preset
from idvae.networks.initial import initialise, join
from idvae.networks.norm import BatchNorm, NormedNetwork


@dataclass(frozen=True)
class Stage:
    """One convolution of the trunk: its output channels, its stride and its output side."""

    width: int
    stride: int
    side: int


def small_stages(size: int, width: int) -> tuple[Stage, ...]:
    """Halve the image down to 4×4, doubling the width up to eightfold."""
    stages, side, last = [], size // 2, 8 * width
    while side >= 4:
        stages.append(Stage(width, 2, side))
        side, width = side // 2, min(2 * width, last)
    return tuple(stages)


def paper_stages(size: int, width: int) -> tuple[Stage, ...]:
    """64 s2, 128 s2, 256 s2, 512 s1: 8·8·512 features at 64 px, 4·4·512 at 32 px.

    At 128 px, which the authors did not use, 512 s2 comes before the last, again 8·8·512.
    """
    w = width
    widths = [w, 2 * w, 4 * w] + ([8 * w] if size == 128 else [])
    stages = [Stage(c, 2, size >> (i + 1)) for i, c in enumerate(widths)]
    return (*stages, Stage(8 * w, 1, stages[-1].side))


class ConvTrunk(NormedNetwork):
    """θ_shared: convolutions up to the layer l that encoder and discriminator share.

    `paper`: 5×5, batch normalisation and ReLU after each. `small`: 4×4, leaky ReLU, no
    normalisation after the first. A condition y is replicated over space and concatenated
    after the first convolution (Perarnau et al., section 5.3 of the paper).
    """

    def __init__(
        self, stages: tuple[Stage, ...], channels: int, condition: int, preset: Preset
    ) -> None:
        super().__init__()
        self.condition = condition
        paper = preset == "paper"
        kernel, padding = (5, 2) if paper else (4, 1)
        blocks, previous = [], channels
        for i, stage in enumerate(stages):
            normed = paper or i > 0
            # "same" padding of a 5×5 kernel; a 4×4 one tiles a stride of 2 evenly.
            layers: list[nn.Module] = [
                nn.Conv2d(previous, stage.width, kernel, stage.stride, padding, bias=not normed)
            ]
            if normed:
                layers.append(BatchNorm(stage.width))
            layers.append(nn.ReLU(inplace=True) if paper else nn.LeakyReLU(0.2, inplace=True))
            blocks.append(nn.Sequential(*layers))
            previous = stage.width + (condition if i == 0 else 0)
        self.blocks = nn.ModuleList(blocks)
        initialise(self)

    def forward(self, x: Tensor, y: Tensor | None = None, track: bool = False) -> Tensor:
        """Features Dis_l(x), flattened.

        Args:
            x: images in [−1, 1], shape (B, C, H, W).
            y: condition, shape (B, Y), where the trunk was built with one.
            track: whether this batch of real images feeds the running statistics.

        Returns:
            shape (B, features).
        """
        self.set_norms(track)
        h = self.blocks[0](x)
        if self.condition:
            h = torch.cat([h, y.to(h.dtype)[:, :, None, None].expand(-1, -1, *h.shape[2:])], 1)
        for block in self.blocks[1:]:
            h = block(h)
        return h.flatten(1)


class MLPTrunk(nn.Module):
    """θ_shared for points: two hidden layers; y joins after the first."""

    def __init__(self, coordinates: int, width: int, condition: int) -> None:
        super().__init__()
        self.condition = condition
        self.first = nn.Linear(coordinates, width)
        self.second = nn.Linear(width + condition, width)

    def forward(self, x: Tensor, y: Tensor | None = None, track: bool = False) -> Tensor:
        """Points (B, C) → features (B, width); `track` has nothing to do here."""
        h = F.leaky_relu(self.first(x), 0.2)
        return F.leaky_relu(self.second(join(h, y if self.condition else None)), 0.2)

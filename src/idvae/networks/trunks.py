"""θ_shared: what encoder and discriminator have in common, up to the layer l."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from idvae.networks.initial import initialise


@dataclass(frozen=True)
class Stage:
    """One convolution of the trunk: its output channels, its stride and its output side."""

    width: int
    stride: int
    side: int


class ConvTrunk(nn.Module):
    """θ_shared: convolutions up to the layer l that encoder and discriminator share.

    A condition y is replicated over space and concatenated after the first of them (Perarnau et
    al., section 5.3 of the paper).

    Args:
        blocks: each a convolution with what follows it; the second takes the condition too.
        condition: width of y, 0 without one.
    """

    def __init__(self, blocks: Sequence[nn.Module], condition: int) -> None:
        super().__init__()
        self.condition = condition
        self.blocks = nn.ModuleList(blocks)
        initialise(self)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Features Dis_l(x), flattened.

        Args:
            x: images in [−1, 1], shape (B, C, H, W).
            y: condition, shape (B, Y), where the trunk was built with one.

        Returns:
            shape (B, features).
        """
        h = self.blocks[0](x)
        if self.condition:
            h = torch.cat([h, y.to(h.dtype)[:, :, None, None].expand(-1, -1, *h.shape[2:])], 1)
        for block in self.blocks[1:]:
            h = block(h)
        return h.flatten(1)

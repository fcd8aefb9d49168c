"""θ_shared: what encoder and discriminator have in common, up to the layer l."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Part = Callable[[Tensor, Tensor | None], Tensor]  # (h, y) → h


@dataclass(frozen=True)
class Stage:
    """One convolution of the trunk: its output channels, its stride and its output side."""

    width: int
    stride: int
    side: int


def unchanged(h: Tensor, y: Tensor | None = None) -> Tensor:
    """The part of a trunk that has no layers, and so no weights."""
    return h


class Trunk(nn.Module, ABC):
    """(x, y) → features Dis_l(x): a chain of blocks that can be cut.

    Attributes:
        depth: how many blocks there are.
    """

    depth: int

    @abstractmethod
    def cut(self, blocks: int) -> tuple[nn.Module, nn.Module]:
        """Its first `blocks`, from 1 to `depth` − 1, and the rest: two parts with its weights."""


class ConvTrunk(Trunk):
    """θ_shared: convolutions up to the layer l that encoder and discriminator share.

    A condition y is replicated over space and concatenated after the first of them (Perarnau et
    al., section 5.3 of the paper).

    Args:
        blocks: each a convolution with what follows it; the second takes the condition too.
        condition: width of y, 0 without one.
        first: the number of the first of them, where it is the rest of a longer chain.
        flat: whether it is the end of the chain, and gives features, not a map.
    """

    def __init__(
        self, blocks: Sequence[nn.Module], condition: int, first: int = 0, flat: bool = True
    ) -> None:
        super().__init__()
        self.condition, self.first, self.flat = condition, first, flat
        self.blocks, self.depth = nn.ModuleList(blocks), len(blocks)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Features Dis_l(x), flattened.

        Args:
            x: images in [−1, 1], shape (B, C, H, W).
            y: condition, shape (B, Y), where the trunk was built with one.

        Returns:
            shape (B, features).
        """
        h = x
        for number, block in enumerate(self.blocks, self.first):
            if number == 1 and self.condition:
                told = y.to(h.dtype)[:, :, None, None].expand(-1, -1, *h.shape[2:])
                h = torch.cat([h, told], 1)
            h = block(h)
        return h.flatten(1) if self.flat else h

    def cut(self, blocks: int) -> tuple[nn.Module, nn.Module]:
        lower = ConvTrunk(self.blocks[:blocks], self.condition, flat=False)
        return lower, ConvTrunk(self.blocks[blocks:], self.condition, first=blocks)

"""What all networks share: initial weights, and joining a condition to features."""

import torch
from torch import Tensor, nn


def join(h: Tensor, y: Tensor | None) -> Tensor:
    """Features (B, F) and a condition (B, Y) side by side; without one, the features."""
    return h if y is None else torch.cat([h, y.to(h.dtype)], 1)


def initialise(module: nn.Module) -> nn.Module:
    """The same with weights from a normal of deviation 0.02 cut at two, biases 0 (the authors')."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=0.02, a=-0.04, b=0.04)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return module

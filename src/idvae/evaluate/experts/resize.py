"""From bytes of any size to the floats of the size that an expert takes."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Resize = Callable[[Tensor, int], Tensor]


def antialiased(images: Tensor, size: int) -> Tensor:
    """Bilinear with a filter that widens when it shrinks, as PIL does; pixels have centres.

    Args:
        images: float, shape (N, C, H, W).
        size: side of the result.
    """
    return _as_pil(images, size, "bilinear")


def bicubic(images: Tensor, size: int) -> Tensor:
    """Bicubic with a filter that widens when it shrinks, as PIL does; no pixel leaves 0 to 255.

    Args:
        images: float, shape (N, C, H, W).
        size: side of the result.
    """
    return _as_pil(images, size, "bicubic").clamp(0, 255)


def _as_pil(images: Tensor, size: int, mode: str) -> Tensor:
    if images.shape[-2:] == (size, size):
        return images
    return F.interpolate(images, (size, size), mode=mode, antialias=True, align_corners=False)


def tensorflow1(images: Tensor, size: int) -> Tensor:
    """Bilinear as TensorFlow 1 did it: corner to corner steps of H/size, no half pixel, no filter.

    The Inception graphs of 2015 and 2016 resized like this, and their published scores with them.

    Args:
        images: float, shape (N, C, H, W).
        size: side of the result.
    """
    height, width = images.shape[-2:]
    if (height, width) == (size, size):
        return images
    rows, columns = (_weights(side, size).to(images) for side in (height, width))
    return rows @ images @ columns.T


def _weights(old: int, new: int) -> Tensor:
    """The matrix (new, old) of the interpolation along one axis."""
    place = torch.arange(new, dtype=torch.float64) * (old / new)
    below = place.floor().long()
    above = (below + 1).clamp(max=old - 1)
    share = place - below
    matrix = torch.zeros(new, old, dtype=torch.float64)
    at = torch.arange(new)
    matrix[at, below] += 1 - share
    matrix[at, above] += share
    return matrix


RESIZES: dict[str, Resize] = {
    "bilinear, antialiased": antialiased,
    "bicubic, antialiased": bicubic,
    "bilinear, TensorFlow 1": tensorflow1,
}

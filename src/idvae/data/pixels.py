"""The only two places where pixels change between bytes and floats."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def to_float(images: Tensor) -> Tensor:
    """Bytes to what the networks see.

    Args:
        images: uint8, shape (N, H, W, C), on any device.

    Returns:
        float32 in [−1, 1], shape (N, C, H, W).
    """
    return images.permute(0, 3, 1, 2).float().div(127.5).sub(1.0)


def to_uint8(images: Tensor) -> Tensor:
    """What the networks make to bytes; values outside [−1, 1] are clipped.

    Args:
        images: float, shape (N, C, H, W).

    Returns:
        uint8, shape (N, H, W, C).
    """
    return images.float().add(1.0).mul(127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1)

"""wavelet: what an image is made of at each scale and direction, without any network.

Veeramacheneni, Wolter, Kuehne and Gall, "Fréchet Wavelet Distance: A Domain-Agnostic Metric for
Image Generation": the packets of a Haar wavelet packet transform, each with a Gaussian of its own;
the distance is the mean of the packets' Fréchet distances.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from idvae.errors import UserError
from idvae.evaluate.experts.expert import Expert, Images, Output

PACKET = 16  # side of a packet: the paper's 256 px at level 4, its code's 64 px at 2, 32 px at 1


class Wavelet(Expert):
    """Features (N, packets, coefficients): those of a packet belong together, and no others.

    Args:
        size: side that images are resized to; None leaves them as they are.
        device: where it computes.
    """

    in_parts = True

    def __init__(self, size: int | None, device: str) -> None:
        super().__init__(
            "wavelet" if size is None else f"wavelet@{size}",
            Packets(),
            0,  # of the images' size
            size=size,
            mean=0.0,
            scale=255.0,
            resize="bilinear, antialiased",
            identity={"expert": "wavelet", "wavelet": "haar", "packet": PACKET},
            device=device,
        )
        del self.facts["width"]

    def __call__(self, images: Images) -> Output:
        """Packets of images, grey ones as three channels alike, as the paper's code has it.

        Raises:
            UserError: images of several sizes, or of sides that cannot be halved often enough.
        """
        sizes = {image.shape[:2] for image in images}
        if self.size is None and len(sizes) > 1:
            raise UserError("wavelet takes images of one size; resize them: wavelet@64, say")
        return super().__call__(images)


class Packets(nn.Module):
    """x (N, C, H, W) to all its packets (N, P, C·H·W/P)."""

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        return packets(x, level_of(*x.shape[2:])).flatten(2), None


def level_of(height: int, width: int) -> int:
    """How often images are halved: until the shorter side is less than twice PACKET, but once.

    Raises:
        UserError: a side that cannot be halved so often.
    """
    level = max(1, (min(height, width) // PACKET).bit_length() - 1)
    if height % 2**level or width % 2**level:
        raise UserError(
            f"wavelet cannot halve images of {height}×{width} px {level} times; resize them: "
            f"wavelet@{2**level * PACKET}, say"
        )
    return level


def packets(x: Tensor, level: int) -> Tensor:
    """All packets of the Haar wavelet packet transform, an orthogonal map.

    Args:
        x: shape (N, C, H, W), sides that 2^level divides.
        level: how often each packet is split into four.

    Returns:
        shape (N, 4^level, C, H/2^level, W/2^level); the first split tells most, and each is
        in the order: means of 2×2, differences by rows, by columns, by both.
    """
    x = x[:, None]
    for _ in range(level):
        a, b, c, d = (x[..., i::2, j::2] for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)))
        x = torch.stack([a + b + c + d, a + b - c - d, a - b + c - d, a - b - c + d], 2) / 2
        x = x.flatten(1, 2)
    return x

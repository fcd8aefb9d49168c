"""What images of a generator have and real ones have not: they are a little blurred, and noisy.

A classifier that learnt drawings as they are need not know them again once they were saved as JPEG,
so what it does not find in a generated image may well be there. One that learnt rough images too
looks at what can be seen.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

BLUR = 1 / 64  # of the side: the largest deviation of the normal kernel
NOISE = 0.1  # the largest deviation of the normal noise, where white is 1 and black −1


def roughened(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Each image blurred with a chance of one half, and made noisy with one, each as much as drawn.

    Args:
        x: images in [−1, 1], shape (N, C, H, H).
        rng: draws for each image whether, and uniformly how much up to the most.

    Returns:
        the same shape, in [−1, 1].
    """
    n, side = len(x), x.shape[-1]
    share = torch.from_numpy(rng.random((2, n)) * (rng.random((2, n)) < 0.5))
    blur, noise = (share * torch.tensor([[BLUR * side], [NOISE]])).to(x)
    grain = torch.from_numpy(rng.standard_normal(x.shape, np.float32)).to(x)
    rough = _blurred(x, blur, math.ceil(3 * BLUR * side)) + noise[:, None, None, None] * grain
    return rough.clamp(-1, 1)


def _blurred(x: Tensor, deviations: Tensor, radius: int) -> Tensor:
    """Each image under a normal kernel of its own deviation (N,) in pixels."""
    n, c, h, w = x.shape
    at = torch.arange(-radius, radius + 1, device=x.device, dtype=x.dtype)
    kernel = torch.exp(-0.5 * (at / deviations.clamp_min(1e-3)[:, None]).square())
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(c, 0)  # (N·C, taps)
    rows = F.pad(x, [radius] * 4, mode="reflect").reshape(1, n * c, h + 2 * radius, w + 2 * radius)
    for shape in ((n * c, 1, -1, 1), (n * c, 1, 1, -1)):
        rows = F.conv2d(rows, kernel.reshape(shape), groups=n * c)
    return rows.reshape(n, c, h, w)

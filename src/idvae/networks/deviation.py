"""How much a batch varies, as one more feature of each of its items."""

import torch
from torch import Tensor


def with_deviation(h: Tensor) -> Tensor:
    """Features with the deviation that they have over the batch, averaged over the features.

    Minibatch standard deviation of Karras, Aila, Laine and Lehtinen, "Progressive Growing of GANs
    for Improved Quality, Stability, and Variation", section 3; here over the whole batch of this
    process. Batches of real images and of fakes go through apart, so a batch of fakes that are
    too much alike can be told by it.

    Args:
        h: shape (B, features).

    Returns:
        shape (B, features + 1), in float32 or wider.
    """
    h = h if h.dtype == torch.float64 else h.float()
    # 1e-8, as the authors have it: the root of a variance of 0 has a derivative.
    deviation = (h.var(0, correction=0) + 1e-8).sqrt().mean()
    return torch.cat([h, deviation.expand(len(h), 1)], 1)

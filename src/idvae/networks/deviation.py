"""How much a batch varies, as one more feature of each of its items."""

import torch
from torch import Tensor

from idvae.networks.across import moments


def with_deviation(h: Tensor, across: bool = False) -> Tensor:
    """Features with the deviation that they have over the batch, averaged over the features.

    Minibatch standard deviation of Karras, Aila, Laine and Lehtinen, "Progressive Growing of GANs
    for Improved Quality, Stability, and Variation", section 3; here over the whole batch. Batches
    of real images and of fakes go through apart, so a batch of fakes that are too much alike can
    be told by it.

    Args:
        h: shape (B, features).
        across: whether the batch is that of all processes together.

    Returns:
        shape (B, features + 1), in float32 or wider.
    """
    h = h if h.dtype == torch.float64 else h.float()
    var = moments(h, across=True)[1] if across else h.var(0, correction=0)
    # 1e-8, as the authors have it: the root of a variance of 0 has a derivative.
    deviation = (var + 1e-8).sqrt().mean()
    return torch.cat([h, deviation.expand(len(h), 1)], 1)

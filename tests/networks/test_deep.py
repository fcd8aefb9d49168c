"""The deep preset: its parts against plain arithmetic, and where its decoder reads the code."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from idvae.networks import DataShape, NetworkConfig, Networks
from idvae.networks.deep import Modulation, Refine, last_width

DATA = [DataShape(16, 1), DataShape(32, 3, 5), DataShape(64, 3), DataShape(128, 1, 2)]


def networks(shape, width=4):
    return Networks(shape, NetworkConfig("deep", width, 6))


def normalised(h):
    """Of each channel by the batch's own mean and variance, float64."""
    mean, var = h.mean((0, 2, 3), keepdims=True), h.var((0, 2, 3), keepdims=True)
    return (h - mean) / np.sqrt(var + 1e-5)


def by_channel(values):
    return values[None, :, None, None]


def disturb(module):
    with torch.no_grad():
        for p in module.parameters():
            p.add_(0.3 * torch.randn_like(p))


@pytest.mark.parametrize(
    ("width", "last"), [(1, 1), (4, 2), (32, 16), (34, 32), (48, 32), (64, 32), (66, 64)]
)
def test_the_full_side_has_half_the_channels_in_whole_vectors(width, last):
    assert last_width(width) == last
    assert networks(DataShape(32, 1), width).decoder().last.in_channels == last


@pytest.mark.parametrize("shape", DATA, ids=str)
def test_each_side_has_one_convolution_more_than_in_small(shape):
    small = Networks(shape, NetworkConfig("small", 4, 6))
    for part in ("trunk", "decoder"):
        deep, flat = (
            [m for m in getattr(nets, part)().modules() if isinstance(m, nn.Conv2d)]
            for nets in (networks(shape), small)
        )
        sides = np.log2(shape.size // 4) + (part == "decoder")  # 4 × 4 of a decoder is a side too
        assert len(deep) - len(flat) == sides
        refining = [m for m in deep if m.kernel_size == (3, 3) and type(m) is nn.Conv2d]
        assert len(refining) == sides + (part == "decoder")  # that to the image is in both


def test_a_refine_is_the_arithmetic_of_its_docstring():
    refine = Refine(3).double()
    disturb(refine)
    h = torch.randn(4, 3, 5, 6, dtype=torch.float64)
    scale, shift = (by_channel(p.detach().numpy()) for p in refine.norm.parameters())
    conv = F.conv2d(h, refine.conv.weight, padding=1).detach().numpy()
    expected = h.numpy() + normalised(conv) * scale + shift
    expected = np.where(expected > 0, expected, 0.2 * expected)
    np.testing.assert_allclose(refine(h).detach().numpy(), expected, rtol=0, atol=1e-12)


def test_a_code_scales_and_shifts_what_is_normalised():
    modulation = Modulation(codes=2, width=3).double()
    disturb(modulation)
    h, code = torch.randn(4, 3, 5, 6).double(), torch.randn(4, 2).double()
    scale, shift = (by_channel(p.detach().numpy()) for p in modulation.norm.parameters())
    by_code = code.numpy() @ modulation.by_code.weight.detach().numpy().T
    by_code = (by_code + modulation.by_code.bias.detach().numpy())[:, :, None, None]
    expected = (normalised(h.numpy()) * scale + shift) * (1 + by_code[:, :3]) + by_code[:, 3:]
    np.testing.assert_allclose(modulation(h, code).detach().numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", DATA[1:3], ids=str)
def test_every_normalisation_of_the_decoder_reads_code_and_condition(shape):
    decoder = networks(shape).decoder()
    seen = []
    for part in decoder.modules():
        if isinstance(part, Modulation):
            part.register_forward_hook(lambda module, given, made: seen.append(given[1]))
    z = torch.randn(4, 6)
    y = torch.rand(4, shape.condition) if shape.condition else None
    decoder(z, y)
    joined = z if y is None else torch.cat([z, y], 1)
    assert len(seen) == 2 * (np.log2(shape.size // 4) + 1)
    assert all(torch.equal(code, joined) for code in seen)

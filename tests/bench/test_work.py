"""The work of a step: what is counted, and the operation that spares some of it."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from idvae.bench.ceiling import count
from idvae.networks import DataShape, NetworkConfig
from idvae.networks.upsampling import UpConv


@pytest.mark.parametrize(
    ("size", "preset"),
    [(16, "small"), (32, "small"), (32, "deep"), (32, "paper"), (32, "residual")],
)
def test_a_step_does_the_work_it_needs_and_little_more(size, preset):
    work = count(DataShape(size, 3), NetworkConfig(preset, width=16))
    # The heads come on top; the gradient to the images at lines 9 and 10 is left out.
    assert work.step == pytest.approx(work.needed, rel=0.06)
    assert work.plain == pytest.approx(20 * work.trunk + 11 * work.decoder, rel=0.06)


def test_forward_passes_are_counted_as_by_hand():
    work = count(DataShape(16, 1), NetworkConfig("small", width=8, z_dim=5))
    trunk = 8 * 8 * (4 * 4 * 1 * 8) + 4 * 4 * (4 * 4 * 8 * 16)
    decoder = 5 * 16 * 16 + 8 * 8 * (4 * 16 * 8) + 16 * 16 * (4 * 8 * 4) + 16 * 16 * (9 * 4 * 1)
    assert work.trunk == pytest.approx(trunk / 1e6)
    assert work.decoder == pytest.approx(decoder / 1e6)
    repeating = 5 * 16 * 16 + 8 * 8 * (9 * 16 * 8) + 16 * 16 * (9 * 8 * 4) + 16 * 16 * (9 * 4 * 1)
    assert work.repeating == pytest.approx(repeating / 1e6)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_upconv_is_repetition_and_convolution(layout):
    up = UpConv(5, 7).double().to(memory_format=layout)
    x = torch.randn(3, 5, 6, 6, dtype=torch.float64, requires_grad=True)
    weight = up.weight.detach().clone().requires_grad_()
    expected = F.conv2d(nn.Upsample(scale_factor=2)(x), weight, padding=1)
    got = up(x)
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)
    g = torch.randn_like(got)
    ours = torch.autograd.grad(got, [x, up.weight], g)
    theirs = torch.autograd.grad(expected, [x, weight], g)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_upconv_sums_weights_in_full_width_under_autocast():
    up = UpConv(4, 4)
    x = torch.randn(2, 4, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        got = up(x)
    assert got.dtype == torch.bfloat16
    torch.testing.assert_close(got.float(), up(x), rtol=0.05, atol=0.02)
    assert set(up.state_dict()) == {"weight"}

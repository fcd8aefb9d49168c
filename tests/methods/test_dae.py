"""The denoising autoencoder's update against plain arithmetic, in float64."""

import pytest
import torch

from methods.oracle import SHAPES, assert_equal, gradients
from methods.recorder import run_step


@pytest.mark.parametrize(("shape", "preset"), SHAPES)
def test_gradients_equal_the_oracle(shape, preset):
    step = run_step("dae", shape, preset, noise=0.7)
    (seen,) = step.seen
    net = seen.before
    code = net.code(net.trunk(step.x + 0.7 * step.noise["n"], step.y))
    loss = (step.x - net.dec(code, step.y)).abs().sum() / step.x.numel()
    assert_equal(seen, gradients(net, loss, net.groups["dae"]))


def test_encoding_adds_no_noise():
    method = run_step("dae").method.eval()
    x = torch.zeros(2, 1, 16, 16, dtype=torch.float64)
    assert torch.equal(method.encode(x), method.encode(x))

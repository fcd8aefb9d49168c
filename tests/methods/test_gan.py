"""The GAN's updates against an oracle of probabilities written from equation 1, in float64."""

import pytest
import torch

from idvae.networks import DataShape
from methods.oracle import SHAPES, assert_equal, gradients, sigmoid, still_gradients
from methods.recorder import run_step


def dis(net, x, y):
    return sigmoid(net.dis(net.trunk(x, y)))


@pytest.mark.parametrize(("shape", "preset"), SHAPES)
def test_gradients_equal_the_oracle(shape, preset):
    step = run_step("gan", shape, preset)
    x, y, z = step.x, step.y, step.noise["z"]
    first, second = step.seen
    assert (first.group, second.group) == ("dis", "dec")
    net = first.before
    fake = net.dec(z, y).detach()
    loss = -(torch.log(dis(net, x, y)) + torch.log(1 - dis(net, fake, y))).mean()
    assert_equal(first, gradients(net, loss, ("trunk", "dis")))
    net = second.before  # the discriminator has moved
    loss = -torch.log(dis(net, net.dec(z, y), y)).mean()
    assert_equal(second, gradients(net, loss, ("dec",)))


def test_the_generator_climbs_what_the_discriminator_answers():
    step = run_step("gan", DataShape(0, 2))
    net, z = step.seen[-1].before, step.noise["z"]
    found = still_gradients(net, step)["dec"]
    before = dis(net, net.dec(z), None).mean()
    with torch.no_grad():
        for name, p in net.dec.named_parameters():
            p.sub_(1e-3 * found["dec." + name])
    assert dis(net, net.dec(z), None).mean() > before


def test_the_generator_learns_however_sure_the_discriminator_is():
    """log(1 − Dis) would have no gradient left here; −log Dis has."""
    step = run_step("gan", DataShape(0, 2))
    net = step.seen[-1].before
    with torch.no_grad():
        net.dis.logit.bias.fill_(-50.0)
    assert max(g.abs().max() for g in still_gradients(net, step)["dec"].values()) > 1e-3


def test_it_cannot_encode():
    method = run_step("gan", DataShape(0, 2)).method
    assert not method.reconstructs
    with pytest.raises(NotImplementedError):
        method.encode(torch.zeros(1, 2))


def test_decoding_uses_the_statistics_of_the_prior_for_any_code():
    method = run_step("gan", DataShape(16, 1), "small").method.eval()
    z = torch.randn(4, 5, dtype=torch.float64)
    assert torch.equal(method.decode(z), method.decode(z, posterior=True))

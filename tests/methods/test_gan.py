"""The GAN's updates against an oracle of probabilities written from equation 1, in float64."""

import pytest
import torch

from idvae.errors import UserError
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


@pytest.mark.parametrize(("shape", "preset"), [s for s in SHAPES if s[0].condition])
def test_wrong_conditions_take_their_share_of_the_fakes(shape, preset):
    """IcGAN's: half of the fakes' loss is of x under another's y, where the two differ."""
    step = run_step("gan", shape, preset, batch=5, mismatch_share=0.3)
    x, y, (seen, _) = step.x, step.y, step.seen
    net, n = seen.before, len(step.x)
    other = torch.stack([y[i - 1] for i in range(n)])
    wrong = [i for i in range(n) if not torch.equal(y[i], other[i])]
    fake = torch.log(1 - dis(net, net.dec(step.noise["z"], y).detach(), y)).mean()
    mismatch = torch.log(1 - dis(net, x, other))[wrong].mean()
    loss = -torch.log(dis(net, x, y)).mean() - 0.7 * fake - 0.3 * mismatch
    assert_equal(seen, gradients(net, loss, ("trunk", "dis")))


def test_a_wrong_condition_needs_one():
    with pytest.raises(UserError, match="--mismatch-share needs a --condition"):
        run_step("gan", mismatch_share=0.5)


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

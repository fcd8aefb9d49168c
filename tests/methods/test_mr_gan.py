"""MR-GAN's updates against an oracle of probabilities from equations 1 and 2, in float64."""

import pytest
import torch

from idvae.networks import DataShape
from methods.oracle import SHAPES, assert_equal, gradients, sigmoid, still_gradients
from methods.recorder import clone, run_step

WEIGHTS = {"lambda1": 3.0, "lambda2": 0.7}
POINTS = DataShape(0, 2)


def dis(net, x, y):
    return sigmoid(net.dis(net.dis_trunk(x, y)))


def rec(net, x, y):
    return net.dec(net.code(net.trunk(x, y)), y)


@pytest.mark.parametrize(("shape", "preset"), SHAPES)
def test_gradients_equal_the_oracle(shape, preset):
    step = run_step("mr-gan", shape, preset, **WEIGHTS)
    x, y, z = step.x, step.y, step.noise["z"]
    of_dis, of_dec, of_enc = step.seen
    assert [seen.group for seen in step.seen] == ["dis", "dec", "enc"]
    net = of_dis.before
    fake = net.dec(z, y).detach()
    loss = -(torch.log(dis(net, x, y)) + torch.log(1 - dis(net, fake, y))).mean()
    assert_equal(of_dis, gradients(net, loss, ("dis_trunk", "dis")))
    net = of_dec.before  # the discriminator has moved, and nothing else
    assert net is of_enc.before
    x_rec = rec(net, x, y)
    t_enc = 3.0 * ((x - x_rec) ** 2).sum() / x.numel() - 0.7 * torch.log(dis(net, x_rec, y)).mean()
    t_gen = -torch.log(dis(net, net.dec(z, y), y)).mean() + t_enc
    assert_equal(of_dec, gradients(net, t_gen, ("dec",)))
    assert_equal(of_enc, gradients(net, t_enc, ("trunk", "code")))


@pytest.mark.parametrize("group", ["dec", "enc"])
def test_both_raise_what_the_discriminator_answers_to_reconstructions(group):
    """λ2's term with the sign of the printed equations would lower it."""
    step = run_step("mr-gan", POINTS, lambda1=0.0, lambda2=1e3)
    net = clone(step.seen[1].before)
    before = dis(net, rec(net, step.x, None), None).mean()
    found = still_gradients(net, step)[group]
    with torch.no_grad():
        for name, p in net.named_parameters():
            if name in found:
                p.sub_(1e-6 * found[name])
    assert dis(net, rec(net, step.x, None), None).mean() > before


def test_the_discriminator_is_not_shown_reconstructions():
    """Another encoder changes every reconstruction, and nothing of D's update."""
    step = run_step("mr-gan", **WEIGHTS)
    one, other = clone(step.method), clone(step.method)
    with torch.no_grad():
        other.code.code.weight.mul_(-3.0)
    a, b = still_gradients(one, step), still_gradients(other, step)
    assert all(torch.equal(a["dis"][n], b["dis"][n]) for n in a["dis"])
    assert not any(torch.allclose(a["enc"][n], b["enc"][n]) for n in a["enc"])


def test_without_its_regularizers_it_is_a_gan_whose_encoder_rests():
    step = run_step("mr-gan", POINTS, lambda1=0.0, lambda2=0.0)
    of_dec, of_enc = step.seen[1:]
    net = of_dec.before
    loss = -torch.log(dis(net, net.dec(step.noise["z"]), None)).mean()
    assert_equal(of_dec, gradients(net, loss, ("dec",)))
    assert not any(gradient.any() for gradient in of_enc.gradients.values())

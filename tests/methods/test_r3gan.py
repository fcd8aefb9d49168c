"""R3GAN's updates against an oracle from equations 2 and 3, in float64, with whole Jacobians."""

import pytest
import torch
from torch.autograd.functional import jacobian

from idvae import methods
from idvae.networks import DataShape, NetworkConfig, Networks
from methods.oracle import SHAPES, assert_equal, gradients, sigmoid, still_gradients
from methods.recorder import run_step

PLACES = [*SHAPES, (DataShape(16, 3), "residual"), (DataShape(16, 1, condition=3), "residual")]


def logit(net, x, y):
    return net.dis(net.trunk(x, y))


def penalty(net, x, y, weight):
    """γ/2 E[‖∇D‖²] of the gradient of all logits together."""
    all_by_all = jacobian(lambda x: logit(net, x, y), x, create_graph=True)
    return weight / 2 * (all_by_all.sum(0) ** 2).flatten(1).sum(1).mean()


def above(one, other):
    """−log sigmoid(D − D') of each pair, mean: sp(−(D − D'))."""
    return -torch.log(sigmoid(one - other)).mean()


def check(step):
    x, y = step.x, step.y
    first, second = step.seen
    assert (first.group, second.group) == ("dis", "dec")
    net, c = first.before, step.method.config
    fake = net.dec(step.noise["z"], y).detach()
    loss = above(logit(net, x, y), logit(net, fake, y))
    loss = loss + penalty(net, x, y, c.r1) + penalty(net, fake, y, c.r2)
    assert_equal(first, gradients(net, loss, ("trunk", "dis")))
    net = second.before  # the discriminator has moved
    fake = net.dec(step.noise["z_dec"], y)
    loss = above(logit(net, fake, y), logit(net, x, y).detach())
    assert_equal(second, gradients(net, loss, ("dec",)))


@pytest.mark.parametrize(("shape", "preset"), PLACES)
def test_gradients_equal_the_oracle(shape, preset):
    check(run_step("r3gan", shape, preset, r1=0.8, r2=0.6))


@pytest.mark.parametrize("options", [{"r1": 0.0, "r2": 0.6}, {"r1": 0.8, "r2": 0.0}])
def test_a_penalty_of_weight_0_is_left_out(options):
    step = run_step("r3gan", DataShape(0, 2), **options)
    check(step)
    assert {"r1", "r2"} & set(step.method.logged) == {name for name in options if options[name]}


def test_pairs_are_of_the_same_place_in_the_batch():
    """Fakes in another order are other pairs: the loss is not a function of two means."""
    step = run_step("r3gan", DataShape(0, 2), r1=0.0, r2=0.0)
    net = step.seen[0].before
    found = still_gradients(net, step)["dis"]
    step.noise["z"] = step.noise["z"].roll(1, 0)
    assert any(
        not torch.allclose(found[n], g) for n, g in still_gradients(net, step)["dis"].items()
    )


def test_the_generator_brings_its_images_above_the_real_ones():
    step = run_step("r3gan", DataShape(0, 2))
    net, z = step.seen[-1].before, step.noise["z_dec"]
    found = still_gradients(net, step)["dec"]
    before = logit(net, net.dec(z), None).mean()
    with torch.no_grad():
        for name, p in net.dec.named_parameters():
            p.sub_(1e-3 * found["dec." + name])
    assert logit(net, net.dec(z), None).mean() > before


def test_a_scheduled_weight_is_never_looked_at():
    """A tensor on "meta" has no number to look at."""
    cls = methods.get("r3gan")
    method = cls(Networks(DataShape(16, 1), NetworkConfig(width=4, z_dim=5)), cls.Config())
    noise = method.draw_noise(4, torch.Generator())
    method.to("meta").train()
    method.config.r1 = method.config.r2 = torch.tensor(0.5, device="meta")

    def update(group, loss, retain=False):
        loss.backward(inputs=method.group_parameters(group), retain_graph=retain)

    x = torch.empty(4, 1, 16, 16, device="meta")
    method.step(x, None, update, **{n: t.to("meta") for n, t in noise.items()})


def test_it_cannot_encode():
    method = run_step("r3gan", DataShape(0, 2)).method
    assert not method.reconstructs
    with pytest.raises(NotImplementedError):
        method.encode(torch.zeros(1, 2))


def test_decoding_uses_the_statistics_of_the_prior_for_any_code():
    method = run_step("r3gan", DataShape(16, 1), "small").method.eval()
    z = torch.randn(4, 5, dtype=torch.float64)
    assert torch.equal(method.decode(z), method.decode(z, posterior=True))

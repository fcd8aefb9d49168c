"""MDGAN's updates against an oracle of probabilities from its algorithm, in float64."""

import pytest
import torch

from idvae.networks import DataShape
from methods.oracle import SHAPES, assert_equal, gradients, sigmoid, still_gradients
from methods.recorder import clone, run_step

POINTS = DataShape(0, 2)


class Oracle:
    """Both discriminators and the autoencoder, for one state of the parameters."""

    def __init__(self, net, step):
        self.net, self.x, self.y = net, step.x, step.y
        self.x_gen = net.dec(step.noise["z"], step.y)
        self.x_rec = net.dec(net.code(net.trunk(step.x, step.y)), step.y)

    def d1(self, x):
        return sigmoid(self.net.dis1(self.net.dis1_trunk(x, self.y)))

    def d2(self, x):
        return sigmoid(self.net.dis2(self.net.dis2_body(x, self.y)))

    def loss(self, group):
        if group == "dis1":
            rec = self.x_rec.detach()
            return -(torch.log(self.d1(self.x)) + torch.log(1 - self.d1(rec))).mean()
        if group == "manifold":  # descended: the paper ascends its negative
            error = ((self.x - self.x_rec) ** 2).sum() / self.x.numel()
            return error - self.net.config.lambda_ * torch.log(self.d1(self.x_rec)).mean()
        if group == "dis2":
            rec, gen = self.x_rec.detach(), self.x_gen.detach()
            return -(torch.log(self.d2(rec)) + torch.log(1 - self.d2(gen))).mean()
        return -torch.log(self.d2(self.x_gen)).mean()


@pytest.mark.parametrize(("shape", "preset"), SHAPES)
def test_gradients_equal_the_oracle(shape, preset):
    """Each at the networks as the update before it left them."""
    step = run_step("mdgan", shape, preset, lambda_=0.7)
    assert [s.group for s in step.seen] == ["dis1", "manifold", "dis2", "diffusion"]
    for seen in step.seen:
        loss = Oracle(seen.before, step).loss(seen.group)
        assert_equal(seen, gradients(seen.before, loss, step.method.groups[seen.group]))


def test_samples_are_judged_by_reconstructions_and_never_by_data():
    """An encoder whose codes do not depend on x leaves D2 and G with nothing of x."""
    step = run_step("mdgan", POINTS)
    net = clone(step.method)
    with torch.no_grad():
        for p in net.code.parameters():
            p.zero_()
    one = still_gradients(net, step)
    step.x = -step.x
    other = still_gradients(net, step)
    for group in ("dis2", "diffusion"):
        assert all(torch.equal(one[group][n], g) for n, g in other[group].items())
    assert not all(torch.equal(one["dis1"][n], g) for n, g in other["dis1"].items())


@pytest.mark.parametrize(("group", "options"), [("manifold", {"lambda_": 1e3}), ("diffusion", {})])
def test_the_generator_raises_what_its_discriminator_answers(group, options):
    step = run_step("mdgan", POINTS, **options)
    net = clone(step.seen[[s.group for s in step.seen].index(group)].before)

    def answer():
        oracle = Oracle(net, step)
        fake, d = (oracle.x_rec, oracle.d1) if group == "manifold" else (oracle.x_gen, oracle.d2)
        return d(fake).mean().item()

    before, found = answer(), still_gradients(net, step)[group]
    with torch.no_grad():
        for name, p in net.named_parameters():
            if name in found:
                p.sub_(1e-6 * found[name])
    assert answer() > before


def test_the_diffusion_step_leaves_the_encoder_alone():
    step = run_step("mdgan")
    before, after = (
        dict(getattr(step.seen[-1], w).named_parameters()) for w in ("before", "after")
    )
    still = [n for n in before if n.startswith(("trunk", "code"))]
    assert still
    assert all(torch.equal(before[n], after[n]) for n in still)

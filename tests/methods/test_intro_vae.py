"""IntroVAE's updates against an oracle written from equations 11 and 12, in float64."""

import pytest
import torch

from idvae.networks import DataShape
from methods.oracle import SHAPES, assert_equal, gradients, kl, normal_code, still_gradients
from methods.recorder import clone, run_step

WEIGHTS = {"alpha": 0.3, "beta": 0.7, "margin": 50.0}
POINTS = DataShape(0, 2)


class Oracle:
    """The two losses, for one state of the parameters."""

    def __init__(self, net, step):
        self.net, self.x, self.y, self.noise, self.c = net, step.x, step.y, step.noise, net.config

    def q(self, x):
        return self.net.enc(self.net.trunk(x, self.y))

    def code(self):
        return normal_code(*self.q(self.x), self.noise["eps"])

    def images(self, code):
        """x̃ and x'."""
        return self.net.dec(code, self.y), self.net.dec(self.noise["z"], self.y)

    def error(self, x_rec):
        return ((self.x - x_rec) ** 2).sum() / len(self.x)

    def enc(self):  # [11]
        x_rec, x_gen = self.images(self.code())
        loss = kl(*self.q(self.x)).mean() + self.c.beta * self.error(x_rec)
        for fake in (x_rec.detach(), x_gen.detach()):
            missing = self.c.margin - kl(*self.q(fake)).mean()
            if missing > 0:
                loss = loss + self.c.alpha * missing
        return loss

    def vae(self):
        x_rec = self.net.dec(self.code(), self.y)
        return kl(*self.q(self.x)).mean() + self.c.beta * self.error(x_rec)

    def dec(self, code):  # [12]
        x_rec, x_gen = self.images(code.detach())
        alpha = self.c.alpha if self.c.alpha_dec is None else self.c.alpha_dec
        divergences = kl(*self.q(x_rec)).mean() + kl(*self.q(x_gen)).mean()
        return alpha * divergences + self.c.beta * self.error(x_rec)


def check(step):
    first, second = step.seen
    assert (first.group, second.group) == ("enc", "dec")
    before, after = Oracle(first.before, step), Oracle(second.before, step)
    assert_equal(first, gradients(first.before, before.enc(), ("trunk", "enc")))
    code = before.code()  # from before the encoder moved, as in the authors' code
    assert_equal(second, gradients(second.before, after.dec(code), ("dec",)))


@pytest.mark.parametrize(("shape", "preset"), SHAPES)
def test_gradients_equal_the_oracle(shape, preset):
    check(run_step("intro-vae", shape, preset, **WEIGHTS))


@pytest.mark.parametrize(("shape", "preset"), SHAPES)
def test_early_steps_are_those_of_a_vae(shape, preset):
    step = run_step("intro-vae", shape, preset, early=True, **WEIGHTS)
    first, second = step.seen
    assert first.before is second.before  # all gradients, then all steps
    loss = Oracle(first.before, step).vae()
    assert_equal(first, gradients(first.before, loss, ("trunk", "enc")))
    assert_equal(second, gradients(first.before, loss, ("dec",)))


@pytest.mark.parametrize("margin", [0.0, 1e-3])
def test_a_hinge_that_is_met_has_no_gradient(margin):
    step = run_step("intro-vae", POINTS, **(WEIGHTS | {"margin": margin}))
    check(step)
    without = run_step("intro-vae", POINTS, **(WEIGHTS | {"alpha": 0.0}))
    for name, gradient in step.seen[0].gradients.items():
        assert torch.equal(gradient, without.seen[0].gradients[name])


def test_the_decoder_may_have_an_alpha_of_its_own():
    step = run_step("intro-vae", POINTS, **WEIGHTS, alpha_dec=1.7)
    check(step)
    same = run_step("intro-vae", POINTS, **WEIGHTS)
    assert all(torch.equal(g, same.seen[0].gradients[n]) for n, g in step.seen[0].gradients.items())


def test_the_hinge_is_of_the_batch_s_mean_and_not_of_each_image():
    """m between the divergences of single fakes: hinges of each would pull at some of them."""
    step = run_step("intro-vae", POINTS, **WEIGHTS)
    net = clone(step.seen[0].before)
    with torch.no_grad():
        net.enc.mu.weight.mul_(40)
    each = kl(*Oracle(net, step).q(net.dec(step.noise["z"])))
    rec = kl(*Oracle(net, step).q(Oracle(net, step).images(Oracle(net, step).code())[0]))
    net.config.margin = 0.999 * min(each.mean(), rec.mean()).item()
    assert (torch.cat([each, rec]) < net.config.margin).any()
    found = still_gradients(net, step)["enc"]
    net.config.alpha = 0.0
    assert all(torch.equal(found[n], g) for n, g in still_gradients(net, step)["enc"].items())


def test_processes_share_one_hinge():
    """The mean that opens it is that of all of them, the gradient each one's own."""
    step = run_step("intro-vae", POINTS, **WEIGHTS)
    net, found = clone(step.seen[0].before), []
    net.mean_of_all = lambda mine: found.append(mine) or mine + 1e6  # others are far beyond m
    shut = still_gradients(net, step)["enc"]
    assert len(found) == 2
    assert not any(mine.requires_grad for mine in found)
    net.mean_of_all, net.config.alpha = lambda mine: mine, 0.0
    assert all(torch.equal(shut[n], g) for n, g in still_gradients(net, step)["enc"].items())


def test_the_encoder_pushes_fakes_away_and_the_decoder_brings_them_back():
    options = {"alpha": 1.0, "beta": 0.0, "margin": 1e3}
    step = run_step("intro-vae", POINTS, **options)
    start = step.seen[0].before

    def divergence_of_fakes(net):
        oracle = Oracle(net, step)
        return sum(kl(*oracle.q(fake)).mean() for fake in oracle.images(code))

    code = Oracle(start, step).code().detach()
    for group, sign in (("enc", 1), ("dec", -1)):
        moved = clone(start)
        moved.config.alpha = 100.0 if group == "enc" else 1.0  # above the pull of KL(x)
        found = still_gradients(moved, step)[group]
        with torch.no_grad():
            for name, p in moved.named_parameters():
                if name in found:
                    p.sub_(1e-6 * found[name])
        assert sign * (divergence_of_fakes(moved) - divergence_of_fakes(start)) > 0


def test_fakes_are_data_of_the_encoder_s_loss():
    step = run_step("intro-vae", POINTS, **(WEIGHTS | {"beta": 0.0}))
    net, seen = clone(step.seen[0].before), {}

    def update(group, loss, retain=False):
        seen[group] = loss

    net.step(step.x, step.y, update, **step.noise)
    found = torch.autograd.grad(
        seen["enc"], list(net.dec.parameters()), allow_unused=True, retain_graph=True
    )
    assert all(g is None or not g.any() for g in found)

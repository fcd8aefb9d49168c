"""Soft-IntroVAE's updates against an oracle written from its objective, in float64."""

import math

import pytest
import torch

from idvae.networks import DataShape
from methods.oracle import SHAPES, assert_equal, gradients, kl, normal_code, still_gradients
from methods.recorder import clone, run_step

WEIGHTS = {"beta_rec": 0.8, "beta_kl": 0.6, "beta_neg": 5.0, "gamma_r": 0.3}


class Oracle:
    """The two losses, for one state of the parameters."""

    def __init__(self, net, step):
        self.net, self.x, self.y, self.noise, self.c = net, step.x, step.y, step.noise, net.config
        self.s = 1 / math.prod(step.x.shape[1:])

    def q(self, x):
        return self.net.enc(self.net.trunk(x, self.y))

    def vae(self):
        q = self.q(self.x)
        errors = rec(self.x, self.decode(q, "eps"))
        return self.s * (self.c.beta_rec * errors + self.c.beta_kl * kl(*q)).mean()

    def decode(self, q, eps):
        return self.net.dec(normal_code(*q, self.noise[eps]), self.y)

    def enc(self):
        q = self.q(self.x)
        x_rec = self.decode(q, "eps")
        real = self.c.beta_rec * rec(self.x, x_rec) + self.c.beta_kl * kl(*q)
        loss = self.s * real.mean()
        x_gen = self.net.dec(self.noise["z"], self.y)
        for fake, eps in ((x_rec.detach(), "eps_rec"), (x_gen.detach(), "eps_gen")):
            q = self.q(fake)
            bound = self.c.beta_rec * rec(fake, self.decode(q, eps)) + self.c.beta_neg * kl(*q)
            loss = loss + torch.exp(-2 * self.s * bound).mean() / 4
        return loss

    def dec(self, code):
        x_rec = self.net.dec(code.detach(), self.y)
        loss = self.c.beta_rec * rec(self.x, x_rec).mean()
        x_gen = self.net.dec(self.noise["z"], self.y)
        for fake, eps in ((x_rec, "eps_rec"), (x_gen, "eps_gen")):
            q = self.q(fake)
            again = self.decode([t.detach() for t in q], eps)
            fakes = self.c.gamma_r * self.c.beta_rec * rec(fake.detach(), again)
            loss = loss + (self.c.beta_kl * kl(*q) + fakes).mean() / 2
        return self.s * loss


def rec(x, x_rec):
    return ((x - x_rec) ** 2).flatten(1).sum(1)


@pytest.mark.parametrize(("shape", "preset"), SHAPES)
def test_gradients_equal_the_oracle(shape, preset):
    step = run_step("soft-intro-vae", shape, preset, **WEIGHTS)
    first, second = step.seen
    assert (first.group, second.group) == ("enc", "dec")
    before, after = Oracle(first.before, step), Oracle(second.before, step)
    assert_equal(first, gradients(first.before, before.enc(), ("trunk", "enc")))
    code = normal_code(*before.q(step.x), step.noise["eps"])  # from before the encoder moved
    assert_equal(second, gradients(second.before, after.dec(code), ("dec",)))


@pytest.mark.parametrize(("shape", "preset"), SHAPES)
def test_early_steps_are_those_of_a_vae(shape, preset):
    step = run_step("soft-intro-vae", shape, preset, early=True, **WEIGHTS)
    first, second = step.seen
    assert first.before is second.before  # all gradients, then all steps
    loss = Oracle(first.before, step).vae()
    assert_equal(first, gradients(first.before, loss, ("trunk", "enc")))
    assert_equal(second, gradients(first.before, loss, ("dec",)))


def test_the_decoder_learns_through_the_encoder():
    """Without β_rec its whole gradient comes through q(z|·) of its fakes."""
    step = run_step("soft-intro-vae", beta_rec=0.0)
    found = step.seen[1].gradients
    assert all(gradient.abs().max() > 0 for gradient in found.values())


def test_the_encoder_lowers_the_bound_of_fakes_and_the_decoder_raises_it():
    step = run_step("soft-intro-vae", DataShape(0, 2), beta_rec=0.0, beta_kl=0.0, beta_neg=2.0)
    start = step.seen[0].before

    def divergence_of_fakes(net):
        return kl(*Oracle(net, step).q(net.dec(step.noise["z"]))).mean().item()

    for group, beta_kl, sign in (("enc", 0.0, 1), ("dec", 1.0, -1)):
        net = clone(start)
        net.config.beta_kl = beta_kl
        found = still_gradients(net, step)[group]
        moved = clone(net)
        with torch.no_grad():
            for name, p in moved.named_parameters():
                if name in found:
                    p.sub_(1e-4 * found[name])
        assert sign * (divergence_of_fakes(moved) - divergence_of_fakes(start)) > 0


def test_fakes_are_data_of_the_encoder_s_loss():
    """Its exponentials know x̃ and x' as inputs only: no gradient reaches a decoder by them."""
    step = run_step("soft-intro-vae", DataShape(0, 2), beta_rec=0.0, beta_neg=1.0)
    seen_losses = {}
    net = clone(step.seen[0].before)
    net.step(
        step.x,
        step.y,
        lambda group, loss, retain=False: seen_losses.update({group: loss}),
        **step.noise,
    )
    grads = torch.autograd.grad(
        seen_losses["enc"], list(net.dec.parameters()), allow_unused=True, retain_graph=True
    )
    assert all(g is None or not g.any() for g in grads)


def test_every_term_is_scaled_by_the_coordinates():
    """Of 3·16·16 coordinates; without s the exponential of the fakes vanishes."""
    step = run_step("soft-intro-vae", DataShape(16, 3))
    assert step.method.scale == 1 / 768
    logged = step.method.logged
    assert 0 < logged["exp_elbo_gen"] < 1
    assert 0 < logged["exp_elbo_rec"] < 1


def test_no_gamma_r_is_the_same_as_a_vanishing_one():
    one, other = (run_step("soft-intro-vae", gamma_r=g).seen[1] for g in (0.0, 1e-300))
    for name, gradient in one.gradients.items():
        torch.testing.assert_close(gradient, other.gradients[name], rtol=1e-12, atol=1e-15)

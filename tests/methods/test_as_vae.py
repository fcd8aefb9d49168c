"""AS-VAE's updates against an oracle written from its bounds, in float64."""

import pytest
import torch
from torch.distributions import Normal
from torch.nn.functional import logsigmoid

from idvae.networks import DataShape
from methods.oracle import SHAPES, assert_equal, gradients
from methods.recorder import run_step
from methods.test_avb import posterior


class Oracle:
    def __init__(self, net, step):
        self.net, self.x, self.y = net, step.x, step.y
        self.z_p, self.z_apart = step.noise["z"], step.noise["z_apart"]
        self.z_q = posterior(net.code, net.trunk(step.x, step.y), step.noise["eps"])[0]
        self.x_p = net.dec(self.z_p, step.y)

    def vae(self):
        """E_q[f1 − log p(x|z)] + E_p[f2 − log q(z|x)]."""
        net, x, y, n = self.net, self.x, self.y, len(self.x)
        log_p = Normal(net.dec(self.z_q, y), 1.0).log_prob(x).sum() / n
        center = net.code.expected(net.trunk(self.x_p, y))
        log_q = Normal(center, 1.0).log_prob(self.z_p).sum() / n
        bounds = net.f1(x, self.z_q, y).sum() / n + net.f2(self.x_p, self.z_p, y).sum() / n
        return -log_p - net.config.lambda_ * log_q + net.config.beta * bounds

    def f1(self):
        """log q(x, z) − log p(x)p(z) at its best."""
        real = self.net.f1(self.x, self.z_q.detach(), self.y)
        fake = self.net.f1(self.x_p.detach(), self.z_apart, self.y)
        return -logsigmoid(real).mean() - logsigmoid(-fake).mean()

    def f2(self):
        """log p(x, z) − log q(x)q(z) at its best: the code is that of the image before."""
        real = self.net.f2(self.x_p.detach(), self.z_p, self.y)
        other = torch.stack([self.z_q[i - 1] for i in range(len(self.x))]).detach()
        fake = self.net.f2(self.x, other, self.y)
        return -logsigmoid(real).mean() - logsigmoid(-fake).mean()


@pytest.mark.parametrize(("shape", "preset"), SHAPES)
def test_gradients_equal_the_oracle(shape, preset):
    step = run_step("as-vae", shape, preset, beta=0.7, lambda_=0.3)
    assert [s.group for s in step.seen] == ["vae", "f1", "f2"]
    for seen in step.seen:
        loss = getattr(Oracle(seen.before, step), seen.group)()
        assert_equal(seen, gradients(seen.before, loss, step.method.groups[seen.group]))


def test_each_critic_rises_on_its_own_joint_and_falls_on_the_product():
    step = run_step("as-vae", DataShape(0, 2))
    seen = {s.group: s for s in step.seen}

    def gaps(net):
        o = Oracle(net, step)
        f1 = net.f1(o.x, o.z_q).mean() - net.f1(o.x_p, o.z_apart).mean()
        f2 = net.f2(o.x_p, o.z_p).mean() - net.f2(o.x, o.z_q.roll(1, 0)).mean()
        return {"f1": f1.item(), "f2": f2.item()}

    for group in ("f1", "f2"):
        assert gaps(seen[group].after)[group] > gaps(seen[group].before)[group]


def test_codes_of_the_product_are_drawn_apart():
    noise = run_step("as-vae", DataShape(0, 2)).noise
    assert not torch.equal(noise["z"], noise["z_apart"])

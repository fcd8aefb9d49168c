"""α-GAN's updates against an oracle written from Algorithm 1, in float64."""

import pytest
import torch
from torch.nn.functional import logsigmoid

from idvae.networks import DataShape
from methods.oracle import SHAPES, assert_equal, gradients, still_gradients
from methods.recorder import clone, run_step


class Oracle:
    """The four losses, for one state of the parameters."""

    def __init__(self, net, step):
        self.net, self.x, self.y, self.z = net, step.x, step.y, step.noise["z"]
        self.code = net.code(net.trunk(self.x, self.y))

    def dis(self, x):
        return self.net.dis(self.net.dis_trunk(x, self.y))

    def pixels(self, x_rec, weight=None):
        weight = self.net.config.lambda_ if weight is None else weight
        return weight * (self.x - x_rec).abs().sum() / self.x.numel()

    def loss(self, group):
        net, y = self.net, self.y
        if group == "enc":
            ratio = r(net.critic(self.code))
            return self.pixels(net.dec(self.code, y)) + ratio
        x_rec, x_gen = net.dec(self.code.detach(), y), net.dec(self.z, y)
        if group == "dec":
            own = self.net.config.lambda_dec
            return self.pixels(x_rec, own) + r(self.dis(x_rec)) + r(self.dis(x_gen))
        if group == "dis":
            wrong = log_not(self.dis(x_rec.detach())) + log_not(self.dis(x_gen.detach()))
            return -log(self.dis(self.x)) - wrong
        return -log(net.critic(self.z)) - log_not(net.critic(self.code.detach()))


def log(logit):
    """log D. The wide critic's logits here are so large that D itself would round to 0 or 1."""
    return logsigmoid(logit).mean()


def log_not(logit):
    return log(-logit)


def r(logit):
    return -log(logit) + log_not(logit)


@pytest.mark.parametrize("lambda_dec", [None, 7.0])
@pytest.mark.parametrize(("shape", "preset"), SHAPES)
def test_gradients_equal_the_oracle(shape, preset, lambda_dec):
    step = run_step("alpha-gan", shape, preset, lambda_=3.0, lambda_dec=lambda_dec)
    assert [s.group for s in step.seen] == ["enc", "enc", "dec", "dec", "dis", "critic"]
    for seen in step.seen:
        loss = Oracle(seen.before, step).loss(seen.group)
        assert_equal(seen, gradients(seen.before, loss, step.method.groups[seen.group]))


def test_prior_codes_are_the_real_ones():
    """The first version of the paper swaps them: then the critic would learn the reverse."""
    step = run_step("alpha-gan", DataShape(0, 2))
    seen = step.seen[-1]
    z = step.noise["z"]
    code = seen.before.encode(step.x, step.y)

    def gap(net):
        return (net.critic(z).mean() - net.critic(code).mean()).item()

    moved = clone(seen.before)
    with torch.no_grad():
        for name, p in moved.critic.named_parameters():
            p.sub_(1e-2 * seen.gradients["critic." + name])
    assert gap(moved) > gap(seen.before)


def test_the_image_critic_never_reaches_the_encoder_nor_the_code_critic_the_decoder():
    step = run_step("alpha-gan")
    plain = still_gradients(clone(step.method), step)
    changed = {}
    for head in ("dis", "critic"):
        method = clone(step.method)
        with torch.no_grad():
            for p in getattr(method, head).parameters():
                p.mul_(-2.0)
        changed[head] = still_gradients(method, step)
    assert all(torch.equal(plain["enc"][n], changed["dis"]["enc"][n]) for n in plain["enc"])
    assert all(torch.equal(plain["dec"][n], changed["critic"]["dec"][n]) for n in plain["dec"])
    for head, group in (("dis", "dec"), ("critic", "enc")):  # the change is one that shows
        assert not any(torch.equal(plain[group][n], changed[head][group][n]) for n in plain[group])


def test_a_critic_that_is_sure_still_teaches():
    """R is −logit: no gradient is lost where log(1 − D) alone is flat or log D infinite."""
    step = run_step("alpha-gan", DataShape(0, 2), lambda_=0.0)
    plain = still_gradients(clone(step.method), step)
    for bias in (-1e4, 1e4):
        method = clone(step.method)
        with torch.no_grad():
            method.dis.logit.bias.fill_(bias)
        found = still_gradients(method, step)
        for name, gradient in plain["dec"].items():
            torch.testing.assert_close(found["dec"][name], gradient)


def test_encoding_is_deterministic():
    step = run_step("alpha-gan", DataShape(0, 2))
    assert set(step.noise) == {"z"}

"""ALICE's updates against an oracle written from its losses, in float64."""

import pytest
import torch
from torch.nn.functional import logsigmoid

from idvae.networks import DataShape
from methods.oracle import SHAPES, assert_equal, gradients, still_gradients
from methods.recorder import clone, run_step


class Oracle:
    """Both losses, for one state of the parameters."""

    def __init__(self, net, step):
        self.net, self.x, self.y, self.z = net, step.x, step.y, step.noise["z"]
        self.code = self.encode(self.x)
        self.x_gen = net.dec(self.z, self.y)

    def encode(self, x):
        a = self.net.code(self.net.trunk(x, self.y))
        return (torch.exp(a) - torch.exp(-a)) / (torch.exp(a) + torch.exp(-a))

    def same_x(self, other):
        return self.net.twins.head(self.net.twins.trunk(torch.cat([self.x, other], 1), self.y))

    def same_z(self, other):
        return self.net.code_twins.layers(torch.cat([self.z, other], 1))[:, 0]

    def gen(self):
        net, y, c = self.net, self.y, self.net.config
        of_enc, of_dec = net.pair(self.x, self.code, y), net.pair(self.x_gen, self.z, y)
        x_rec, z_rec = net.dec(self.code, y), self.encode(self.x_gen)
        loss = -log(-of_enc) - log(of_dec)
        if c.cycle == "critics":
            return loss - c.lambda_ * (log(self.same_x(x_rec)) + log(self.same_z(z_rec)))
        pixels = (self.x - x_rec).abs().sum() / self.x.numel()
        return loss + c.lambda_ * (pixels + (self.z - z_rec).abs().sum() / self.z.numel())

    def dis(self):
        net, y, c = self.net, self.y, self.net.config
        code, x_gen = self.code.detach(), self.x_gen.detach()
        loss = -log(net.pair(self.x, code, y)) - log(-net.pair(x_gen, self.z, y))
        if c.cycle == "critics":
            x_rec, z_rec = net.dec(code, y).detach(), self.encode(x_gen).detach()
            loss = loss - log(self.same_x(self.x)) - log(-self.same_x(x_rec))
            loss = loss - log(self.same_z(self.z)) - log(-self.same_z(z_rec))
        return loss


def log(logit):
    """log D; log(1 − D) is that of −logit. D itself would round to 0 or 1 for wide critics."""
    return logsigmoid(logit).mean()


@pytest.mark.parametrize(("d_steps", "g_steps"), [(1, 1), (2, 1), (1, 3)])
@pytest.mark.parametrize("cycle", ["l1", "critics"])
@pytest.mark.parametrize(("shape", "preset"), SHAPES)
def test_gradients_equal_the_oracle(shape, preset, cycle, d_steps, g_steps):
    options = {"cycle": cycle, "lambda_": 0.7, "d_steps": d_steps, "g_steps": g_steps}
    step = run_step("alice", shape, preset, **options)
    assert [s.group for s in step.seen] == ["dis"] * d_steps + ["gen"] * g_steps
    for seen in step.seen:
        oracle = Oracle(seen.before, step)
        loss = oracle.dis() if seen.group == "dis" else oracle.gen()
        assert_equal(seen, gradients(seen.before, loss, step.method.groups[seen.group]))


@pytest.mark.parametrize("cycle", ["l1", "critics"])
def test_a_step_of_encoder_and_decoder_brings_both_cycles_home(cycle):
    """Where D of pairs is silent: x̃ nearer to x and z̃ to z', by L1 or in the critics' eyes."""
    step = run_step("alice", DataShape(0, 2), cycle=cycle, lambda_=1.0)
    start = step.seen[0].before
    with torch.no_grad():
        start.pair.joint[-1].weight.zero_()
    found = still_gradients(start, step)["gen"]
    moved = clone(start)
    with torch.no_grad():
        for name, p in moved.named_parameters():
            if name in found:
                p.sub_(1e-4 * found[name])

    def away(net):
        oracle = Oracle(net, step)
        x_rec, z_rec = net.dec(oracle.code), oracle.encode(oracle.x_gen)
        if cycle == "l1":
            return (step.x - x_rec).abs().mean() + (step.noise["z"] - z_rec).abs().mean()
        return -log(oracle.same_x(x_rec)) - log(oracle.same_z(z_rec))

    assert away(moved) < away(start)


def test_the_critics_of_cycles_learn_to_tell_the_same_from_what_came_back():
    step = run_step("alice", DataShape(0, 2), cycle="critics")
    start = step.seen[0].before
    found = still_gradients(clone(start), step)["dis"]
    moved = clone(start)
    with torch.no_grad():
        for name, p in moved.named_parameters():
            if name in found:
                p.sub_(1e-4 * found[name])

    def gaps(net):
        oracle = Oracle(net, step)
        x_rec, z_rec = net.dec(oracle.code), oracle.encode(oracle.x_gen)
        of_x = oracle.same_x(step.x).mean() - oracle.same_x(x_rec).mean()
        return of_x, oracle.same_z(step.noise["z"]).mean() - oracle.same_z(z_rec).mean()

    assert all(new > old for new, old in zip(gaps(moved), gaps(start), strict=True))


def test_without_its_weight_it_is_bigan():
    one, other = run_step("alice", lambda_=0.0), run_step("bigan")
    twin = clone(other.method)
    twin.load_state_dict(one.seen[0].before.state_dict())
    theirs = still_gradients(twin, one)
    seen = one.seen[0]
    for name, gradient in seen.gradients.items():
        torch.testing.assert_close(gradient, theirs["dis"][name], rtol=1e-9, atol=1e-12)
    ours = still_gradients(clone(seen.before), one)
    for name, gradient in ours["gen"].items():
        torch.testing.assert_close(gradient, theirs["gen"][name], rtol=1e-9, atol=1e-12)


def test_every_update_of_a_step_has_the_same_codes_of_the_prior():
    assert set(run_step("alice", d_steps=2, g_steps=2).noise) == {"z"}

"""IDVAE's updates against an oracle written from equations 8 to 13 and Algorithm 1, in float64.

The oracle knows probabilities, not logits, computes every forward pass afresh, and detaches by
hand what the paper treats as data.
"""

import pytest
import torch

from idvae.errors import UserError
from idvae.networks import DataShape
from methods.recorder import run_step

WEIGHTS = {"alpha": 1.3, "beta": 0.7, "omega": 0.9, "lambda_": 4.0}
CASES = [
    ("idvae", {}),
    ("idvae", {"gamma": 0.3}),
    ("idvae-r", {}),
]
SHAPES = [
    (DataShape(16, 1), "small"),
    (DataShape(16, 3), "paper"),
    (DataShape(16, 1, condition=3), "small"),
    (DataShape(0, 2), "mlp"),
    (DataShape(0, 2, condition=2), "mlp"),
]


class Oracle:
    """The equations, for one state of the parameters."""

    def __init__(self, state, step):
        self.net, self.x, self.y = state, step.x, step.y
        self.eps, self.z_prior = step.noise["eps"], step.noise["z"]
        self.c = state.config

    def dis(self, x):
        return 1 / (1 + torch.exp(-self.net.dis(self.net.shared(x, self.y))))

    def code(self):
        mu, logvar = self.net.enc(self.net.shared(self.x, self.y))
        return mu, logvar, mu + torch.exp(logvar) ** 0.5 * self.eps

    def l_dis(self, x_rec, x_gen):  # equation 9
        real, gen, rec = self.dis(self.x), self.dis(x_gen.detach()), self.dis(x_rec.detach())
        loss = -(torch.log(real).mean() + torch.log(1 - gen).mean() + torch.log(1 - rec).mean())
        if self.c.mismatch:  # each image with the condition of the one before it
            n = len(self.x)
            others = torch.stack([self.y[i - 1] for i in range(n)])
            fake = 1 / (1 + torch.exp(-self.net.dis(self.net.shared(self.x, others))))
            wrong = [i for i in range(n) if not torch.equal(others[i], self.y[i])]
            loss = loss - self.c.mismatch * sum(torch.log(1 - fake[i]) for i in wrong) / len(wrong)
        return loss

    def l_enc(self):  # equations 4, 5, 8
        mu, logvar, code = self.code()
        x_rec = self.net.dec(code, self.y)
        n = len(self.x)
        recons = ((self.x - x_rec) ** 2).sum() / (2 * n)
        kl = (mu**2 + torch.exp(logvar) - logvar - 1).sum() / (2 * n)
        return self.c.alpha * recons + self.c.beta * kl

    def l_dec(self, code):  # equations 10 to 13, and section 5.1's gamma
        x_rec, x_gen = self.net.dec(code.detach(), self.y), self.net.dec(self.z_prior, self.y)
        target = self.net.shared(self.x, self.y).detach()
        features = self.net.shared(x_rec, self.y)
        similarity = ((target - features) ** 2).sum() / (2 * target.numel())
        gan = -torch.log(self.dis(x_gen)).mean() - torch.log(self.dis(x_rec)).mean()
        pixels = ((self.x - x_rec) ** 2).sum() / (2 * len(self.x))
        return self.c.omega * gan + self.c.lambda_ * similarity + self.c.gamma * pixels

    def gradients(self, loss, networks):
        names, parameters = zip(
            *((n, p) for n, p in self.net.named_parameters() if n.split(".")[0] in networks),
            strict=True,
        )
        return dict(zip(names, torch.autograd.grad(loss, parameters), strict=True))


def expected_gradients(step, schedule):
    """Group → gradients, each at the state of the parameters in which the algorithm takes it."""
    at = {s.group: Oracle(s.before, step) for s in step.seen}
    first = next(iter(at.values()))
    x_gen = first.net.dec(first.z_prior, step.y)
    if schedule == "dis-first":
        x_rec = at["dis"].net.dec(at["dis"].code()[2], step.y)  # lines 4-5
        code = at["enc"].code()[2]  # after line 9
    else:
        code = first.code()[2]  # before any update
        x_rec = first.net.dec(code, step.y)
    if schedule == "joint":
        joint = at["joint"].l_dis(x_rec, x_gen) + at["joint"].l_enc()
        moved = {"joint": (joint, ("shared", "dis", "enc"))}
    else:
        moved = {
            "dis": (at["dis"].l_dis(x_rec, x_gen), ("shared", "dis")),
            "enc": (at["enc"].l_enc(), ("shared", "enc")),
        }
    moved["dec"] = (at["dec"].l_dec(code), ("dec",))
    return {g: at[g].gradients(loss, networks) for g, (loss, networks) in moved.items()}


@pytest.mark.parametrize("schedule", ["dis-first", "enc-first", "joint"])
@pytest.mark.parametrize(("name", "options"), CASES)
@pytest.mark.parametrize(("shape", "preset"), SHAPES)
def test_gradients_equal_the_oracle(name, options, shape, preset, schedule):
    step = run_step(name, shape, preset, schedule=schedule, **WEIGHTS, **options)
    expected = expected_gradients(step, schedule)
    assert [s.group for s in step.seen] == list(step.method.groups)
    for seen in step.seen:
        assert set(seen.gradients) == set(expected[seen.group])
        for name_, gradient in seen.gradients.items():
            torch.testing.assert_close(
                gradient, expected[seen.group][name_], rtol=1e-9, atol=1e-9, msg=name_
            )


@pytest.mark.parametrize("schedule", ["dis-first", "enc-first", "joint"])
@pytest.mark.parametrize(("shape", "preset"), [s for s in SHAPES if s[0].condition])
def test_gradients_with_mismatched_pairs_equal_the_oracle(shape, preset, schedule):
    """Batches of 7: with three classes, the first and the last image share theirs."""
    step = run_step("idvae", shape, preset, batch=7, schedule=schedule, mismatch=0.5, **WEIGHTS)
    expected = expected_gradients(step, schedule)
    for seen in step.seen:
        for name, gradient in seen.gradients.items():
            torch.testing.assert_close(gradient, expected[seen.group][name], rtol=1e-9, atol=1e-9)


def test_mismatched_pairs_need_a_condition():
    with pytest.raises(UserError, match="--mismatch needs a --condition"):
        run_step("idvae", mismatch=0.5)


ORDERS = {
    "dis-first": [("dis", ("shared", "dis")), ("enc", ("shared", "enc")), ("dec", ("dec",))],
    "enc-first": [("enc", ("shared", "enc")), ("dis", ("shared", "dis")), ("dec", ("dec",))],
    "joint": [("joint", ("shared", "dis", "enc")), ("dec", ("dec",))],
}


@pytest.mark.parametrize("schedule", ORDERS)
def test_schedules_are_those_of_section_3_4(schedule):
    step = run_step("idvae", schedule=schedule)
    assert list(step.method.groups.items()) == ORDERS[schedule]


def test_idvae_r_is_idvae_with_gamma():
    same = {"gamma": 0.02}
    one, other = run_step("idvae", **same), run_step("idvae-r", **same)
    for p, q in zip(one.method.parameters(), other.method.parameters(), strict=True):
        assert torch.equal(p, q)
    assert run_step("idvae-r").method.config.gamma > 0

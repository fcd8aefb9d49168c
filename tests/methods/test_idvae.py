"""IDVAE's updates against an oracle written from equations 8 to 13 and Algorithm 1, in float64.

The oracle knows probabilities, not logits, computes every forward pass afresh, and detaches by
hand what the paper treats as data.
"""

import pytest
import torch
from torch import nn

from idvae import methods
from idvae.errors import UserError
from idvae.networks import DataShape, NetworkConfig, Networks, spectral
from idvae.training import flops
from methods import test_contract, test_running_statistics
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

    def through(self, parts, x, y):
        """The parts of a trunk one after another; one that has no layers is no network."""
        there = dict(self.net.named_children())
        for part in parts:
            x = there[part](x, y) if part in there else x
        return x

    def features(self, x, y=None):
        return self.through(("shared", "dis_trunk"), x, self.y if y is None else y)

    def dis(self, x, y=None):
        return 1 / (1 + torch.exp(-self.net.dis(self.features(x, y))))

    def code(self):
        mu, logvar = self.net.enc(self.through(("shared", "enc_trunk"), self.x, self.y))
        return mu, logvar, mu + torch.exp(logvar) ** 0.5 * self.eps

    def l_dis(self, x_rec, x_gen):  # equation 9
        real, gen, rec = self.dis(self.x), self.dis(x_gen.detach()), self.dis(x_rec.detach())
        loss = -(torch.log(real).mean() + torch.log(1 - gen).mean() + torch.log(1 - rec).mean())
        if self.c.mismatch:  # each image with the condition of the one before it
            n = len(self.x)
            others = torch.stack([self.y[i - 1] for i in range(n)])
            fake = self.dis(self.x, others)
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
        target, features = self.features(self.x).detach(), self.features(x_rec)
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
    judge, encode = ("shared", "dis_trunk", "dis"), ("shared", "enc_trunk", "enc")
    if schedule == "joint":
        joint = at["joint"].l_dis(x_rec, x_gen) + at["joint"].l_enc()
        moved = {"joint": (joint, (*judge, *encode))}
    else:
        moved = {
            "dis": (at["dis"].l_dis(x_rec, x_gen), judge),
            "enc": (at["enc"].l_enc(), encode),
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


# Blocks: small and residual have 2 at 16 px and 3 at 32 px, paper 4, mlp 2.
SHARES = [
    (DataShape(16, 1), "small", "none"),
    (DataShape(16, 1), "small", "1"),
    (DataShape(16, 1, condition=3), "small", "none"),
    (DataShape(16, 1, condition=3), "small", "1"),  # y joins what is each network's own
    (DataShape(16, 3, condition=3), "paper", "2"),  # y joins what is shared
    (DataShape(16, 1, condition=3), "residual", "1"),
    (DataShape(0, 2, condition=2), "mlp", "1"),
    (DataShape(0, 2), "mlp", "none"),
]


@pytest.mark.parametrize("schedule", ORDERS)
@pytest.mark.parametrize(("shape", "preset", "share"), SHARES)
def test_gradients_of_trunks_shared_in_part_equal_the_oracle(shape, preset, share, schedule):
    mismatch = 0.5 if shape.condition else 0.0
    options = WEIGHTS | {"share": share, "gamma": 0.3, "mismatch": mismatch}
    step = run_step("idvae", shape, preset, batch=7, schedule=schedule, **options)
    expected = expected_gradients(step, schedule)
    for seen in step.seen:
        assert set(seen.gradients) == set(expected[seen.group])
        for name, gradient in seen.gradients.items():
            torch.testing.assert_close(
                gradient, expected[seen.group][name], rtol=1e-9, atol=1e-9, msg=name
            )
    code = Oracle(step.method, step).code()[0]
    torch.testing.assert_close(step.method.encode(step.x, step.y), code)


@pytest.mark.parametrize("schedule", ORDERS)
@pytest.mark.parametrize("share", ["none", "1"])
def test_the_contract_holds_whatever_is_shared(share, schedule):
    options = {"share": share, "schedule": schedule, "mismatch": 0.5, "augment": "cutout"}
    shape = DataShape(16, 1, condition=3)
    test_contract.test_each_update_moves_exactly_its_group("idvae", options, shape)
    options.pop("mismatch")
    test_contract.test_every_network_belongs_to_a_group_and_every_group_has_an_equation(
        "idvae", options
    )
    test_contract.test_nothing_moves_between_updates("idvae", options)
    options.pop("augment")
    test_running_statistics.test_they_are_of_real_images_and_of_each_kind_of_codes(
        "idvae", options, shape, "small"
    )


def built(share, shape=None, auxiliary=0.0, **options):
    torch.manual_seed(2)
    nets = Networks(shape or DataShape(32, 1), NetworkConfig(width=4, z_dim=5, **options))
    return methods.get("idvae")(nets, methods.get("idvae").Config(share=share, auxiliary=auxiliary))


def weights(network):
    return sum(p.numel() for p in network.parameters())


def test_what_is_not_shared_is_there_twice_and_belongs_to_its_own_update():
    whole, none, two = built("trunk"), built("none"), built("2")
    assert none.groups == {
        "dis": ("dis_trunk", "dis"),
        "enc": ("enc_trunk", "enc"),
        "dec": ("dec",),
    }
    assert two.groups["enc"] == ("shared", "enc_trunk", "enc")
    assert two.groups["dis"] == ("shared", "dis_trunk", "dis")
    assert weights(none) == weights(whole) + weights(whole.shared)
    last = whole.shared.blocks[2]
    assert weights(two) == weights(whole) + weights(last)
    assert weights(two.shared) == weights(whole.shared) - weights(last)
    shapes = [[p.shape for p in net.parameters()] for net in (none.enc_trunk, none.dis_trunk)]
    assert shapes[0] == shapes[1]
    for part in (two.enc_trunk, none.enc_trunk):  # weights of its own
        assert not {id(p) for p in part.parameters()} & {
            id(p) for other in (two.dis_trunk, none.dis_trunk) for p in other.parameters()
        }


@pytest.mark.parametrize("share", ["none", "1", "3"])
def test_all_but_the_encoders_own_trunk_begins_as_where_the_trunk_is_shared(share):
    shape = DataShape(32, 1, condition=3)
    whole, part = (built(s, shape, auxiliary=1.0) for s in ("trunk", share))
    begins = [
        [p for net in nets if isinstance(net, nn.Module) for p in net.parameters()]
        for nets in (
            (method.shared, method.dis_trunk, method.enc, method.dis, method.dec, method.classify)
            for method in (whole, part)
        )
    ]
    for p, q in zip(*begins, strict=True):
        assert torch.equal(p, q)


def test_to_share_all_blocks_is_to_share_the_trunk():
    one, other = (run_step("idvae", DataShape(16, 1), share=share) for share in ("trunk", "2"))
    for (name, p), (same, q) in zip(
        one.method.state_dict().items(), other.method.state_dict().items(), strict=True
    ):
        assert name == same
        assert torch.equal(p, q)


def test_what_sharing_saves_in_multiply_adds():
    """The encoder's own layers: forward, and backward to their weights and to what is below.

    Where nothing moves between both losses (joint), a shared layer does all of it once for both;
    else it is only its forward pass over x that serves lines 4 and 9 of Algorithm 1 both.
    """
    shape = DataShape(0, 2)

    def macs(share, schedule):
        config = methods.get("idvae").Config(share=share, schedule=schedule)
        return flops.step_macs(methods.get("idvae")(Networks(shape), config))

    trunk = Networks(shape).trunk()
    first, second = trunk.first.weight.numel(), trunk.second.weight.numel()
    assert macs("1", "joint") - macs("trunk", "joint") == 3 * second
    # Points need no gradient: two for the first layer.
    assert macs("none", "joint") - macs("trunk", "joint") == 3 * second + 2 * first
    assert macs("1", "dis-first") - macs("trunk", "dis-first") == second
    assert macs("none", "dis-first") - macs("trunk", "dis-first") == first + second


@pytest.mark.parametrize("share", ["none", "2"])
def test_spectral_normalisation_is_of_what_judges_alone(share):
    method = built(share, spectral=True)
    judges = {name.split(".")[0] for name, _ in method.named_parameters() if "original" in name}
    assert judges == ({"dis_trunk", "dis"} if share == "none" else {"shared", "dis_trunk", "dis"})
    assert not spectral.normalised(method.enc_trunk)


@pytest.mark.parametrize("share", ["half", "0", "4", "-1", "1.0"])
def test_what_cannot_be_shared_is_a_users_mistake(share):
    with pytest.raises(UserError, match=rf"--share {share}: it is trunk, none or, .* from 1 to 3"):
        built(share)

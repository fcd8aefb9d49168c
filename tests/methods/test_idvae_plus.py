"""IDVAE's modern parts, alone and together, against an oracle in float64 from their equations.

The oracle knows probabilities, takes the whole Jacobian of the logits, alters each image by itself,
and reads θ_dis's weights.
"""

import copy

import pytest
import torch
from torch.autograd.functional import jacobian

from idvae import methods
from idvae.errors import UserError
from idvae.networks import DataShape, NetworkConfig, Networks
from methods import test_contract, test_running_statistics
from methods.oracle import assert_equal, gradients, kl, normal_code, sigmoid
from methods.recorder import run_step
from networks.diffaugment import altered

WEIGHTS = {"alpha": 1.3, "beta": 0.7, "omega": 0.9, "lambda_": 4.0}
ALL = {
    "r1": 0.8, "r2": 0.6, "relativistic": True, "rec_fakes": 0.4, "deviation": True,
    "augment": "colour,translation,cutout", "dec_steps": 3, "gamma": 0.3,
    "absolute": 0.2,
}  # fmt: skip
THIN = ALL | {"rec_fakes": 0.0, "rec_thin": 2, "r1_thin": 3}
ANYWHERE = {
    "r1": {"r1": 0.8},
    "r2": {"r2": 0.6},
    "r1-r2-some-rec-fakes": {"r1": 0.8, "r2": 0.6, "rec_fakes": 0.4},
    "relativistic": {"relativistic": True},
    "relativistic-some-rec-fakes": {"relativistic": True, "rec_fakes": 0.4},
    "relativistic-r1-r2-no-rec-fakes": {
        "relativistic": True, "r1": 0.8, "r2": 0.6, "rec_fakes": 0.0,
    },
    "no-rec-fakes": {"rec_fakes": 0.0},
    "some-rec-fakes": {"rec_fakes": 0.4},
    "deviation": {"deviation": True},
    "deviation-r1-r2": {"deviation": True, "r1": 0.8, "r2": 0.6},
    "dec-steps": {"dec_steps": 3},
    "absolute": {"absolute": 0.2},
    "all-but-augment": ALL | {"augment": None},
    "r1-thin": {"r1": 0.8, "r1_thin": 3},
    "r1-thin-deviation-r2": {"r1": 0.8, "r1_thin": 2, "deviation": True, "r2": 0.6},
    "rec-thin": {"rec_thin": 2, "rec_fakes": 0.0, "gamma": 0.3, "absolute": 0.2},
    "all-thin-but-augment": THIN | {"augment": None},
}  # fmt: skip
ON_IMAGES = {
    "augment": {"augment": "colour,translation,cutout"},
    "augment-later": {"augment": "shift", "augment_from": 3, "r1": 0.8, "r1_thin": 2},
    "augment-no-rec-fakes": {"augment": "translation", "rec_fakes": 0.0},
    "augment-relativistic": {"augment": "cutout,colour", "relativistic": True},
    "augment-r1-r2": {"augment": "colour,translation", "r1": 0.8, "r2": 0.6},
    "all": ALL,
    "all-thin": THIN,
}
SMALL, POINTS = (DataShape(16, 1), "small"), (DataShape(0, 2), "mlp")
CONDITIONAL = (DataShape(16, 3, condition=3), "paper")
CASES = [
    pytest.param(*where, options, id=f"{name}-{where[1]}")
    for table, places in ((ANYWHERE, (SMALL, POINTS)), (ON_IMAGES, (SMALL,)))
    for name, options in table.items()
    for where in places
] + [
    pytest.param(*CONDITIONAL, options, id=f"{name}-paper-conditional")
    for name, options in (("all", ALL), ("all-thin", THIN))
]
SCHEDULES = ["dis-first", "enc-first", "joint"]


class Oracle:
    """The equations, for one state of the parameters."""

    def __init__(self, state, step):
        self.net, self.x, self.y, self.noise = state, step.x, step.y, step.noise
        self.c = state.config

    def seen(self, x, loss, role, y=None):
        """Dis_l of images as θ_dis is shown them."""
        if "views" in self.noise:
            x = altered(x, self.noise["views"][loss, role], self.c.augment)
        return self.net.shared(x, self.y if y is None else y)

    def amiss(self, x, loss, role):
        """−log of what θ_dis's second head, untold, gives the truth, mean over all entries."""
        layer, total = self.net.classify.code, 0.0
        if self.c.auxiliary_noise:
            x = x + self.c.auxiliary_noise * self.noise["grain"][loss]
        for i, h in enumerate(self.seen(x, loss, role, 0 * self.y)):
            says = sigmoid(layer.weight @ h + layer.bias)
            for k, has in enumerate(self.y[i]):
                total = total - torch.log(says[k] if has == 1 else 1 - says[k])
        return total / self.y.numel()

    def logit(self, x, loss, role, y=None):
        """D of images: role 0 is x, 1 x', 2 x̃; loss 0 is L_dis, then comes each L_dec."""
        h = self.seen(x, loss, role, y)
        layer = self.net.dis.logit
        weight, told = layer.weight[0, : h.shape[1]], 0.0
        if self.c.deviation:
            each = ((h - h.sum(0) / len(h)) ** 2).sum(0) / len(h) + 1e-8
            told = layer.weight[0, -1] * (each**0.5).sum() / h.shape[1]
        return h @ weight + told + layer.bias

    def penalty(self, x, role, thin=1):
        """E[‖∇D‖²]/2, the gradient of all logits together by each image, of one of `thin`."""
        rows = [i for i in range(len(x)) if i % thin == 0]
        few = copy.copy(self)
        few.y = None if self.y is None else self.y[rows]
        if "views" in self.noise:
            few.noise = self.noise | {"views": self.noise["views"][:, :, rows]}
        all_by_all = jacobian(lambda x: few.logit(x, 0, role), x[rows], create_graph=True)
        return (all_by_all.sum(0) ** 2).sum() / (2 * len(rows))

    def l_dis(self, x_rec, x_gen):
        c, fakes = self.c, ((1, x_gen.detach(), 1.0), (2, x_rec.detach(), self.c.rec_fakes))
        real = self.logit(self.x, 0, 0)
        loss = 0.0 if c.relativistic else -torch.log(sigmoid(real)).mean()
        for role, x, weight in fakes:
            loss = loss + weight * self.taken_for_fake(self.logit(x, 0, role), real).mean()
        if c.mismatch:  # each image with the condition of the one before it, or its own, one turned
            n = len(self.x)
            others = torch.stack([self.y[i - 1] for i in range(n)])
            for i in range(round(c.turned * n)):
                k, width = int(self.y[i].argmax()), self.y.shape[1]
                others[i] = 0
                others[i, (k + 1 + int(self.noise["turns"][i] * (width - 1))) % width] = 1
            each = self.taken_for_fake(self.logit(self.x, 0, 0, others), real)
            wrong = [i for i in range(n) if not torch.equal(others[i], self.y[i])]
            loss = loss + c.mismatch * sum(each[i] for i in wrong) / len(wrong)
        if c.auxiliary:
            loss = loss + c.auxiliary * self.amiss(self.x, 0, 0)
        loss = loss + c.r1 * self.penalty(self.x, 0, c.r1_thin)
        return loss + c.r2 * sum(weight * self.penalty(x, role) for role, x, weight in fakes)

    def taken_for_fake(self, fake, real):
        if self.c.relativistic:  # R3GAN [2]
            return torch.log(1 + torch.exp(-(real - fake)))
        return -torch.log(1 - sigmoid(fake))

    def code(self, eps):
        return normal_code(*self.net.enc(self.net.shared(self.x, self.y)), eps)

    def l_enc(self):
        mu, logvar = self.net.enc(self.net.shared(self.x, self.y))
        x, y, code = self.reconstructed(normal_code(mu, logvar, self.noise["eps"]))
        recons = ((x - self.net.dec(code, y)) ** 2).sum() / (2 * len(x))
        return self.c.alpha * recons + self.c.beta * kl(mu, logvar).mean()

    def reconstructed(self, code):
        """Every k-th image with its condition and its code."""
        rows = [i for i in range(len(code)) if i % self.c.rec_thin == 0]
        return self.x[rows], None if self.y is None else self.y[rows], code[rows]

    def l_dec(self, code, z, loss_at):
        c = self.c
        some, y, code = self.reconstructed(code)
        x_rec, x_gen = self.net.dec(code.detach(), y), self.net.dec(z, self.y)
        gan, real = 0.0, self.logit(self.x, loss_at, 0).detach()
        for role, x, weight in ((1, x_gen, 1.0), (2, x_rec, c.rec_fakes)):
            if not weight:
                continue
            fake = self.logit(x, loss_at, role)
            each = torch.log(1 + torch.exp(-(fake - real)))
            if not c.relativistic:
                each = -torch.log(sigmoid(fake))
            gan = gan + weight * each.mean()
        target = self.net.shared(some, y).detach()  # what encodes sees images unaltered
        similarity = ((target - self.net.shared(x_rec, y)) ** 2).sum() / (2 * target.numel())
        pixels = ((some - x_rec) ** 2).sum() / (2 * len(some))
        apart = (some - x_rec).abs().sum() / some.numel()
        loss = c.omega * gan + c.lambda_ * similarity + c.gamma * pixels + c.absolute * apart
        return loss + (c.auxiliary * self.amiss(x_gen, loss_at, 1) if c.auxiliary else 0.0)


def edited(oracle, noise):
    """The codes z', of which a share are those of the images one place before."""
    count = round(oracle.c.edits * len(noise["z"]))
    codes = oracle.code(noise["eps"]).detach()
    return torch.stack([codes[i - 1] if i < count else z for i, z in enumerate(noise["z"])])


def expected_gradients(step, schedule):
    """Gradients of each update in turn, at the state of the parameters where it is made."""
    oracles, noise = [Oracle(seen.before, step) for seen in step.seen], step.noise
    at = {
        seen.group: oracle for seen, oracle in reversed(list(zip(step.seen, oracles, strict=True)))
    }
    first = oracles[0]
    z_first, code = edited(first, noise), first.code(noise["eps"])
    x_gen = first.net.dec(z_first, step.y)
    x_rec = first.net.dec(code, step.y)
    if schedule == "dis-first":
        code = at["enc"].code(noise["eps"])  # after line 9
    for i, (seen, oracle) in enumerate(zip(step.seen, oracles, strict=True)):
        if seen.group == "dec":
            again = i - len(step.method.groups)  # of the updates after the first
            if again >= 0:
                code = oracle.code(noise["eps_dec"][again])
                z = edited(oracle, {"eps": noise["eps_dec"][again], "z": noise["z_dec"][again]})
            else:
                z = z_first
            loss = oracle.l_dec(code, z, again + 2)
        elif seen.group == "joint":
            loss = oracle.l_dis(x_rec, x_gen) + oracle.l_enc()
        else:
            loss = oracle.l_dis(x_rec, x_gen) if seen.group == "dis" else oracle.l_enc()
        yield gradients(oracle.net, loss, step.method.groups[seen.group])


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("shape", "preset", "options"), CASES)
def test_gradients_equal_the_oracle(shape, preset, options, schedule):
    is_early = "augment_from" in options
    given = {"schedule": schedule, "early": is_early, **WEIGHTS, **options}
    step = run_step("idvae", shape, preset, **given)
    if is_early:  # they were drawn, and nobody looked
        del step.noise["views"]
    groups = list(step.method.groups)
    assert [s.group for s in step.seen] == groups + ["dec"] * (options.get("dec_steps", 1) - 1)
    for seen, expected in zip(step.seen, expected_gradients(step, schedule), strict=True):
        assert_equal(seen, expected)


def test_few_reconstructions_are_no_fakes():
    with pytest.raises(UserError, match="--rec-thin is for reconstructions that are not fakes"):
        run_step("idvae", rec_thin=2)


@pytest.mark.parametrize("options", [{"relativistic": True}, ALL, ALL | {"relativistic": False}])
def test_mismatched_pairs_are_one_more_kind_of_fakes(options):
    """Batches of 7: with three classes, the first and the last image share theirs."""
    options = WEIGHTS | options | {"mismatch": 0.5}
    step = run_step("idvae", *CONDITIONAL, batch=7, **options)
    for seen, expected in zip(step.seen, expected_gradients(step, "dis-first"), strict=True):
        assert_equal(seen, expected)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("share", [0.3, 1.0])
def test_edits_are_images_of_other_codes_under_the_condition_of_the_batch(schedule, share):
    options = WEIGHTS | {"edits": share, "r1": 0.8, "mismatch": 0.5, "dec_steps": 2}
    step = run_step("idvae", *CONDITIONAL, schedule=schedule, **options)
    for seen, expected in zip(step.seen, expected_gradients(step, schedule), strict=True):
        assert_equal(seen, expected)


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_wrong_conditions_can_be_another_class_than_the_own_one(share):
    options = WEIGHTS | {"turned": share, "r1": 0.8, "mismatch": 0.5}
    step = run_step("idvae", *CONDITIONAL, schedule="joint", batch=7, **options)
    assert len(step.noise["turns"].mul(2).long().unique()) > 1
    for seen, expected in zip(step.seen, expected_gradients(step, "joint"), strict=True):
        assert_equal(seen, expected)


def turning(width):
    """A method that turns all of what it is told, and what it is told."""
    nets = Networks(DataShape(16, 1, width), NetworkConfig(width=4))
    return methods.get("idvae")(nets, methods.get("idvae").Config(mismatch=1.0, turned=1.0))


@pytest.mark.parametrize("width", [1, 4])
def test_one_attribute_is_turned_whatever_the_others_of_a_batch_have(width):
    method, n = turning(width), 40
    method.turns = torch.arange(n)[:, None] / n
    for y in (-torch.ones(n, width), torch.ones(n, width)):
        wrong = method.wrong_condition(y)
        assert torch.equal(wrong.abs(), torch.ones(n, width))
        assert torch.equal((wrong != y).sum(1), torch.ones(n))
        assert torch.equal((wrong != y).sum(0), torch.full((width,), n // width))


def test_a_class_that_is_turned_is_each_other_one_as_often():
    method, n = turning(4), 30
    method.turns = torch.arange(n)[:, None] / n
    wrong = method.wrong_condition(torch.eye(4)[2].repeat(n, 1))
    assert torch.equal(wrong.sum(0), torch.tensor([10.0, 10.0, 0.0, 10.0]))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"edits": 0.5, "r1": 0.8},
        {"auxiliary_noise": 0.4},
        ALL | {"mismatch": 0.5, "auxiliary_noise": 0.4},
    ],
)
def test_the_auxiliary_classifier_finds_what_it_is_not_told(options, schedule):
    options = WEIGHTS | {"auxiliary": 0.7} | options
    step = run_step("idvae", *CONDITIONAL, schedule=schedule, batch=7, **options)
    for seen, expected in zip(step.seen, expected_gradients(step, schedule), strict=True):
        assert_equal(seen, expected)


def test_an_auxiliary_classifier_needs_a_condition():
    with pytest.raises(UserError, match="--auxiliary needs a --condition"):
        run_step("idvae", auxiliary=0.5)


def test_noise_before_the_auxiliary_classifier_needs_it():
    with pytest.raises(UserError, match="--auxiliary-noise is before the classifier"):
        run_step("idvae", *CONDITIONAL, auxiliary_noise=0.5)


def test_an_auxiliary_classifier_leaves_the_other_networks_as_they_begin():
    cls, begun = methods.get("idvae"), []
    for options in ({}, {"auxiliary": 1.0}):
        torch.manual_seed(0)
        method = cls(Networks(CONDITIONAL[0], NetworkConfig(width=4)), cls.Config(**options))
        begun.append(dict(method.named_parameters()))
    plain, more = begun
    assert set(more) - set(plain) == {"classify.code.weight", "classify.code.bias"}
    for name, p in plain.items():
        assert torch.equal(p, more[name])


def test_turned_conditions_are_of_mismatched_pairs():
    with pytest.raises(UserError, match="--turned is of the wrong conditions of --mismatch"):
        run_step("idvae", *CONDITIONAL, turned=0.5)


def test_edits_need_a_condition():
    with pytest.raises(UserError, match="--edits needs a --condition"):
        run_step("idvae", edits=0.5)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_idvae_plus_is_idvae_with_some_options_on(schedule):
    one = run_step("idvae-plus", schedule=schedule)
    on = {"alpha": 0.02, "beta": 0.005, "lambda_": 20.0, "gamma": 0.02, "deviation": True}
    other = run_step("idvae", schedule=schedule, r1=0.1, rec_fakes=0.0, **on)
    for p, q in zip(one.method.parameters(), other.method.parameters(), strict=True):
        assert torch.equal(p, q)
    for seen, expected in zip(one.seen, expected_gradients(one, schedule), strict=True):
        assert_equal(seen, expected)


def test_idvae_as_the_paper_has_it_has_none_of_the_parts():
    step = run_step("idvae")
    assert step.method.terms == {"rec_fakes"}
    assert set(step.noise) == {"eps", "z"}
    assert step.method.repeats == {}
    assert not step.method.augmentations
    assert step.method.dis.logit.in_features == step.method.enc.mu.in_features


def test_a_decoder_that_reconstructions_do_not_judge_still_reconstructs():
    """Without x̃ as fakes, x̃ is of no concern to L_dis, and to L_dec by L_recons^dis alone."""
    step = run_step("idvae", rec_fakes=0.0, omega=1e-12, lambda_=0.0)
    dec = next(s for s in step.seen if s.group == "dec")
    assert max(g.abs().max() for g in dec.gradients.values()) < 1e-9
    assert "dis_rec" not in step.method.logged
    step = run_step("idvae", rec_fakes=0.0, omega=0.0)
    dec = next(s for s in step.seen if s.group == "dec")
    assert min(g.abs().max() for g in dec.gradients.values()) > 1e-6


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_contract_holds_with_all_parts(schedule):
    options = ALL | {"schedule": schedule}
    test_contract.test_each_update_moves_exactly_its_group("idvae", options, SMALL[0])
    test_contract.test_nothing_moves_between_updates("idvae", options)
    test_contract.test_a_step_is_determined_by_its_arguments("idvae", options)
    test_running_statistics.test_they_are_of_real_images_and_of_each_kind_of_codes(
        "idvae", options, *SMALL
    )


class Backward:
    """An update that differentiates and moves nothing."""

    def __init__(self, method):
        self.method = method

    def __call__(self, group, loss, retain=False):
        loss.backward(inputs=self.method.group_parameters(group), retain_graph=retain)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_step_looks_at_no_weight_that_is_scheduled(schedule):
    """A scheduled weight is a tensor; one on "meta" has no number to look at."""
    cls = methods.get("idvae")
    config = cls.Config(**ALL, mismatch=0.5, auxiliary=0.5, auxiliary_noise=0.5, schedule=schedule)
    method = cls(Networks(DataShape(16, 3, 4), NetworkConfig(width=4, z_dim=5)), config)
    noise = method.draw_noise(8, torch.Generator())
    method.to("meta").train()
    weights = ("alpha", "beta", "omega", "lambda_", "gamma", "absolute", "mismatch", "auxiliary")
    for name in (*weights, "auxiliary_noise", "r1", "r2", "rec_fakes"):
        setattr(method.config, name, torch.tensor(0.5, device="meta"))
    x, y = torch.empty(8, 3, 16, 16, device="meta"), torch.empty(8, 4, device="meta")
    method.step(x, y, Backward(method), **{n: t.to("meta") for n, t in noise.items()})


def test_augmentation_is_for_images():
    with pytest.raises(UserError, match="--augment is for images"):
        run_step("idvae", *POINTS, augment="cutout")
    with pytest.raises(UserError, match="--augment: unknown 'color'"):
        run_step("idvae", augment="color")


@pytest.mark.parametrize("share", ["none", "1"])
def test_running_statistics_follow_images_as_they_are(share):
    """What is shown to θ_dis may be altered; what normalises it in eval mode is of real images."""
    altered, plain = (
        run_step("idvae", share=share, augment=policy).method
        for policy in ("colour,translation,cutout", None)
    )
    kept = [name for name, _ in plain.dis_trunk.named_buffers()]
    assert kept
    for name in kept:
        assert torch.equal(altered.dis_trunk.get_buffer(name), plain.dis_trunk.get_buffer(name))

"""R1, R2 and augmentation of the methods that have a discriminator of images of its own.

The oracle knows the losses by their logarithms, takes the whole Jacobian of the logits and alters
each image by itself, in float64. IDVAE's are in test_idvae_plus.py.
"""

import pytest
import torch
from torch.autograd.functional import jacobian
from torch.nn.functional import logsigmoid

from idvae import methods
from idvae.errors import UserError
from idvae.methods.adversarial import Adversarial, AdversarialConfig
from idvae.networks import DataShape, NetworkConfig, Networks
from methods import test_contract
from methods.oracle import assert_equal, gradients, kl, normal_code
from methods.recorder import run_step
from networks.diffaugment import altered

METHODS = ["gan", "vae-gan", "alpha-gan", "mr-gan", "r3gan"]
IMAGES, POINTS = (DataShape(16, 3), "small"), (DataShape(0, 2), "mlp")
CONDITIONAL = (DataShape(16, 1, condition=3), "paper")
PARTS = {
    "r1": {"r1": 0.8},
    "r2": {"r2": 0.6},
    "both": {"r1": 0.8, "r2": 0.6},
    "augment": {"augment": "colour,translation,cutout"},
    "all": {"r1": 0.8, "r2": 0.6, "augment": "colour,translation,cutout"},
    "later": {"r1": 0.8, "r2": 0.6, "augment": "cutout", "augment_from": 3},
}
CASES = [
    pytest.param(name, *where, PARTS[part], id=f"{name}-{part}-{where[1]}")
    for name in METHODS
    for where, parts in (
        (IMAGES, PARTS),
        (POINTS, ("r1", "r2", "both")),
        (CONDITIONAL, ("all",)),
    )
    for part in parts
]
OFF = {"r1": 0.0, "r2": 0.0, "augment": None, "augment_from": 0}


class Oracle:
    """The losses of one state of the parameters."""

    def __init__(self, net, step):
        self.net, self.x, self.y, self.noise = net, step.x, step.y, step.noise
        self.c, self.z = net.config, step.noise["z"]
        self.trunk = getattr(net, "dis_trunk", None) or net.trunk

    def logit(self, x, place, y=None):
        """D of the batch that is shown as number `place` of the step."""
        if "views" in self.noise:
            x = altered(x, self.noise["views"][place], self.c.augment)
        return self.net.dis(self.trunk(x, self.y if y is None else y))

    def penalties(self, *shown):
        """γ/2 E‖∇D‖² of pairs of images and their place, the first of them real."""
        total = 0.0
        for weight, (x, place) in zip((self.c.r1, self.c.r2, self.c.r2), shown, strict=False):
            x = x.detach()
            table = jacobian(lambda x, place=place: self.logit(x, place), x, create_graph=True)
            total = total + weight * (table.sum(0) ** 2).sum() / (2 * len(x))
        return total

    def told_apart(self, *shown):
        """−log Dis of the first, −log(1 − Dis) of the others."""
        real, *fakes = shown
        loss = -logsigmoid(self.logit(*real)).mean()
        return loss - sum(logsigmoid(-self.logit(x.detach(), place)).mean() for x, place in fakes)

    def held(self, *shown):
        return self.told_apart(*shown) + self.penalties(*shown)

    def generated(self):
        return self.net.dec(self.z, self.y)

    def reconstructed(self):
        return self.net.dec(self.net.encode(self.x, self.y), self.y)


def gan(oracles, step):
    for oracle, group in zip(oracles, ("dis", "dec"), strict=True):
        x_gen = oracle.generated()
        if group == "dis":
            yield oracle.held((oracle.x, 0), (x_gen, 1))
        else:
            yield -logsigmoid(oracle.logit(x_gen, 2)).mean()


def vae_gan(oracles, step):
    oracle = oracles[0]
    net, x, y, c = oracle.net, oracle.x, oracle.y, oracle.c
    mu, logvar = net.enc(net.trunk(x, y))
    x_gen, x_rec = oracle.generated(), net.dec(normal_code(mu, logvar, step.noise["eps"]), y)
    target = net.dis_trunk(x, y).detach()  # what is compared is not altered
    llike = ((target - net.dis_trunk(x_rec, y)) ** 2).sum() / (2 * len(x))
    yield c.beta * kl(mu, logvar).mean() + llike
    answers = oracle.logit(x_gen, 0), oracle.logit(x_rec, 2)
    gan = -sum(logsigmoid(answer).mean() for answer in answers)
    yield c.gamma * llike / target.shape[1] + gan
    yield oracle.held((x, 1), (x_gen, 0), (x_rec, 2))


def alpha_gan(oracles, step):
    places = iter(((0, 1), (2, 3)))
    for oracle, seen in zip(oracles, step.seen, strict=True):
        net, x, c = oracle.net, oracle.x, oracle.c
        code = net.encode(x, oracle.y)
        if seen.group == "enc":
            pixels = (x - net.dec(code, oracle.y)).abs().mean()
            yield c.lambda_ * pixels - net.critic(code).mean()
            continue
        x_rec, x_gen = net.dec(code.detach(), oracle.y), oracle.generated()
        if seen.group == "dec":
            of_rec, of_gen = next(places)
            ratios = oracle.logit(x_rec, of_rec).mean() + oracle.logit(x_gen, of_gen).mean()
            yield c.lambda_ * (x - x_rec).abs().mean() - ratios
        elif seen.group == "dis":
            yield oracle.held((x, 4), (x_gen, 5), (x_rec, 6))
        else:
            wrong = logsigmoid(-net.critic(code.detach())).mean()
            yield -logsigmoid(net.critic(oracle.z)).mean() - wrong


def mr_gan(oracles, step):
    first, oracle = oracles[:2]
    yield first.held((first.x, 0), (first.generated(), 1))
    x_rec = oracle.reconstructed()
    mode = -logsigmoid(oracle.logit(x_rec, 2)).mean()
    regularizer = oracle.c.lambda1 * ((oracle.x - x_rec) ** 2).mean() + oracle.c.lambda2 * mode
    yield regularizer - logsigmoid(oracle.logit(oracle.generated(), 3)).mean()
    yield regularizer


def r3gan(oracles, step):
    dis, dec = oracles
    x_gen = dis.generated().detach()
    ahead = dis.logit(dis.x, 0) - dis.logit(x_gen, 1)
    yield -logsigmoid(ahead).mean() + dis.penalties((dis.x, 0), (x_gen, 1))
    made = dec.net.dec(dec.noise["z_dec"], dec.y)
    yield -logsigmoid(dec.logit(made, 3) - dec.logit(dec.x, 2).detach()).mean()


EXPECTED = dict(zip(METHODS, (gan, vae_gan, alpha_gan, mr_gan, r3gan), strict=True))


@pytest.mark.parametrize(("name", "shape", "preset", "options"), CASES)
def test_gradients_equal_the_oracle(name, shape, preset, options):
    is_early = "augment_from" in options
    step = run_step(name, shape, preset, early=is_early, **(OFF | options))
    if is_early:  # they were drawn, and nobody looked
        del step.noise["views"]
    oracles = [Oracle(seen.before, step) for seen in step.seen]
    found = list(EXPECTED[name](oracles, step))
    for seen, oracle, loss in zip(step.seen, oracles, found, strict=True):
        net = oracles[0].net if name == "vae-gan" else oracle.net
        if name == "mr-gan" and seen.group != "dis":
            net = oracles[1].net  # both are of one forward pass
        assert_equal(seen, gradients(net, loss, step.method.groups[seen.group]))
    held = {key for key in ("r1", "r2") if options.get(key)}
    assert held == set(step.method.logged) & {"r1", "r2"}
    if "views" in step.noise:  # every one of the views has served, and differs from the others
        assert next(step.method.coming, None) is None
        assert len(step.noise["views"].unique(dim=0)) == len(step.noise["views"])


def test_wrong_conditions_are_seen_altered_too():
    step = run_step("gan", *CONDITIONAL, batch=7, mismatch_share=0.3, **PARTS["all"])
    first, second = (Oracle(seen.before, step) for seen in step.seen)
    x, y, x_gen = step.x, step.y, first.generated()
    other = y.roll(1, 0)
    wrong = [i for i in range(len(x)) if not torch.equal(y[i], other[i])]
    loss = -logsigmoid(first.logit(x, 0)).mean()
    loss = loss - 0.7 * logsigmoid(-first.logit(x_gen.detach(), 1)).mean()
    loss = loss - 0.3 * logsigmoid(-first.logit(x, 2, other))[wrong].mean()
    loss = loss + first.penalties((x, 0), (x_gen, 1))
    assert_equal(step.seen[0], gradients(first.net, loss, ("trunk", "dis")))
    loss = -logsigmoid(second.logit(second.generated(), 3)).mean()
    assert_equal(step.seen[1], gradients(second.net, loss, ("dec",)))


def test_these_methods_and_idvae_have_them_and_all_but_r3gan_s_are_off():
    found = [name for name in methods.names() if issubclass(methods.get(name), Adversarial)]
    assert set(found) == {*METHODS, "idvae", "idvae-r", "idvae-plus"}
    for name in METHODS:
        assert issubclass(methods.get(name).Config, AdversarialConfig)
        method = run_step(name, r1=0.0, r2=0.0).method
        assert not method.terms
        assert not method.augmentations
        config = methods.get(name).Config()
        assert (config.r1, config.r2, config.augment) == (
            (0.1, 0.1, None) if name == "r3gan" else (0.0, 0.0, None)
        )


@pytest.mark.parametrize("name", METHODS)
def test_what_is_off_costs_nothing(name, monkeypatch):
    """No view is drawn and no gradient by images is taken."""
    called = []
    real = torch.autograd.grad
    step = run_step(name, **OFF)
    assert "views" not in step.noise
    for off in (OFF, PARTS["r1"] | {"r2": 0.0}):
        monkeypatch.setattr(
            "idvae.losses.gradient_penalty",
            lambda logit, x: called.append(x) or real(logit.sum(), x, create_graph=True)[0].sum(),
        )
        run_step(name, **off)
    assert len(called) == 1


@pytest.mark.parametrize("name", METHODS)
def test_the_contract_holds_with_all_parts(name):
    options = PARTS["all"]
    test_contract.test_each_update_moves_exactly_its_group(name, options, IMAGES[0])
    test_contract.test_nothing_moves_between_updates(name, options)
    test_contract.test_a_step_is_determined_by_its_arguments(name, options)


class Backward:
    """An update that differentiates and moves nothing."""

    def __init__(self, method):
        self.method = method

    def __call__(self, group, loss, retain=False):
        loss.backward(inputs=self.method.group_parameters(group), retain_graph=retain)

    def together(self, losses):
        for group, loss in losses.items():
            self(group, loss, retain=True)


@pytest.mark.parametrize("name", METHODS)
def test_a_step_looks_at_no_weight_that_is_scheduled(name):
    """A scheduled weight is a tensor; one on "meta" has no number to look at."""
    cls = methods.get(name)
    method = cls(Networks(DataShape(16, 3), NetworkConfig(width=4)), cls.Config(**PARTS["all"]))
    noise = method.draw_noise(8, torch.Generator())
    method.to("meta").train()
    for weight in ("r1", "r2"):
        setattr(method.config, weight, torch.tensor(0.5, device="meta"))
    x = torch.empty(8, 3, 16, 16, device="meta")
    method.step(x, None, Backward(method), **{n: t.to("meta") for n, t in noise.items()})


@pytest.mark.parametrize("name", METHODS)
def test_augmentation_is_for_images(name):
    with pytest.raises(UserError, match="--augment is for images"):
        run_step(name, *POINTS, augment="cutout")
    with pytest.raises(UserError, match="--augment: unknown 'color'"):
        run_step(name, augment="color")
    with pytest.raises(UserError, match="--augment-from is the step at which --augment begins"):
        run_step(name, augment_from=3)

"""VAE-GAN's updates against an oracle of probabilities written from equations 4 to 10."""

from types import SimpleNamespace

import pytest
import torch

from idvae.errors import UserError
from idvae.networks import DataShape
from methods.oracle import (
    SHAPES,
    assert_equal,
    gradients,
    kl,
    normal_code,
    sigmoid,
    still_gradients,
)
from methods.recorder import clone, run_step


class Oracle:
    """The terms, at the state of the parameters before the step: Algorithm 1 has one forward."""

    def __init__(self, step):
        self.net = step.seen[0].before
        x, y, net = step.x, step.y, self.net
        mu, logvar = net.enc(net.trunk(x, y))
        self.x_rec = net.dec(normal_code(mu, logvar, step.noise["eps"]), y)
        self.x_gen = net.dec(step.noise["z"], y)
        self.prior = kl(mu, logvar).mean()
        target, features = net.dis_trunk(x, y).detach(), net.dis_trunk(self.x_rec, y)
        self.features = target.shape[1]
        self.llike = ((target - features) ** 2 / 2).sum(1).mean()
        self.x, self.y = x, y

    def dis(self, images):
        return sigmoid(self.net.dis(self.net.dis_trunk(images, self.y)))

    def expected(self, group):
        c = self.net.config
        fakes = (self.x_gen, self.x_rec)
        if group == "enc":
            loss = c.beta * self.prior + self.llike
        elif group == "dec":
            gan = -sum(torch.log(self.dis(fake)).mean() for fake in fakes)
            loss = c.gamma * self.llike / self.features + gan
        else:
            wrong = sum(torch.log(1 - self.dis(fake.detach())).mean() for fake in fakes)
            loss = -torch.log(self.dis(self.x)).mean() - wrong
        return gradients(self.net, loss, self.net.groups[group])


@pytest.mark.parametrize(("shape", "preset"), SHAPES)
def test_gradients_equal_the_oracle(shape, preset):
    step = run_step("vae-gan", shape, preset, beta=0.7, gamma=3.0)
    oracle = Oracle(step)
    assert [s.group for s in step.seen] == ["enc", "dec", "dis"]
    for seen in step.seen:
        assert_equal(seen, oracle.expected(seen.group))


def test_the_gan_loss_never_reaches_the_encoder():
    """Another logit head changes every adversarial gradient, and none of the encoder's."""
    step = run_step("vae-gan")
    one, other = clone(step.method), clone(step.method)
    with torch.no_grad():
        other.dis.logit.weight.mul_(-3.0)
    a, b = still_gradients(one, step), still_gradients(other, step)
    assert all(torch.equal(a["enc"][n], b["enc"][n]) for n in a["enc"])
    assert not any(torch.allclose(a["dec"][n], b["dec"][n]) for n in a["dec"])


@pytest.mark.parametrize("shape", [DataShape(16, 1), DataShape(0, 2)])
def test_the_decoder_is_never_pushed_to_help_the_discriminator(shape):
    """With γ = 0 its gradient is of −log Dis alone, and a step raises what Dis answers to fakes."""
    step = run_step("vae-gan", shape, gamma=0.0)
    oracle = Oracle(step)
    found = still_gradients(clone(oracle.net), step)["dec"]
    fakes = oracle.x_gen, oracle.x_rec
    help_dis = -sum(torch.log(1 - oracle.dis(fake)).mean() for fake in fakes)
    wrong_way = gradients(oracle.net, help_dis, ("dec",))
    assert sum((found[n] * wrong_way[n]).sum() for n in found) < 0

    def answer():
        again = Oracle(step)
        return (again.dis(again.x_gen).log().mean() + again.dis(again.x_rec).log().mean()).item()

    before = answer()
    with torch.no_grad():
        for name, p in oracle.net.dec.named_parameters():
            p.sub_(1e-4 * found["dec." + name])
    assert answer() > before


def test_the_discriminator_gets_no_gradient_of_the_reconstruction():
    one, other = run_step("vae-gan", gamma=1.0), run_step("vae-gan", gamma=1000.0)
    for name, gradient in one.seen[2].gradients.items():
        assert torch.equal(gradient, other.seen[2].gradients[name])


def test_the_encoder_s_likelihood_is_a_sum_and_the_decoder_s_a_mean():
    """Confusing the two changes the feature loss by the number of features."""
    step = run_step("vae-gan", beta=0.0)
    net = clone(step.seen[0].before)
    losses = {}
    kept = SimpleNamespace(together=losses.update)
    net.step(step.x, step.y, kept, **step.noise)
    oracle = Oracle(step)
    assert oracle.features == 4 * 4 * 8
    assert losses["enc"].item() == pytest.approx(oracle.llike.item(), rel=1e-9)
    assert net.logged["llike"].item() == pytest.approx(oracle.llike.item() / 128, rel=1e-9)


@pytest.mark.parametrize(
    ("bias", "equilibrium", "moved"),
    [
        (0.0, None, ["enc", "dec", "dis"]),
        (0.0, 0.68, ["enc", "dec", "dis"]),  # each cross-entropy is near log 2
        (0.0, 1.2, ["enc", "dec"]),  # Dis is ahead of 0.85: it rests
        (0.0, 0.2, ["enc", "dis"]),  # Dis is behind 0.55: Dec rests
        (9.0, 0.68, ["enc", "dec", "dis"]),  # one is too low, one too high: both move
    ],
)
def test_the_one_that_is_ahead_rests(bias, equilibrium, moved):
    step = run_step("vae-gan", DataShape(0, 2))
    method = clone(step.seen[0].before)
    method.config.equilibrium, method.data_dependent = equilibrium, equilibrium is not None
    with torch.no_grad():
        method.dis.logit.weight.zero_()
        method.dis.logit.bias.fill_(bias)
    assert list(still_gradients(method, step)) == moved


def test_processes_that_train_together_leave_out_the_same_update():
    """The one whose discriminator is ahead goes by the mean of all, as the other one does."""
    step = run_step("vae-gan", DataShape(0, 2))
    method = clone(step.seen[0].before)
    method.config.equilibrium, method.data_dependent = 0.68, True
    ahead, even = (torch.full((4,), 9.0), -torch.full((4,), 9.0)), (torch.zeros(4),) * 2
    alone = [method.moves(real, fake, fake) for real, fake in (ahead, even)]
    assert alone == [(True, False), (True, True)]
    found = []
    method.mean_of_all = lambda mine: found.append(mine) or mine
    for real, fake in (ahead, even):
        method.moves(real, fake, fake)
    mean = sum(found) / 2
    method.mean_of_all = lambda mine: mean
    together = [method.moves(real, fake, fake) for real, fake in (ahead, even)]
    assert together[0] == together[1]


def test_equilibrium_and_margin_are_off_by_default():
    config = run_step("vae-gan", DataShape(0, 2)).method.config
    assert config.equilibrium is None
    assert config.margin == 0.35


def test_a_margin_is_around_an_equilibrium():
    with pytest.raises(UserError, match="--margin is around an --equilibrium"):
        run_step("vae-gan", margin=0.1)

"""ALI's updates against an oracle of probabilities written from equations 1, 2, 4 and 7."""

import pytest
import torch

from idvae.networks import DataShape
from methods.oracle import (
    SHAPES,
    assert_equal,
    gradients,
    normal_code,
    sigmoid,
    still_gradients,
)
from methods.recorder import clone, run_step


class Oracle:
    """Both players' losses at the networks before the step: Algorithm 1 has one forward pass."""

    def __init__(self, net, step):
        self.net, self.x, self.y, self.z = net, step.x, step.y, step.noise["z"]
        self.code = normal_code(*net.enc(net.trunk(self.x, self.y)), step.noise["eps"])  # [2]
        self.x_gen = net.dec(self.z, self.y)

    def rho(self, x, z):
        """D(x, z, y), a probability; the critic's own layers, one by one."""
        pair = self.net.pair
        h = torch.cat([pair.trunk(x, self.y), pair.code(z)], dim=1)
        return sigmoid(pair.joint[1](pair.joint[0](h))[:, 0])

    def gen(self):
        """−V' [4]: who encodes wants D to say 0, who decodes wants it to say 1."""
        of_enc, of_dec = self.rho(self.x, self.code), self.rho(self.x_gen, self.z)
        return -torch.log(1 - of_enc).mean() - torch.log(of_dec).mean()

    def dis(self):
        """−V [1]: what E and G made are data."""
        of_enc = self.rho(self.x, self.code.detach())
        of_dec = self.rho(self.x_gen.detach(), self.z)
        return -torch.log(of_enc).mean() - torch.log(1 - of_dec).mean()


@pytest.mark.parametrize(("shape", "preset"), SHAPES)
def test_gradients_equal_the_oracle(shape, preset):
    step = run_step("ali", shape, preset)
    gen, dis = step.seen
    assert (gen.group, dis.group) == ("gen", "dis")
    oracle = Oracle(gen.before, step)
    assert_equal(gen, gradients(gen.before, oracle.gen(), ("trunk", "enc", "dec")))
    assert_equal(dis, gradients(gen.before, oracle.dis(), ("pair",)))


def test_the_two_sides_pull_the_critic_apart_and_together():
    """By a step of D the pairs of the encoder rise over those of the decoder; by one of G not."""
    step = run_step("ali", DataShape(0, 2))
    start = step.seen[0].before
    found = still_gradients(clone(start), step)

    def gap(net):
        oracle = Oracle(net, step)
        logits = net.pair(step.x, oracle.code), net.pair(oracle.x_gen, step.noise["z"])
        return (logits[0].mean() - logits[1].mean()).item()

    for group, sign in (("dis", 1), ("gen", -1)):
        moved = clone(start)
        with torch.no_grad():
            for name, p in moved.named_parameters():
                if name in found[group]:
                    p.sub_(1e-4 * found[group][name])
        assert sign * (gap(moved) - gap(start)) > 0, group


def test_encoder_and_decoder_learn_each_by_its_own_pair():
    """Without the pairs of the encoder it has no gradient; one public copy never moves it."""
    step = run_step("ali")
    found = still_gradients(clone(step.method), step)["gen"]
    for network in ("trunk", "enc", "dec"):
        mine = [g for name, g in found.items() if name.startswith(network + ".")]
        assert all(g.abs().max() > 0 for g in mine), network


def test_the_code_of_an_image_is_a_mean_and_needs_no_noise():
    step = run_step("ali", DataShape(0, 2))
    mu, _ = step.method.enc(step.method.trunk(step.x))
    assert torch.equal(step.method.encode(step.x), mu)


@pytest.mark.parametrize("name", ["ali", "bigan"])
def test_codes_of_both_kinds_are_decoded_by_the_statistics_that_training_gathered(name):
    method = run_step(name, DataShape(16, 1), "small").method.eval()
    z = torch.randn(4, 5, dtype=torch.float64)
    assert torch.equal(method.decode(z), method.decode(z, posterior=True))
    assert method.dec.project_norm[0].running_mean[0].abs().sum() > 0


@pytest.mark.parametrize("name", ["ali", "bigan", "alice"])
def test_the_critic_normalises_the_two_kinds_of_pairs_apart(name):
    """Not as the authors of ALI, whose D sees both as one batch: other fakes do not change D(x)."""
    step = run_step(name, DataShape(16, 1), "small")
    pair, x, z = step.method.pair, step.x, step.noise["z"]
    alone = pair(x, z)
    assert not torch.allclose(pair(torch.cat([x, -x]), torch.cat([z, z]))[: len(x)], alone)
    norm = next(m for m in pair.modules() if hasattr(m, "running_mean"))
    assert torch.equal(norm.running_mean, torch.zeros_like(norm.running_mean))  # follows nothing

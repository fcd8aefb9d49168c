"""BiGAN's updates against an oracle of probabilities written from its objective, in float64."""

import pytest
import torch

from idvae.networks import DataShape
from methods.oracle import SHAPES, assert_equal, gradients, sigmoid, still_gradients
from methods.recorder import clone, run_step


def encode(net, x, y):
    """The code of x in (−1, 1): a sigmoid of twice the layer's, stretched, as in the paper's."""
    return 2 * sigmoid(2 * net.code(net.trunk(x, y))) - 1


def losses(net, step):
    """(of E and G, of D), from one forward pass."""
    x, y, z = step.x, step.y, step.noise["z"]
    code, x_gen = encode(net, x, y), net.dec(z, y)

    def d(x, z):
        return sigmoid(net.pair(x, z, y))

    gen = -(torch.log(1 - d(x, code)) + torch.log(d(x_gen, z))).mean()
    dis = -(torch.log(d(x, code.detach())) + torch.log(1 - d(x_gen.detach(), z))).mean()
    return gen, dis


@pytest.mark.parametrize(("shape", "preset"), SHAPES)
def test_gradients_equal_the_oracle(shape, preset):
    step = run_step("bigan", shape, preset)
    gen, dis = step.seen
    assert (gen.group, dis.group) == ("gen", "dis")
    of_gen, of_dis = losses(gen.before, step)
    assert_equal(gen, gradients(gen.before, of_gen, ("trunk", "code", "dec")))
    assert_equal(dis, gradients(gen.before, of_dis, ("pair",)))


def test_codes_of_the_prior_and_of_the_encoder_lie_in_the_same_cube():
    step = run_step("bigan", DataShape(0, 2))
    assert set(step.noise) == {"z"}
    for code in (step.noise["z"], step.method.encode(100 * step.x)):
        assert code.abs().max() <= 1
    assert step.method.prior == "uniform"


def test_the_encoder_learns_through_the_pairs_of_the_encoder_alone():
    """The pairs of the decoder hold no E(x): weights of x's side alone change E's gradient."""
    step = run_step("bigan")
    plain = still_gradients(clone(step.method), step)["gen"]
    assert all(g.abs().max() > 0 for name, g in plain.items())
    method = clone(step.method)
    step.noise["z"] = -step.noise["z"]
    other = still_gradients(method, step)["gen"]
    assert all(torch.equal(plain[n], other[n]) for n in plain if n.startswith(("trunk.", "code.")))
    assert not any(torch.equal(plain[n], other[n]) for n in plain if n.startswith("dec."))


def test_a_discriminator_that_is_sure_still_teaches():
    """Both of G's and E's terms are the ones that are steep where they lose."""
    step = run_step("bigan", DataShape(0, 2))
    for bias in (-50.0, 50.0):
        method = clone(step.method)
        with torch.no_grad():
            method.pair.joint[-1].bias.fill_(bias)
        found = still_gradients(method, step)["gen"]
        taught = "dec." if bias < 0 else "code."  # who is called a liar
        norms = [g.abs().max() for n, g in found.items() if n.startswith(taught)]
        assert min(norms) > 1e-6

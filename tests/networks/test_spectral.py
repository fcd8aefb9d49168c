"""Spectral normalisation against singular values by SVD, and its gradient by hand, in float64."""

import copy

import pytest
import torch
from torch import nn

from idvae import methods
from idvae.networks import PRESETS, DataShape, NetworkConfig, Networks, preset, spectral
from idvae.training import flops

DATA = {True: DataShape(0, 2, 3), False: DataShape(16, 3, 5)}  # points, images
JUDGES = {
    "idvae": {"shared", "dis"},
    "idvae-r": {"shared", "dis"},
    "idvae-plus": {"shared", "dis"},
    "gan": {"trunk", "dis"},
    "vae-gan": {"dis_trunk", "dis"},
    "alpha-gan": {"dis_trunk", "dis", "critic"},
    "ali": {"pair"},
    "bigan": {"pair"},
    "alice": {"pair", "twins", "code_twins"},
    "avb": {"critic"},
    "as-vae": {"f1", "f2"},
    "rfgan": {"trunk", "dis"},
    "mr-gan": {"dis_trunk", "dis"},
    "mdgan": {"dis1_trunk", "dis1", "dis2_body", "dis2"},
    "r3gan": {"trunk", "dis"},
}


def networks(name, on=True):
    shape = DATA[preset(name).fits_points]
    torch.manual_seed(3)
    return Networks(shape, NetworkConfig(name, width=4, z_dim=6, spectral=on))


def judges(nets):
    """One of each kind that the options reach."""
    return [
        nets.trunk(judges=True), nets.logit_head(), nets.code_critic(codes=2), nets.pair_critic(),
        nets.twin_critic(),
    ]  # fmt: skip


def largest(weight):
    return torch.linalg.svdvals(weight.detach().flatten(1))[0].item()


@pytest.mark.parametrize("name", PRESETS)
def test_the_largest_singular_value_is_1_and_no_other_ratio_changes(name):
    for network in judges(networks(name)):
        network.double()
        layers = spectral.normalised(network)
        kinds = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
        assert layers == kinds
        assert layers
        for layer in layers:
            for _ in range(30):
                for _ in range(100):
                    spectral.follow([layer])
                if abs(largest(layer.weight) - 1) < 1e-10:
                    break
            original = layer.parametrizations["weight"].original
            torch.testing.assert_close(layer.weight, original / largest(original))
            assert largest(layer.weight) <= 1 + 1e-9


@pytest.mark.parametrize("name", PRESETS)
def test_each_network_is_the_plain_one_with_such_weights(name):
    """What passes through is W/σ and nothing else: the same logits from networks without it."""
    shape = DATA[preset(name).fits_points]
    ours, theirs = (
        nn.Sequential(nets.trunk(judges=True), nets.logit_head()).double()
        for nets in (networks(name, on) for on in (True, False))
    )
    states = {}
    for where, module in ours.named_modules():
        if module in spectral.normalised(ours):
            states[f"{where}.weight"] = module.weight.detach()
    for key, value in theirs.state_dict().items():
        states.setdefault(key, value)
    assert set(states) == set(theirs.state_dict())
    theirs.load_state_dict(states)
    x, y = torch.rand(shape.batch(5)).double(), torch.rand(5, shape.condition).double()
    torch.testing.assert_close(ours[1](ours[0](x, y)), theirs[1](theirs[0](x, y)))


@pytest.mark.parametrize("shape", [(5, 7), (6, 2, 3, 3), (1, 9)])
def test_the_gradient_is_that_of_the_singular_value(shape):
    """(G − ⟨G, W/σ⟩ u vᵀ)/σ once u has been found, and true at any u; so is the one of R1."""
    weight = torch.randn(*shape, dtype=torch.float64, requires_grad=True)
    norm = spectral.Spectral(weight.detach()).double()
    assert torch.autograd.gradcheck(norm, weight)
    assert torch.autograd.gradgradcheck(norm, weight)
    for _ in range(3000):
        norm.follow(weight)
    g = torch.randn(*shape, dtype=torch.float64)
    (found,) = torch.autograd.grad((norm(weight) * g).sum(), weight)
    w, g = weight.detach().flatten(1), g.flatten(1)
    u, s, vh = torch.linalg.svd(w, full_matrices=False)
    expected = (g - (g * w).sum() / s[0] * torch.outer(u[:, 0], vh[0])) / s[0]
    torch.testing.assert_close(found.flatten(1), expected)
    assert abs(norm.u @ u[:, 0]).item() == pytest.approx(1.0)


@pytest.mark.parametrize("name", PRESETS)
def test_no_forward_pass_moves_anything(name):
    nets = networks(name)
    trunk, shape = nets.trunk(judges=True).train(), nets.shape
    before = copy.deepcopy(trunk.state_dict())
    x, y = torch.rand(shape.batch(5)), torch.rand(5, shape.condition)
    first = trunk(x, y)
    assert torch.equal(first, trunk(x, y))
    for key, value in trunk.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_one_step_of_power_iteration_is_one():
    nets = networks("small")
    layer = spectral.normalised(nets.trunk(judges=True).double())[1]
    (norm,), w = layer.parametrizations["weight"], layer.parametrizations["weight"].original
    w = w.detach().flatten(1)
    v = w.T @ norm.u / (w.T @ norm.u).norm()
    expected = w @ v / (w @ v).norm()
    spectral.follow([layer])
    torch.testing.assert_close(norm.u, expected)


def test_layers_that_start_at_0_get_weights():
    """The last convolution of a residual block would be 0/0."""
    trunk = networks("residual").trunk(judges=True)
    last = trunk.blocks[0].layers[-1]
    assert largest(last.weight) == pytest.approx(1.0, abs=0.1)
    x, y = torch.rand(2, 3, 16, 16), torch.rand(2, 5)
    trunk(x, y).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in trunk.parameters())


@pytest.mark.parametrize("name", PRESETS)
def test_all_other_initial_weights_are_those_without_it(name):
    parts = [
        (n.trunk(judges=True), n.trunk(), n.decoder(), n.gaussian_head(), n.code_head())
        for n in (networks(name, on) for on in (True, False))
    ]
    for ours, theirs in zip(*(nn.ModuleList(p[1:]).parameters() for p in parts), strict=True):
        assert torch.equal(ours, theirs)
    mine = parts[0][0].state_dict()
    for key, value in parts[1][0].state_dict().items():
        where, _, what = key.rpartition(".")
        original = mine.get(f"{where}.parametrizations.{what}.original", mine.get(key))
        assert not value.any() or torch.equal(original, value), key


def test_the_order_in_memory_changes_rounding_alone():
    trunk = networks("small").trunk(judges=True)
    other = copy.deepcopy(trunk).to(memory_format=torch.channels_last)
    for network in (trunk, other):
        spectral.follow(spectral.normalised(network))
    for a, b in zip(spectral.normalised(trunk), spectral.normalised(other), strict=True):
        torch.testing.assert_close(a.weight, b.weight)
    assert not spectral.normalised(other)[1].weight.is_contiguous()


def test_autocast_does_not_narrow_what_is_measured():
    trunk = networks("small").trunk(judges=True)
    layers = spectral.normalised(trunk)
    wide = [layer.weight for layer in layers]
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        for layer, weight in zip(layers, wide, strict=True):
            assert torch.equal(layer.weight, weight)


@pytest.mark.parametrize("name", methods.names())
@pytest.mark.parametrize("kind", PRESETS)
def test_it_reaches_discriminators_and_critics_alone(name, kind):
    shape = DATA[preset(kind).fits_points]
    cls = methods.get(name)
    options = {"cycle": "critics"} if name == "alice" else {}
    config = cls.Config(**options)
    method = cls(Networks(shape, NetworkConfig(kind, 4, 6, spectral=True)), config)
    reached = {n for n, network in method.named_children() if spectral.normalised(network)}
    assert reached == JUDGES.get(name, set())
    plain = cls(Networks(shape, NetworkConfig(kind, 4, 6)), config)
    assert not spectral.normalised(plain)
    assert flops.step_macs(method) == flops.step_macs(plain)

"""Of each prior: what it draws, where an encoder is kept, and the way between two codes."""

import math

import numpy as np
import pytest
import torch

from idvae import methods
from idvae.networks import DataShape, NetworkConfig, Networks
from idvae.priors import PRIORS

T = np.linspace(0.0, 1.0, 9, dtype=np.float32)[None, :, None]


def drawn(name, n=20_000, z_dim=3, seed=0):
    return PRIORS[name].draw(n, z_dim, torch.Generator().manual_seed(seed))


# mean and variance of one coordinate, and of its fourth power, which tells the three apart
@pytest.mark.parametrize(
    ("name", "variance", "fourth"),
    [("normal", 1.0, 3.0), ("sphere", 1 / 3, 1 / 5), ("uniform", 1 / 3, 1 / 5)],
)
def test_moments_are_those_of_the_distribution(name, variance, fourth):
    z = drawn(name).double()
    assert z.mean(0).abs().max() < 5 * math.sqrt(variance / len(z))
    torch.testing.assert_close(z.square().mean(0), z.new_full((3,), variance), rtol=0.05, atol=0)
    torch.testing.assert_close(z.pow(4).mean(0), z.new_full((3,), fourth), rtol=0.1, atol=0)


def test_the_uniform_one_fills_the_cube_and_the_sphere_its_surface():
    cube = drawn("uniform")
    assert cube.abs().max() <= 1
    assert cube.min() < -0.999
    assert cube.max() > 0.999
    assert cube[:, 0].mul(cube[:, 1]).mean().abs() < 0.02  # coordinates are independent
    assert (drawn("sphere").norm(dim=1) - 1).abs().max() < 1e-6


def test_the_normal_one_draws_what_it_always_drew():
    generator = torch.Generator().manual_seed(7)
    assert torch.equal(drawn("normal", 5, 3, seed=7), torch.randn(5, 3, generator=generator))


@pytest.mark.parametrize("name", PRIORS)
def test_an_encoder_is_kept_where_the_prior_has_codes_and_learns_there(name):
    a = (5 * torch.randn(64, 4, generator=torch.Generator().manual_seed(0))).requires_grad_()
    z = PRIORS[name].into_range(a)
    if name == "sphere":
        torch.testing.assert_close(z.norm(dim=1), torch.ones(64))
    elif name == "uniform":
        assert z.abs().max() <= 1
        torch.testing.assert_close(z, 1 - 2 / (1 + torch.exp(2 * a)))
    else:
        assert torch.equal(z, a)
    (gradient,) = torch.autograd.grad(z[:, 0].sum(), a)
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("name", PRIORS)
def test_the_way_between_two_codes_stays_in_range(name):
    a, b = drawn(name, 50).numpy(), drawn(name, 50, seed=1).numpy()
    way = PRIORS[name].between(a, b, T)
    assert way.shape == (50, 9, 3)
    np.testing.assert_allclose(way[:, 0], a, atol=1e-6)
    np.testing.assert_allclose(way[:, -1], b, atol=1e-6)
    steps = np.linalg.norm(np.diff(way, axis=1), axis=2)
    np.testing.assert_allclose(steps, steps[:, :1].repeat(8, 1), rtol=2e-3)  # one pace
    if name == "sphere":
        np.testing.assert_allclose(np.linalg.norm(way, axis=2), 1, atol=1e-5)
    elif name == "uniform":
        assert np.abs(way).max() <= 1 + 1e-6
    if name != "sphere":
        np.testing.assert_allclose(way[:, 4], (a + b) / 2, atol=1e-6)


def test_the_way_between_codes_that_nearly_face_one_another_is_on_the_sphere():
    """The cosine of their angle is −1 in float32."""
    off = np.float32(1e-3)
    a = np.array([[1.0, 0.0]], np.float32)
    b = np.array([[-np.cos(off), np.sin(off)]], np.float32)
    way = PRIORS["sphere"].between(a, b, T)
    assert way.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(way, axis=2), 1, atol=1e-4)


@pytest.mark.parametrize("name", methods.names())
def test_codes_of_a_method_are_drawn_and_encoded_in_the_range_of_its_prior(name):
    cls = methods.get(name)
    method = cls(Networks(DataShape(0, 2), NetworkConfig(width=8, z_dim=3)), cls.Config()).eval()
    z = method.draw_prior(4, torch.Generator().manual_seed(2))
    assert torch.equal(z, drawn(method.prior, 4, 3, seed=2))
    if method.reconstructs and method.prior != "normal":
        with torch.no_grad():
            code = method.encode(50 * torch.randn(64, 2))
        assert torch.equal(code.clamp(-1, 1), code)
        if method.prior == "sphere":
            torch.testing.assert_close(code.norm(dim=1), torch.ones(64))

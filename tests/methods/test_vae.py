"""The VAE's update against an oracle written from its bound, in float64."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from idvae.methods import get
from idvae.networks import DataShape, NetworkConfig, Networks
from methods.oracle import SHAPES, assert_equal, gradients, normal_code
from methods.recorder import run_step


@pytest.mark.parametrize(("shape", "preset"), SHAPES)
def test_gradients_equal_the_oracle(shape, preset):
    step = run_step("vae", shape, preset, beta=0.7)
    (seen,) = step.seen
    net = seen.before
    mu, logvar = net.enc(net.trunk(step.x, step.y))
    x_rec = net.dec(normal_code(mu, logvar, step.noise["eps"]), step.y)
    log_likelihood = Normal(x_rec, 1.0).log_prob(step.x).sum() / len(step.x)
    q, p = Normal(mu, torch.exp(logvar / 2)), Normal(torch.zeros_like(mu), 1.0)
    divergence = kl_divergence(q, p).sum() / len(step.x)
    assert_equal(seen, gradients(net, -log_likelihood + 0.7 * divergence, net.groups["vae"]))


def test_samples_use_the_statistics_that_training_gathered():
    """No code of the prior is decoded in training, so sampling has those of the posterior."""
    method = run_step("vae", DataShape(16, 1), "small").method.eval()
    z = torch.randn(4, 5, dtype=torch.float64)
    assert torch.equal(method.decode(z), method.decode(z, posterior=True))
    norm = method.dec.project_norm[0]
    assert not torch.equal(norm.running_mean[1], torch.zeros(16).double()[: len(norm.weight)])


def test_a_perfect_code_of_the_prior_costs_nothing_but_pixels():
    cls = get("vae")
    method = cls(Networks(DataShape(0, 2), NetworkConfig(width=4, z_dim=3)), cls.Config())
    with torch.no_grad():
        for p in method.enc.parameters():
            p.zero_()
    method.step(torch.zeros(5, 2), None, lambda *a, **k: None, eps=torch.zeros(5, 3))
    assert method.logged["prior"] == 0

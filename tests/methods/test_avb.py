"""AVB's updates against an oracle written from its equations, in float64."""

import pytest
import torch
from torch.distributions import Normal
from torch.nn.functional import binary_cross_entropy_with_logits, elu

from idvae import losses
from idvae.networks import DataShape, NetworkConfig, Networks
from methods.oracle import SHAPES, assert_equal, gradients
from methods.recorder import run_step


def posterior(head, h, eps):
    """z, and its moments where those of each v_k are the batch's, one v_k after the other."""
    z = mean = h @ head.mean.weight.T + head.mean.bias
    var = torch.zeros_like(z)
    a = (elu(h @ head.scale.weight.T + head.scale.bias - 5) + 1).split(z.shape[1], 1)
    layers = [layer for layer in head.basis if hasattr(layer, "weight")]
    for k, scale in enumerate(a):
        v = eps[:, k]
        for layer in layers:
            v = v @ layer.weight[k] + layer.bias[k]
            v = v if layer is layers[-1] else elu(v)
        z = z + scale * v
        mean = mean + scale * v.sum(0) / len(v)
        var = var + scale**2 * ((v**2).sum(0) / len(v) - (v.sum(0) / len(v)) ** 2)
    return z, mean, var


class Oracle:
    def __init__(self, net, step):
        self.net, self.x, self.y = net, step.x, step.y
        h = net.trunk(step.x, step.y)
        self.z, mean, var = posterior(net.code, h, step.noise["eps"])
        self.r = Normal(mean.detach(), (var.detach() + 1e-4).sqrt())  # section 4: data
        if not net.config.contrast:
            self.r = Normal(torch.zeros_like(mean), 1.0)
        self.z_r = step.noise["z_r"]

    def t(self, u):
        """T of x and of a code in units of r; its −log p(u) is half of a square, as in the code."""
        return self.net.critic(self.x, u, self.y) + (u**2).sum(1) / 2

    def vae(self):
        x_rec = self.net.dec(self.z, self.y)
        log_likelihood = Normal(x_rec, 1.0).log_prob(self.x).sum() / len(self.x)
        u = (self.z - self.r.mean) / self.r.stddev
        log_p = Normal(torch.zeros_like(self.z), 1.0).log_prob(self.z)
        kl = self.t(u) + (self.r.log_prob(self.z) - log_p).sum(1)
        return (-log_likelihood + self.net.config.beta * kl.mean()) / self.x[0].numel()

    def critic(self):
        u = ((self.z - self.r.mean) / self.r.stddev).detach()
        posterior, contrast = self.t(u), self.t(self.z_r)
        one, zero = torch.ones_like(posterior), torch.zeros_like(posterior)
        return binary_cross_entropy_with_logits(posterior, one) + binary_cross_entropy_with_logits(
            contrast, zero
        )


@pytest.mark.parametrize("contrast", [True, False])
@pytest.mark.parametrize(("shape", "preset"), SHAPES)
def test_gradients_equal_the_oracle(shape, preset, contrast):
    step = run_step("avb", shape, preset, beta=0.7, contrast=contrast)
    assert [s.group for s in step.seen] == ["vae", "critic"]
    for seen in step.seen:
        loss = getattr(Oracle(seen.before, step), seen.group)()
        assert_equal(seen, gradients(seen.before, loss, step.method.groups[seen.group]))


def test_the_critic_learns_to_put_the_posterior_above_its_contrast():
    """Algorithm 1 prints the descent: by it T would learn the reverse."""
    step = run_step("avb", DataShape(0, 2))
    seen = step.seen[-1]

    def gap(net):
        oracle = Oracle(net, step)
        u = (oracle.z - oracle.r.mean) / oracle.r.stddev
        return (oracle.t(u).mean() - oracle.t(oracle.z_r).mean()).item()

    assert gap(seen.after) > gap(seen.before)


def test_where_the_posterior_is_its_contrast_the_divergence_is_that_of_two_normals():
    """T = 0 is right then, and what is left is the KL of N(m, s²) from N(0, 1)."""
    torch.manual_seed(0)
    mean, std = torch.tensor([0.5, -1.0]).double(), torch.tensor([0.3, 2.0]).double()
    z = mean + std * torch.randn(400_000, 2, dtype=torch.float64)
    found = (losses.log_normal(z, mean, std**2) - losses.log_normal(z)).mean()
    expected = losses.prior(mean[None], 2 * std.log()[None])
    assert found == pytest.approx(expected.item(), abs=0.02)


def test_the_code_of_a_reconstruction_is_the_mean_of_the_posterior():
    nets = Networks(DataShape(0, 2), NetworkConfig(width=8, z_dim=3))
    torch.manual_seed(0)
    head = nets.implicit_head().double()
    with torch.no_grad():
        head.scale.bias.fill_(5.0)  # a posterior that is wide
    h = torch.randn(1, 8, dtype=torch.float64)
    eps = torch.randn(50_000, *head.noise_shape, dtype=torch.float64)
    z, mean, var = head(h.expand(len(eps), -1), eps)
    assert torch.allclose(z.mean(0), mean[0])
    assert torch.allclose(head.expected(h), mean[:1], atol=0.3)
    assert (z.std(0) > 1).all()  # beside which 0.3 is little
    # The v_k are independent, and the variance is a sum over them.
    assert torch.allclose(z.var(0), var[0], rtol=0.02)

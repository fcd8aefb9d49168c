"""The deviation over a batch as a feature of θ_dis."""

import numpy as np
import torch

from idvae.networks import DataShape, NetworkConfig, Networks
from idvae.networks.deviation import with_deviation


def test_it_is_the_mean_deviation_of_the_features():
    h = torch.randn(7, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = with_deviation(h)
    assert torch.equal(found[:, :5], h)
    expected = np.sqrt(h.numpy().var(0) + 1e-8).mean()
    np.testing.assert_allclose(found[:, 5].numpy(), np.full(7, expected), rtol=1e-12)


def test_a_batch_without_variety_has_finite_gradients():
    h = torch.ones(4, 3, requires_grad=True)
    with_deviation(h)[:, 3].sum().backward()
    assert h.grad.isfinite().all()


def test_narrow_features_become_wide():
    h = (torch.randn(8, 3, generator=torch.Generator().manual_seed(1)) * 1e-3 + 1).bfloat16()
    found = with_deviation(h)
    assert found.dtype == torch.float32
    expected = np.sqrt(h.float().numpy().astype(float).var(0) + 1e-8).mean()
    np.testing.assert_allclose(found[0, 3].item(), expected, rtol=1e-4)


def test_the_logit_head_reads_it_only_where_it_is_asked_to():
    nets = Networks(DataShape(16, 1), NetworkConfig(width=4))
    plain, told = nets.logit_head(), nets.logit_head(deviation=True)
    assert told.logit.in_features == plain.logit.in_features + 1
    h = torch.randn(6, plain.logit.in_features, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        told.logit.weight.zero_()[0, -1] = 2.0
        told.logit.bias.fill_(0.5)
    expected = 2.0 * (h.var(0, correction=0) + 1e-8).sqrt().mean() + 0.5
    torch.testing.assert_close(told(h), expected.expand(6))

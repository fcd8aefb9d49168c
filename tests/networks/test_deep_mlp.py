"""The networks of Soft-IntroVAE's authors for points, against plain arithmetic."""

import torch
from torch import nn

from idvae.networks import DataShape, NetworkConfig, Networks


def networks(condition=0):
    return Networks(DataShape(0, 2, condition), NetworkConfig("deep-mlp"))


def by_hand(network, h):
    """Matrix after matrix, with what is below 0 cut off between them."""
    linear = [m for m in network.modules() if isinstance(m, nn.Linear)]
    for i, layer in enumerate(linear):
        h = h @ layer.weight.T + layer.bias
        if i < 4:
            h = h.clamp_min(0)
    return h, [layer.out_features for layer in linear]


def test_they_have_four_hidden_layers_of_256_and_a_code_of_two():
    nets, x, z = networks(), torch.randn(5, 2), torch.randn(5, 2)
    assert nets.z_dim == 2
    for network, given, widths in (
        (nets.trunk(), x, [256] * 4),
        (nets.decoder(), z, [256] * 4 + [2]),
    ):
        expected, found = by_hand(network, given)
        assert found == widths
        torch.testing.assert_close(network(given), expected)


def test_a_condition_joins_before_the_first():
    nets, x, y = networks(3), torch.randn(5, 2), torch.eye(3)[torch.tensor([0, 1, 2, 0, 1])]
    for network in (nets.trunk(), nets.decoder()):
        torch.testing.assert_close(network(x, y), by_hand(network, torch.cat([x, y], 1))[0])

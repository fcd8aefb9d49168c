"""What the oracles of several methods share: shapes, probabilities, gradients, comparison."""

import torch

from idvae.networks import DataShape

SHAPES = [
    (DataShape(16, 1), "small"),
    (DataShape(16, 3), "paper"),
    (DataShape(16, 1, condition=3), "small"),
    (DataShape(0, 2), "mlp"),
    (DataShape(0, 2, condition=2), "mlp"),
]


def sigmoid(logit):
    return 1 / (1 + torch.exp(-logit))


def gradients(net, loss, networks):
    """Parameter name → gradient of the loss, for the named networks of a method."""
    named = {n: p for n, p in net.named_parameters() if n.split(".")[0] in networks}
    found = torch.autograd.grad(loss, list(named.values()), retain_graph=True)
    return dict(zip(named, found, strict=True))


def assert_equal(seen, expected):
    """The gradients of one update equal those of the oracle.

    An element is a sum whose terms may be as large as the largest element: they round likewise.
    """
    assert set(seen.gradients) == set(expected)
    for name, gradient in seen.gradients.items():
        atol = 1e-9 * max(1.0, expected[name].abs().max().item())
        torch.testing.assert_close(gradient, expected[name], rtol=1e-9, atol=atol, msg=name)


def still_gradients(method, step, early=False):
    """Group → gradients of its last update, in a step of `method` that moves nothing."""
    still = Still(method)
    work = method.early_step if early else method.step
    work(step.x, step.y, still, **step.noise)
    return still.found


class Still:
    """An update that keeps the gradients and moves nothing."""

    def __init__(self, method):
        self.method, self.found = method, {}

    def __call__(self, group, loss, retain=False):
        self.found[group] = gradients(self.method, loss, self.method.groups[group])

    def together(self, losses):
        for group, loss in losses.items():
            self(group, loss)


def normal_code(mu, logvar, eps):
    return mu + torch.exp(logvar) ** 0.5 * eps


def kl(mu, logvar):
    """KL to the unit normal of each item."""
    return ((mu**2 + torch.exp(logvar) - logvar - 1) / 2).sum(1)

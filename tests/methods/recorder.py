"""Runs one training step of a method and keeps what each update saw."""

import copy
from dataclasses import dataclass
from typing import Any

import torch

from idvae.methods import get
from idvae.networks import DataShape, NetworkConfig, Networks


@dataclass
class Seen:
    """One call of `update`: the method as it was, the gradients, and the method after it."""

    group: str
    before: Any
    gradients: dict[str, torch.Tensor]
    after: Any


@dataclass
class Step:
    method: Any
    x: torch.Tensor
    y: torch.Tensor | None
    noise: dict[str, torch.Tensor]
    seen: list[Seen]


def run_step(name, shape=None, preset=None, seed=0, batch=6, early=False, **options) -> Step:
    """One step of method `name`, or an `early` one, in float64, with moves big enough to notice."""
    shape = shape or DataShape(16, 1)
    torch.manual_seed(seed)
    cls = get(name)
    nets = Networks(shape, NetworkConfig(preset, width=4, z_dim=5))
    method = cls(nets, cls.Config(**options)).double().train()
    # Larger weights than the initial ones: features and gradients far from zero.
    with torch.no_grad():
        for p in method.parameters():
            p.add_(0.1 * torch.randn_like(p))
    generator = torch.Generator().manual_seed(seed + 1)
    x = (torch.rand(shape.batch(batch), generator=generator) * 2 - 1).double()
    y = None
    if shape.condition:
        y = torch.eye(shape.condition, dtype=torch.float64)[torch.arange(batch) % shape.condition]
    noise = {n: t.double() for n, t in method.draw_noise(batch, generator).items()}
    recorder = Recorder(method)
    step = method.early_step if early else method.step
    step(x, y, recorder, **noise)
    return Step(method, x, y, noise, recorder.seen)


class Recorder:
    """An update that moves parameters by the signs of their gradients, and keeps what it saw."""

    def __init__(self, method):
        self.method, self.seen = method, []

    def __call__(self, group, loss, retain=False):
        before = clone(self.method)
        gradients = self.differentiate(group, loss, retain)
        move(self.method, gradients)
        self.seen.append(Seen(group, before, gradients, clone(self.method)))

    def together(self, losses):
        """Each is seen as if it alone had moved: all gradients are of the same state."""
        before = clone(self.method)
        found = {group: self.differentiate(group, loss, True) for group, loss in losses.items()}
        for group, gradients in found.items():
            alone = clone(before)
            move(alone, gradients)
            self.seen.append(Seen(group, before, gradients, alone))
            move(self.method, gradients)

    def differentiate(self, group, loss, retain):
        """Name → gradient of a group's parameters."""
        networks = self.method.groups[group]
        named = {n: p for n, p in self.method.named_parameters() if n.split(".")[0] in networks}
        found = torch.autograd.grad(loss, list(named.values()), retain_graph=retain)
        return dict(zip(named, found, strict=True))


@torch.no_grad()
def move(method, gradients):
    """By the sign of each gradient, far enough to be noticed."""
    for name, parameter in method.named_parameters():
        if name in gradients:
            parameter.sub_(0.05 * gradients[name].sign())


def clone(method):
    """A copy of the method that shares nothing with it, nor with its graphs."""
    logged, method.logged = method.logged, {}
    twin = copy.deepcopy(method)
    method.logged = logged
    return twin

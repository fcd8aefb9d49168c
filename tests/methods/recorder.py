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


def run_step(name, shape=None, preset=None, seed=0, batch=6, **options) -> Step:
    """One step of method `name` in float64 with SGD-like moves big enough to notice."""
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
    seen = []

    def update(group, loss, retain=False):
        parameters = {
            n: p for n, p in method.named_parameters() if n.split(".")[0] in method.groups[group]
        }
        gradients = torch.autograd.grad(loss, list(parameters.values()), retain_graph=retain)
        before = clone(method)
        with torch.no_grad():
            for p, g in zip(parameters.values(), gradients, strict=True):
                p.sub_(0.05 * g.sign())
        named = dict(zip(parameters, gradients, strict=True))
        seen.append(Seen(group, before, named, clone(method)))

    method.step(x, y, update, **noise)
    return Step(method, x, y, noise, seen)


def clone(method):
    """A copy of the method that shares nothing with it, nor with its graphs."""
    logged, method.logged = method.logged, {}
    twin = copy.deepcopy(method)
    method.logged = logged
    return twin

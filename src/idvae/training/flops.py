"""What a training step costs: its multiply-adds, counted, so that no machine is in the number."""

import copy
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from idvae.methods.method import Method

BATCH = 2  # images of the smaller step; batch normalisation needs more than one


def step_macs(method: Method) -> int:
    """Multiply-adds of one training step an image: forward and backward, all updates.

    Matrix products and convolutions are counted, as is usual; normalisations, activations, losses,
    the optimizer and what a step does but once whatever its batch are not. The method itself is
    left as it is: a copy makes the steps.

    Args:
        method: with its networks built, on any device.
    """
    method = copy.deepcopy(method).train()
    method.mean_of_all = lambda value: value  # counted by each process for itself
    return _count(method, BATCH + 1) - _count(method, BATCH)


def _count(method: Method, batch: int) -> int:
    """Multiply-adds of one step that moves nothing."""
    example = next(method.parameters())
    shape = method.shape
    size = (shape.channels,) if shape.is_points else (shape.channels, shape.size, shape.size)
    generator = torch.Generator().manual_seed(0)

    def like(tensor: Tensor) -> Tensor:
        return tensor.to(example.device, example.dtype)

    x = torch.rand((batch, *size), generator=generator) * 2 - 1
    y = like(torch.zeros(batch, shape.condition)) if shape.condition else None
    noise = method.draw_noise(batch, generator)

    def update(group: str, loss: Tensor, retain: bool = False) -> None:
        parameters: Any = method.group_parameters(group)
        torch.autograd.grad(loss, parameters, retain_graph=retain, allow_unused=True)

    with FlopCounterMode(display=False) as counter:
        method.step(like(x), y, update, **{name: like(value) for name, value in noise.items()})
    return counter.get_total_flops() // 2  # a multiply-add is two operations

"""What a training step costs: its multiply-adds, counted, so that no machine is in the number."""

import copy
import inspect
from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from idvae.methods.batch import Batch
from idvae.methods.method import Method

Kind = Literal["step", "early_step"]
BATCH = 2  # images of the smaller step; batch normalisation needs more than one


def step_macs(method: Method) -> int:
    """Multiply-adds of one training step an image: forward and backward, all updates.

    A method that looks at its numbers to choose among its updates is counted with all of them.
    Matrix products and convolutions are counted, as is usual; normalisations, activations, losses,
    the optimizer and what a step does but once whatever its batch are not. The method itself is
    left as it is: a copy makes the steps.

    Args:
        method: with its networks built, on any device.
    """
    return _an_image(method, "step")


def early_macs(method: Method) -> int:
    """The same of one of its `early_steps`."""
    return _an_image(method, "early_step")


def steps_within(budget: float, method: Method, batch: int) -> int:
    """The steps of `batch` images that so many multiply-adds allow, at least 1; early ones first.

    A method on the meta device does: it is counted, not trained.
    """
    early = method.early_steps
    of_early = early_macs(method) * batch if early else 0
    if budget < early * of_early:
        return max(1, int(budget // of_early))
    later = (budget - early * of_early) // (step_macs(method) * batch)
    return max(1, early + int(later))


def _an_image(method: Method, kind: Kind) -> int:
    method = copy.deepcopy(method).train()
    method.batch = Batch()  # counted by each process for itself
    method.data_dependent = False
    least = BATCH * method.multiple
    more = _count(method, kind, least + method.multiple)
    return (more - _count(method, kind, least)) // method.multiple


def _count(method: Method, kind: Kind, batch: int) -> int:
    """Multiply-adds of one step that moves nothing."""
    example = next(method.parameters())
    generator = torch.Generator().manual_seed(0)

    def like(tensor: Tensor) -> Tensor:
        return tensor.to(example.device, example.dtype)

    x = torch.rand(method.shape.batch(batch), generator=generator) * 2 - 1
    width = method.shape.condition
    y = like(torch.zeros(batch, width)) if width else None
    noise = method.draw_noise(batch, generator)
    with Counter() as counter:
        noise = {name: like(value) for name, value in noise.items()}
        getattr(method, kind)(like(x), y, _Still(method), **noise)
    return counter.operations // 2  # a multiply-add is two operations


class _Still:
    """An update that takes gradients and moves nothing."""

    def __init__(self, method: Method) -> None:
        self.method = method

    def __call__(self, group: str, loss: Tensor, retain: bool = False) -> None:
        parameters = self.method.group_parameters(group)
        torch.autograd.grad(loss, parameters, retain_graph=retain, allow_unused=True)

    def together(self, losses: Mapping[str, Tensor]) -> None:
        for group, loss in losses.items():
            self(group, loss, retain=True)


class Counter(TorchDispatchMode):
    """Counts by torch's own formulas, on every operation that runs.

    torch's FlopCounterMode also notes which module an operation is of, by hooks that fail where a
    step differentiates within itself, as gradient penalties do.

    Attributes:
        operations: so far, a multiply-add as two.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        formula = FORMULAS.get(function.overloadpacket)
        if formula is not None:
            self.operations += formula(*args, **(kwargs or {}), out_val=result)
        return result


# torch wraps it in a call of its compiler, which that call would load: see `uncompiled`.
Counter.__torch_dispatch__ = inspect.unwrap(Counter.__torch_dispatch__)


def _convolution_backward(*args: Any, out_val: Any) -> int:
    """torch counts the gradient of grouped weights as if each saw the channels of all groups."""
    *before, groups, (of_x, of_weight, _) = args
    formula = flop_registry[_BACKWARD]
    x, weight = (
        formula(*before, groups, mask, out_val=out_val)
        for mask in ([of_x, False, False], [False, of_weight, False])
    )
    return x + weight // groups


_BACKWARD = torch.ops.aten.convolution_backward
FORMULAS = {**flop_registry, _BACKWARD: _convolution_backward}

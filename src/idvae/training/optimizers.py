"""Optimizers by name: any of torch's that steps on dense gradients."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from idvae.errors import UserError
from idvae.training.uncompiled import uncompiled

# LBFGS asks for the loss again, SparseAdam for sparse gradients, Muon for matrices alone; the
# factored moments of Adafactor have not the shapes by which a checkpoint is checked.
UNFIT = ("Optimizer", "LBFGS", "SparseAdam", "Muon", "Adafactor")

# Options that are said elsewhere, or that say how torch computes, which is decided here; maximize
# would climb the losses.
SET_HERE = {
    "params", "lr", "betas", "maximize", "foreach", "fused", "capturable", "differentiable",
}  # fmt: skip


def known() -> dict[str, type[torch.optim.Optimizer]]:
    """Name in lower case → class, such as adam, adamw, rmsprop, sgd."""
    return {
        name.lower(): found
        for name, found in vars(torch.optim).items()
        if inspect.isclass(found) and issubclass(found, torch.optim.Optimizer) and name not in UNFIT
    }


def make(
    name: str,
    parameters: Sequence[nn.Parameter],
    lr: float,
    betas: tuple[float, float],
    options: Mapping[str, float],
    recorded: bool = False,
) -> torch.optim.Optimizer:
    """One optimizer.

    Args:
        name: as in `known`.
        parameters: that it steps.
        lr: learning rate.
        betas: β1 and β2, where it has them.
        options: others of its own by name, such as momentum or weight_decay.
        recorded: whether its step is recorded as a CUDA graph, with rate and β2 as tensors.

    Raises:
        UserError: no such optimizer, an option that it has not, or a value that it refuses.
    """
    if name not in known():
        raise UserError(f"unknown --optimizer {name}; there are {', '.join(sorted(known()))}")
    cls = known()[name]
    takes = inspect.signature(cls).parameters
    if unknown := sorted(set(options) - set(takes) | set(options) & SET_HERE):
        raise UserError(f"--optimizer-options: {name} has no option {unknown[0]!r} to set there")
    given: dict[str, Any] = {}
    for key, value in options.items():
        if isinstance(takes[key].default, tuple):
            raise UserError(f"--optimizer-options.{key}: it is no single number; leave it out")
        if isinstance(takes[key].default, bool):
            if value not in (0, 1):
                raise UserError(f"--optimizer-options.{key} {value:g}: it is 1 for on or 0 for off")
            given[key] = bool(value)
        else:
            given[key] = value
    if "betas" in takes:
        given["betas"] = betas
    if "fused" in takes:
        given["fused"] = True  # one pass over memory instead of one an operation
    if recorded:
        if "capturable" not in takes:
            raise UserError(f"--graphs true cannot record {name}; leave it out")
        given["capturable"] = True
    try:
        return uncompiled(cls)(parameters, lr=lr, **given)
    except (ValueError, TypeError, RuntimeError) as error:
        raise UserError(f"--optimizer {name}: {error}") from error


def moments(optimizer: torch.optim.Optimizer) -> dict[str, bool]:
    """What an optimizer keeps of a parameter: name → whether it has the parameter's shape.

    Found by a step of its twin on a parameter of two numbers.
    """
    twin = nn.Parameter(torch.zeros(2))
    twin.grad = torch.zeros(2)
    takes = inspect.signature(type(optimizer)).parameters
    given = {k: v for k, v in optimizer.defaults.items() if k in takes and k != "capturable"}
    made = type(optimizer)([twin], **given)
    made.step()
    state = made.state_dict()["state"].get(0, {})
    return {k: torch.as_tensor(v).dim() > 0 for k, v in state.items() if v is not None}

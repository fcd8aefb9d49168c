"""Numbers that change as a training goes: a cosine to an end value, constant from there on."""

import copy
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from idvae.errors import UserError
from idvae.methods.method import Method
from idvae.options import check_range, ranged_types_of

RATE, BETA2 = "lr", "beta2"  # with .GROUP behind, those of one group


def cosine(start: float, end: float, step: int, over: int) -> float:
    """From `start` at step 0 to `end` at step `over`, and `end` from there on."""
    share = 0.5 * (1.0 + math.cos(math.pi * min(step, over) / over))
    return end + (start - end) * share


class Weights:
    """Those of a method's own options that are scheduled, such as γ.

    Each becomes a tensor without dimensions in the method's config, so that a recorded step reads
    the number of now.

    Args:
        method: which gets a config of its own.
        schedules: option → end value and steps over which it is reached; others are left alone.
        device, dtype: of the tensors.

    Raises:
        UserError: no such option, one that is no number, or one that is off.
    """

    def __init__(
        self,
        method: Method,
        schedules: Mapping[str, tuple[float, int]],
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        method.config = copy.copy(method.config)  # the settings keep their numbers
        self.moving: list[tuple[Tensor, float, float, int]] = []
        known = {field.name.rstrip("_"): field.name for field in fields(method.config)}
        for name, (end, over) in schedules.items():
            if name.partition(".")[0] in (RATE, BETA2):
                continue
            if name not in known:
                there = ", ".join([RATE, BETA2, *known])
                raise UserError(f"--schedules: {name!r} is none of {there}")
            start: Any = getattr(method.config, known[name])
            # A count of updates, or of images of a batch, cannot change between two steps.
            if type(start) is not float or known[name] in method.counted:
                raise UserError(f"--schedules: {name} is no number that could change")
            if not start:
                raise UserError(
                    f"--schedules: {name} starts at 0, where the method leaves its term out; "
                    f"start it at a small --{name}"
                )
            kind = ranged_types_of(type(method.config))[known[name]]
            check_range(end, kind, f"--schedules.{name}")
            tensor = torch.tensor(float(start), device=device, dtype=dtype)
            setattr(method.config, known[name], tensor)
            self.moving.append((tensor, float(start), end, over))

    def set(self, step: int) -> None:
        """The values of a step, from 0."""
        for tensor, start, end, over in self.moving:
            tensor.fill_(cosine(start, end, step, over))

"""Means of scalars over the steps between two rows of metrics."""

import math

import torch
from torch import Tensor

from idvae.training.distributed import all_reduce


class Means:
    """Sums that stay on the device of what they add: reading at each step would stall a GPU.

    A sum keeps its place in memory, so that a recorded step (`graphs`) goes on adding to it.
    """

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}  # name → total and count

    def add(self, name: str, value: Tensor) -> None:
        """Add a scalar to the mean of that name."""
        if name not in self.sums:
            self.sums[name] = torch.zeros(2, dtype=torch.float64, device=value.device)
        self.sums[name] += torch.stack([value.double(), torch.ones_like(value).double()])

    def not_finite(self) -> str | None:
        """What is no number any more, such as "loss_dis is nan"; None where all are."""
        for name, (total, _) in self.sums.items():
            if not math.isfinite(total):
                return f"{name} is {float(total)}"
        return None

    def take(self, together: bool) -> dict[str, float]:
        """The means since they were last taken, of all processes `together` or of this one."""
        if together:
            for total in self.sums.values():
                all_reduce(total, "sum")  # in place
        means = {name: float(total / count) for name, (total, count) in self.sums.items() if count}
        for total in self.sums.values():
            total.zero_()
        return means

"""A batch of which several processes have a part each, as methods see it."""

import torch
from torch import Tensor, distributed

from idvae.methods.batch import Batch
from idvae.methods.method import Method
from idvae.networks import BatchNorm, OverBatch, rows_of_all
from idvae.training.distributed import Processes, all_reduce


class SharedBatch(Batch):
    """See `methods.batch.Batch`.

    Args:
        processes: in the order of their ranks they have the rows of the batch, as many each.
    """

    def __init__(self, processes: Processes) -> None:
        self.rank, self.world = processes.rank, processes.world

    def mean_of_all(self, value: Tensor) -> Tensor:
        return all_reduce(value.detach().clone(), "mean")

    def before(self, rows: Tensor) -> Tensor:
        rows = rows.detach()
        last = [torch.empty_like(rows[:1]) for _ in range(self.world)]
        distributed.all_gather(last, rows[-1:].contiguous())
        return torch.cat([last[self.rank - 1], rows[:-1]])

    def rows(self, own: Tensor) -> Tensor:
        return rows_of_all(own)

    def first(self, share: float, own: int) -> int:
        count = round(share * own * self.world) - self.rank * own
        return min(max(count, 0), own)


def share_batches(method: Method, processes: Processes, sync_norm: bool) -> None:
    """Have a method that trains among several processes know of the whole batch.

    Args:
        method: with its networks.
        processes: that train together.
        sync_norm: normalise over the whole batch too. It is the one thing that a process does
            with its own part unless it is asked: two messages for each layer and pass.
    """
    method.batch = SharedBatch(processes)
    for module in method.modules():
        if isinstance(module, OverBatch):
            module.across = sync_norm or not isinstance(module, BatchNorm)


def normalises(method: Method) -> bool:
    """Whether it has layers of batch normalisation that are trained."""
    frozen = [getattr(method, name) for name in method.frozen]
    kept = {id(module) for network in frozen for module in network.modules()}
    return any(isinstance(m, BatchNorm) and id(m) not in kept for m in method.modules())

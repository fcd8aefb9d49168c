"""Where it computes: device, precision, processes."""

import atexit
import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, distributed

from idvae.errors import UserError
from idvae.training.meeting import join_group

ASK_EVERY = 10  # steps after which processes with GPUs ask each other
PRECISIONS = ("32", "bf16", "tf32", "64")
PATIENCE = 300  # seconds


def check_device(device: str) -> tuple[str, int | None]:
    """Split auto, cpu, cuda, cuda:N or mps into a kind that is there and an index.

    Raises:
        UserError: another name, or a device that torch does not see.
    """
    kind, _, index = device.partition(":")
    if kind not in ("auto", "cpu", "cuda", "mps") or (
        index and not (kind == "cuda" and index.isascii() and index.isdigit())
    ):
        raise UserError(f"unknown --device {device}; it is auto, cpu, cuda, cuda:N or mps")
    if kind == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: torch sees no CUDA GPU here; use --device cpu or auto")
    if kind == "cuda" and index and int(index) >= torch.cuda.device_count():
        raise UserError(f"--device {device}: there are {torch.cuda.device_count()} GPUs, from 0")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UserError("--device mps: torch sees no Apple GPU here; use --device cpu or auto")
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    return kind, int(index) if index else None


def torch_device(device: str | torch.device) -> torch.device:
    """The same as torch names it.

    Raises:
        UserError: as `check_device`.
    """
    kind, index = check_device(str(device))
    return torch.device(kind) if index is None else torch.device(kind, index)


@dataclass(frozen=True)
class Processes:
    """The processes that train together, and where this one computes.

    Attributes:
        device: of this process.
        rank: its number, from 0.
        world: how many there are.
    """

    device: torch.device
    rank: int = 0
    world: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes what a run holds, and speaks: it, of all."""
        return self.rank == 0

    def barrier(self) -> None:
        """Wait until all processes are here."""
        if self.world > 1:
            distributed.barrier()

    def any(self, flag: bool, step: int) -> bool:
        """Whether the flag is set on any of them at this step, with the same answer on each.

        With GPUs they ask each other at some steps only: the answer waits until a GPU is done.
        """
        if self.world == 1:
            return flag
        if self.device.type == "cuda" and step % ASK_EVERY:
            return False
        return self.most(int(flag)) > 0

    def most(self, count: int) -> int:
        """The largest of the counts that all of them have."""
        if self.world == 1:
            return count
        return int(all_reduce(torch.tensor(count, device=self.device), "max"))


def join_processes(
    device: str, precision: str, threads: int, patience: float = PATIENCE
) -> Processes:
    """This process on the device asked for; one of several where torchrun started several.

    Args:
        device: as of `check_device`.
        precision: of the networks.
        threads: of torch on the processor; 0 takes them all.
        patience: seconds after which another process that does not answer is lost.

    Raises:
        UserError: a device that is not there, or the others do not come.
    """
    kind, _ = check_device(device)
    if threads:
        torch.set_num_threads(threads)
    if kind == "cpu":
        keep_freed_memory()
    # Off unless asked for: torch's own default shortens the factors of convolutions on a GPU.
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    world = started()
    if world == 1:
        return Processes(torch_device(device))
    here = torch_device(own_device(kind))
    if here.type == "cuda":
        torch.cuda.set_device(here)
    if not distributed.is_initialized():
        with lost_process_told():
            join_group("nccl" if here.type == "cuda" else "gloo", patience)
        atexit.register(leave_processes)
    return Processes(here, distributed.get_rank(), world)


def started() -> int:
    """How many processes torchrun started; 1 where it did not."""
    return int(os.environ.get("WORLD_SIZE", 1))


def own_device(device: str) -> str:
    """Each process of a machine takes a GPU of its own, where several work together."""
    several = started() > 1
    return f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if several and device == "cuda" else device


@contextmanager
def group_of(work: str, then: str) -> Iterator[int]:
    """Yield the rank in the group of processes that torchrun started, if it did.

    Args:
        work, then: as of `lost_process_told`.

    Raises:
        UserError: another process is gone.
    """
    if started() == 1:
        yield 0
        return
    distributed.init_process_group("gloo")
    try:
        with lost_process_told(work, then):
            yield distributed.get_rank()
    finally:
        distributed.destroy_process_group()


def keep_freed_memory() -> bool:
    """Have glibc keep what is freed for the next allocation, instead of giving it back.

    Each step of training allocates the same large blocks. Given back, they come again as pages
    that the kernel must clear: of a step on a CPU a twentieth to a tenth. Kept, they cost about a
    tenth more memory. MALLOC_TRIM_THRESHOLD_ or MALLOC_MMAP_THRESHOLD_ in the environment have
    the last word.

    Returns:
        whether it was done: not by another C library, nor against the environment.
    """
    if any(f"MALLOC_{name}_THRESHOLD_" in os.environ for name in ("TRIM", "MMAP")):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl and macOS have none, Windows no CDLL(None)
        return False
    trim, mmap = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of malloc.h
    return bool(mallopt(trim, 2**31 - 1)) and bool(mallopt(mmap, 2**30))


def weights_dtype(precision: str) -> torch.dtype:
    """What weights and losses are in; bf16 and tf32 narrow what is multiplied alone."""
    return torch.float64 if precision == "64" else torch.float32


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """bf16 for the networks where `precision` says so, without torch's cache of narrowed weights.

    The cache lives as long as the context, so after an update within it the next loss would still
    see the weights of before; and weights that were narrowed under no_grad would give no gradient.
    """
    return torch.autocast(
        device.type, torch.bfloat16, enabled=precision == "bf16", cache_enabled=False
    )


def slower_in_bf16(device: torch.device, precision: str) -> bool:
    """Whether bf16 was asked of an x86 processor without instructions that multiply it."""
    if device.type != "cpu" or precision != "bf16":
        return False
    able = getattr(torch.cpu, "get_capabilities", dict)()  # older releases of torch have none
    multiplies = able.get("amx_bf16") or able.get("avx512_bf16")
    return able.get("architecture") == "x86_64" and not multiplies


def leave_processes() -> None:
    """End the group, if there is one: once its work is done, and while all else still stands.

    The threads of gloo let go of what they were last given, and an interpreter that is ending
    aborts the process when they do. `join_processes` has it done at the exit at the latest.
    """
    if distributed.is_initialized():
        distributed.destroy_process_group()


def all_reduce(tensor: Tensor, how: Literal["mean", "sum", "max"]) -> Tensor:
    """Combine the tensors of all processes, in place, with the same result on each."""
    operation = distributed.ReduceOp.MAX if how == "max" else distributed.ReduceOp.SUM
    distributed.all_reduce(tensor, operation)
    return tensor.div_(distributed.get_world_size()) if how == "mean" else tensor


@contextmanager
def lost_process_told(
    work: str = "training",
    then: str = "go on from the newest checkpoint with idvae train --resume DIR, by as many "
    "processes as are left or more",
) -> Iterator[None]:
    """Turn what a process sees when another one is gone into one line.

    Args:
        work: what the processes do together.
        then: what to do about it.

    Raises:
        UserError: another process ended, or did not answer for as long as torch waits.
    """
    try:
        yield
    except RuntimeError as error:
        if not distributed.is_available() or not _is_lost(error):
            raise
        raise UserError(
            f"another process of this {work} is gone or does not answer, so this one ends too; see "
            f"the output of that process, then {then}"
        ) from error


def _is_lost(error: RuntimeError) -> bool:
    # NCCL and the store raise classes of torch.distributed; gloo a RuntimeError that names itself.
    return isinstance(error, distributed.DistError) or "gloo/transport" in str(error)

"""Where it computes: device, precision, processes."""

import atexit
import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, distributed

from idvae.errors import UserError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

# --precision → Fabric's name for it.
PRECISIONS = {"32": "32-true", "bf16": "bf16-mixed", "tf32": "32-true", "64": "64-true"}


def check_device(device: str) -> tuple[str, int | None]:
    """Split auto, cpu, cuda, cuda:N or mps into a kind that is there and an index.

    Raises:
        UserError: another name, or a device that torch does not see.
    """
    kind, _, index = device.partition(":")
    if kind not in ("auto", "cpu", "cuda", "mps") or (index and not index.isdigit()):
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


def torch_device(device: str) -> torch.device:
    """The same as torch names it.

    Raises:
        UserError: as `check_device`.
    """
    kind, index = check_device(device)
    return torch.device(kind) if index is None else torch.device(kind, index)


def make_fabric(device: str, precision: str, threads: int) -> "Fabric":
    """Fabric on the device asked for; several processes where torchrun started several."""
    from lightning_fabric import Fabric  # seconds to import: only training needs it

    kind, index = check_device(device)
    if threads:
        torch.set_num_threads(threads)
    if kind == "cpu":
        keep_freed_memory()
    world = int(os.environ.get("WORLD_SIZE", 1))
    local = int(os.environ.get("LOCAL_WORLD_SIZE", world))
    # Off unless asked for: torch's own default shortens the factors of convolutions on a GPU.
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    precision = PRECISIONS.get(precision, "32-true")
    if world > 1:
        fabric = Fabric(
            accelerator=kind,
            devices=local,
            num_nodes=world // local,
            strategy="ddp",
            precision=precision,
        )
        fabric.launch()
        atexit.register(_leave)
        return fabric
    return Fabric(accelerator=kind, devices=1 if index is None else [index], precision=precision)


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


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """bf16 for the networks where `precision` says so, without torch's cache of narrowed weights.

    The cache lives as long as the context, so after an update within it the next loss would still
    see the weights of before; and weights that were narrowed under no_grad would give no gradient.
    """
    return torch.autocast(
        device.type, torch.bfloat16, enabled=precision == "bf16", cache_enabled=False
    )


def slower_in_bf16(device: torch.device, precision: str) -> bool:
    """Whether bf16 was asked of an x86 processor that multiplies it slower than float32."""
    if device.type != "cpu" or precision != "bf16":
        return False
    able = getattr(torch.cpu, "get_capabilities", dict)()  # older releases of torch have none
    return able.get("architecture") == "x86_64" and not able.get("amx_bf16")


def _leave() -> None:
    """End the group before the interpreter does: gloo's threads abort a process that does not."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def all_reduce(tensor: Tensor, how: Literal["mean", "sum", "max"]) -> Tensor:
    """Combine the tensors of all processes, in place, with the same result on each.

    Fabric's own waits at a barrier before each message, which doubles what a step waits.
    """
    operation = distributed.ReduceOp.MAX if how == "max" else distributed.ReduceOp.SUM
    distributed.all_reduce(tensor, operation)
    return tensor.div_(distributed.get_world_size()) if how == "mean" else tensor


@contextmanager
def lost_process_told(
    work: str = "training",
    then: str = "go on from the newest checkpoint with idvae train --resume DIR under the same "
    "torchrun",
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
            f"another process of this {work} is gone, so this one ends too; see the output of "
            f"that process, then {then}"
        ) from error


def _is_lost(error: RuntimeError) -> bool:
    # NCCL and the store raise classes of torch.distributed; gloo a RuntimeError that names itself.
    return isinstance(error, distributed.DistError) or "gloo/transport" in str(error)

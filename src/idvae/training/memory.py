"""Whether a method fits into memory, told from its shapes before anything is allocated."""

import math
import os
from contextlib import suppress
from pathlib import Path

import torch
from torch import nn

from idvae.errors import UserError
from idvae.methods.method import Method
from idvae.training.settings import TrainConfig

# What a container may use, by the two versions of control groups; "max" is no limit.
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def memory_of(device: torch.device) -> int:
    """Bytes that a GPU has, or the machine, or what of it this process may use."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in LIMITS:
        with suppress(OSError, ValueError):
            found = min(found, int(Path(file).read_text()))
    return found


def check_room(module: nn.Module, copies: int, memory: int, batch: int = 0) -> None:
    """Check that a module fits, which may lie on the meta device.

    Args:
        module: its parameters and buffers are counted.
        copies: how often they are held; training has gradients and Adam's two moments beside.
        memory: bytes that there are.
        batch: bytes of what comes on top.

    Raises:
        UserError: it does not.
    """
    held = copies * sum(t.nbytes for t in (*module.parameters(), *module.buffers()))
    if held + batch <= memory:
        return
    parameters = sum(p.numel() for p in module.parameters())
    asked = "--batch-size" if batch > held else "--width or --z-dim"
    raise UserError(
        f"{parameters:,} parameters and their batches take {_gib(held + batch)} of memory at "
        f"least, and there are {_gib(memory)}; choose a smaller {asked}"
    )


def check_training(planned: Method, config: TrainConfig, device: torch.device, images: int) -> None:
    """Check that a training fits onto a device.

    Args:
        planned: the method, which may lie on the meta device.
        config: whether averages are kept.
        device: where it trains.
        images: of a batch that are there.

    Raises:
        UserError: it does not.
    """
    copies = 5 if config.ema or config.ema_images else 4  # weights, gradients, moments, averages
    image = 5 * math.prod(planned.shape.batch(1))  # as bytes and as floats
    batch = images * (image + 4 * planned.z_dim)
    check_room(planned, copies, memory_of(device), batch)


def _gib(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB"

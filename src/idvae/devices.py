"""Where it computes: device, precision, processes."""

import os
from typing import TYPE_CHECKING

import torch

from idvae.errors import UserError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

PRECISIONS = {"32": "32-true", "bf16": "bf16-mixed", "64": "64-true"}


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
    world = int(os.environ.get("WORLD_SIZE", 1))
    local = int(os.environ.get("LOCAL_WORLD_SIZE", world))
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
        return fabric
    return Fabric(accelerator=kind, devices=1 if index is None else [index], precision=precision)

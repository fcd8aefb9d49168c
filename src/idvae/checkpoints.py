"""Checkpoints: weights and optimizer state in safetensors files, and never a pickle.

A checkpoint is a folder named after its step that appears whole or not at all:

    model.safetensors       parameters and buffers of the method
    average.safetensors     the decoder's averaged weights, where asked for
    optimizers.safetensors  one entry a group, parameter and moment
    state.json              step, method, format
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from idvae.errors import UserError
from idvae.files import atomic_folder, recover, remove_folder

FORMAT = 1


@dataclass
class Checkpoint:
    """What one checkpoint holds; tensors on the CPU."""

    step: int
    method: str
    model: dict[str, Tensor]
    average: dict[str, Tensor] | None
    optimizers: dict[str, Tensor]


def save(folder: Path, checkpoint: Checkpoint, keep: int) -> Path:
    """Write `folder`/STEP whole or not at all, then remove all but the newest `keep`.

    A checkpoint of this step that is there and whole stays as it is: a step of a run is the same
    whenever it is saved.
    """
    path = folder / f"{checkpoint.step:08d}"
    if not is_whole(path):
        _write(path, checkpoint)
    for old in steps(folder)[:-keep]:
        remove_folder(folder / f"{old:08d}")
    return path


def _write(path: Path, checkpoint: Checkpoint) -> None:
    with atomic_folder(path, overwrite=True) as temporary:
        metadata = {"method": checkpoint.method, "step": str(checkpoint.step)}
        save_file(checkpoint.model, temporary / "model.safetensors", metadata)
        save_file(checkpoint.optimizers, temporary / "optimizers.safetensors", metadata)
        if checkpoint.average is not None:
            save_file(checkpoint.average, temporary / "average.safetensors", metadata)
        state = {"format": FORMAT, "step": checkpoint.step, "method": checkpoint.method}
        (temporary / "state.json").write_text(json.dumps(state), encoding="utf-8")


def is_whole(path: Path) -> bool:
    """Whether a folder is a checkpoint with all its files, each as long as its header says."""
    try:
        state = json.loads((path / "state.json").read_text(encoding="utf-8"))
        found = state["format"], state["step"]
        needed = {path / "model.safetensors", path / "optimizers.safetensors"}
        for file in needed.union(path.glob("*.safetensors")):
            with safe_open(file, "pt"):
                pass
    except (OSError, ValueError, KeyError, TypeError, SafetensorError):
        return False
    return found == (FORMAT, int(path.name))


def steps(folder: Path) -> list[int]:
    """Steps of the checkpoints there, oldest first; half-written ones have other names."""
    if not folder.is_dir():
        return []
    return sorted(int(p.name) for p in folder.iterdir() if p.name.isdigit() and p.is_dir())


def remove_unfinished(folder: Path) -> None:
    """Remove what a kill left half-written; a checkpoint that it hid comes back."""
    if folder.is_dir():
        recover(folder)
        for path in folder.glob(".*"):
            shutil.rmtree(path, ignore_errors=True)


def load(folder: Path, method: str, step: int | None = None) -> Checkpoint:
    """Read the newest checkpoint, or that of `step`.

    Raises:
        UserError: there is none, it is truncated, is no safetensors file (a pickle, say, which
            is refused unread), or belongs to another method.
    """
    there = steps(folder)
    if not there:
        raise UserError(f"{folder} holds no checkpoint yet; train the run first")
    if step is not None and step not in there:
        raise UserError(f"{folder} holds no checkpoint of step {step}; it has {there}")
    path = folder / f"{there[-1] if step is None else step:08d}"
    try:
        state = json.loads((path / "state.json").read_text(encoding="utf-8"))
        found, saved_step = state["method"], state["step"]
        if state["format"] != FORMAT:
            raise ValueError(f"format {state['format']}, but this version reads {FORMAT}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(path / "state.json", error) from error
    if found != method:
        raise UserError(f"{path} is a checkpoint of {found}, not of {method}")
    average = path / "average.safetensors"
    return Checkpoint(
        step=saved_step,
        method=found,
        model=_read(path / "model.safetensors"),
        average=_read(average) if average.exists() else None,
        optimizers=_read(path / "optimizers.safetensors"),
    )


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> UserError:
    return UserError(
        f"{path} is damaged or no checkpoint of idvae ({error}); delete the folder "
        f"{path.parent} to go on from the one before"
    )


def load_weights(module: nn.Module, weights: Mapping[str, Tensor], where: Path) -> None:
    """Copy weights into a module whose names and shapes must be the same.

    Raises:
        UserError: they are not.
    """
    own = module.state_dict()
    if differing := sorted(set(own) ^ set(weights)):
        raise UserError(f"{where} does not fit the networks of its config.yaml: {differing[0]}")
    for name, tensor in own.items():
        if tensor.shape != weights[name].shape or tensor.dtype != weights[name].dtype:
            raise UserError(f"{where} does not fit the networks of its config.yaml: {name}")
    module.load_state_dict(dict(weights))


def on_cpu(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous copies on the CPU, as safetensors wants them."""
    return {name: t.detach().to("cpu", copy=True).contiguous() for name, t in tensors.items()}


def optimizer_state(optimizers: Mapping[str, torch.optim.Optimizer]) -> dict[str, Tensor]:
    """Moments and step counts as flat tensors named GROUP.INDEX.MOMENT."""
    flat = {}
    for group, optimizer in optimizers.items():
        for index, state in optimizer.state_dict()["state"].items():
            for name, value in state.items():
                flat[f"{group}.{index}.{name}"] = torch.as_tensor(value)
    return on_cpu(flat)


def load_optimizer_state(
    optimizers: Mapping[str, torch.optim.Optimizer], flat: Mapping[str, Tensor], where: Path
) -> None:
    """Put back what `optimizer_state` made.

    Raises:
        UserError: groups or shapes are not those of these optimizers.
    """
    states: dict[str, dict[int, dict[str, Any]]] = {group: {} for group in optimizers}
    for key, value in flat.items():
        group, index, name = key.rsplit(".", 2)
        if group not in states:
            raise UserError(f"{where} holds optimizer state of an unknown group {group}")
        states[group].setdefault(int(index), {})[name] = value
    for group, optimizer in optimizers.items():
        parameters = optimizer.param_groups[0]["params"]
        for index, state in states[group].items():
            shape = state.get("exp_avg", torch.empty(0)).shape
            if index >= len(parameters) or shape != parameters[index].shape:
                raise UserError(f"{where}: optimizer state of {group} does not fit its parameters")
            for name, value in state.items():
                if value.shape == shape:
                    # A fused optimizer walks memory: moments must lie as their weights do.
                    state[name] = torch.empty_like(parameters[index]).copy_(value)
        optimizer.load_state_dict({**optimizer.state_dict(), "state": states[group]})

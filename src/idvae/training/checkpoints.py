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
from idvae.io.files import atomic_folder, is_left_over, read_bounded, recover, remove_folder
from idvae.methods.method import Method
from idvae.training import optimizers as optimizer_kinds
from idvae.training.run import checkpoint_steps as steps

FORMAT = 1
MOST_STATE = 1 << 16  # bytes of a state.json
MOST_HEADER = 1 << 24  # bytes of what a safetensors file says of its tensors
TYPES = {
    "F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64,
    "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "I16": torch.int16,
    "I32": torch.int32, "I64": torch.int64,
}  # fmt: skip

Shapes = dict[str, tuple[torch.dtype | None, tuple[int, ...]]]


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
        _, step = read_state(path / "state.json")
        needed = {path / "model.safetensors", path / "optimizers.safetensors"}
        for file in needed.union(path.glob("*.safetensors")):
            with safe_open(file, "pt"):
                pass
    except (OSError, UserError, SafetensorError):
        return False
    return step == int(path.name)


def remove_unfinished(folder: Path) -> None:
    """Remove what a kill left half-written; a checkpoint that it hid comes back."""
    if folder.is_dir():
        recover(folder)
        for path in folder.glob(".*"):
            if is_left_over(path.name):
                shutil.rmtree(path, ignore_errors=True)


def load(
    folder: Path,
    method: str,
    step: int | None = None,
    *,
    like: Method | None = None,
    optimizers: bool = True,
) -> Checkpoint:
    """Read the newest checkpoint, or that of `step`.

    Args:
        folder: of all checkpoints of a run.
        method: the registered name.
        step: which checkpoint.
        like: a method, maybe on the meta device, whose weights it must hold: names, shapes and
            types are compared before any tensor is read.
        optimizers: whether their state is read too; else it is empty.

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
        found, saved_step = read_state(path / "state.json")
    except OSError as error:
        raise _damaged(path / "state.json", error) from error
    if found != method:
        raise UserError(f"{path} is a checkpoint of {found}, not of {method}")
    average = path / "average.safetensors"
    if like is not None:
        check_shapes(shapes(path / "model.safetensors"), trained(like), path)
        if average.exists():
            twins = {name: getattr(like, name) for name in like.averaged}
            check_shapes(shapes(average), averaged(like, twins), path)
    return Checkpoint(
        step=saved_step,
        method=found,
        model=read_tensors(path / "model.safetensors"),
        average=read_tensors(average) if average.exists() else None,
        optimizers=read_tensors(path / "optimizers.safetensors") if optimizers else {},
    )


def read_state(file: Path) -> tuple[str, int]:
    """The method and the step in a state.json.

    Raises:
        UserError: it is damaged, too large, or of another version.
        OSError: it is not there.
    """
    data = read_bounded(file, MOST_STATE)
    try:
        state = json.loads(data)
        if not isinstance(state, dict) or state.get("format") != FORMAT:
            raise ValueError(f"this version reads format {FORMAT}")
        method, step = state.get("method"), state.get("step")
        if not isinstance(method, str) or type(step) is not int or not 0 <= step < 2**63:
            raise ValueError("it does not say which method and step")
    except (ValueError, RecursionError) as error:
        raise _damaged(file, error) from error
    return method[:80], step


def shapes(file: Path) -> Shapes:
    """Name → type and shape of the tensors in a safetensors file, from its header alone.

    Raises:
        UserError: it is no safetensors file, is cut, or its header is too large.
    """
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
        if length > MOST_HEADER:
            raise ValueError(f"a header of {length:,} bytes")
        with safe_open(file, "pt") as opened:
            slices = {name: opened.get_slice(name) for name in opened.keys()}  # noqa: SIM118
            return {n: (TYPES.get(s.get_dtype()), tuple(s.get_shape())) for n, s in slices.items()}
    except (SafetensorError, OSError, ValueError, OverflowError) as error:
        raise _damaged(file, error) from error


def _shapes_of(state: Mapping[str, Tensor]) -> Shapes:
    return {name: (t.dtype, tuple(t.shape)) for name, t in state.items()}


def check_shapes(found: Shapes, state: Mapping[str, Tensor], where: Path) -> None:
    """Raise UserError where names, types or shapes are not those of a state."""
    own = _shapes_of(state)
    for name in sorted(set(own) | set(found)):
        if own.get(name) != found.get(name):
            raise UserError(f"{where} does not fit the networks of its config.yaml: {name[:200]}")


def read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> UserError:
    mend = "put back the file that its training wrote, or train it again"
    if path.parent.name.isdigit():  # the folder of a step, and not the run's
        mend = f"delete the folder {path.parent} to go on from the one before"
    return UserError(f"{path} is damaged or no checkpoint of idvae ({str(error)[:200]}); {mend}")


def load_weights(module: nn.Module, weights: Mapping[str, Tensor], where: Path) -> None:
    """Copy weights into a module whose names and shapes must be the same.

    Raises:
        UserError: they are not.
    """
    check_shapes(_shapes_of(weights), module.state_dict(), where)
    module.load_state_dict(dict(weights))


def load_method(method: Method, weights: Mapping[str, Tensor], where: Path) -> None:
    """The same for a method, whose frozen networks are not among the weights."""
    check_shapes(_shapes_of(weights), trained(method), where)
    method.load_state_dict(dict(weights), strict=not method.frozen)


def trained(method: Method) -> dict[str, Tensor]:
    """The state of a method without that of its frozen networks."""
    state = method.state_dict()
    return {
        key: value for key, value in state.items() if key.partition(".")[0] not in method.frozen
    }


def averaged(method: Method, networks: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """The state of averaged networks: of one its own names, of several its name before them."""
    return {
        average_prefix(method, name) + key: value
        for name, network in networks.items()
        for key, value in network.state_dict().items()
    }


def average_prefix(method: Method | type[Method], name: str) -> str:
    """What the names of a network's averages begin with."""
    return "" if len(method.averaged) == 1 else f"{name}."


def on_cpu(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous copies on the CPU, as safetensors wants them."""
    return {name: t.detach().to("cpu", copy=True).contiguous() for name, t in tensors.items()}


def optimizer_state(optimizers: Mapping[str, torch.optim.Optimizer]) -> dict[str, Tensor]:
    """Moments and step counts as flat tensors named GROUP.INDEX.MOMENT."""
    flat = {}
    for group, optimizer in optimizers.items():
        for index, state in optimizer.state_dict()["state"].items():
            for name, value in state.items():
                if value is not None:  # SGD's momentum before it has any
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
    kept = {group: optimizer_kinds.moments(optimizer) for group, optimizer in optimizers.items()}
    for key, value in flat.items():
        group, _, place = key.partition(".")
        index, _, name = place.partition(".")
        if name not in kept.get(group, {}) or not (index.isascii() and index.isdigit()):
            raise UserError(f"{where} holds optimizer state of what is not there: {key[:200]}")
        states[group].setdefault(int(index[:9]), {})[name] = value
    for group, optimizer in optimizers.items():
        parameters = optimizer.param_groups[0]["params"]
        for index, state in states[group].items():
            shape = parameters[index].shape if index < len(parameters) else None
            wanted = {name: shape if like else torch.Size() for name, like in kept[group].items()}
            if {name: value.shape for name, value in state.items()} != wanted:
                raise UserError(f"{where}: optimizer state of {group} does not fit its parameters")
            for name, value in state.items():
                if kept[group][name]:
                    # A fused optimizer walks memory: moments must lie as their weights do.
                    state[name] = torch.empty_like(parameters[index]).copy_(value)
        optimizer.load_state_dict({**optimizer.state_dict(), "state": states[group]})

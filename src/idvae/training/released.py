"""A released model: a run folder whose checkpoint is one small file, to be used and not trained.

    config.yaml          what loading needs, the step, and the sha256 of the weights
    weights.safetensors  the networks that sampling, encoding and editing pass through; averages
                         where the run has them; float16, where its range is enough
    conditions.npy       to draw from, where the run has a condition

`idvae release` makes one (release/), with a card and a picture beside.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from idvae import pretrained
from idvae.errors import UserError
from idvae.methods.method import Method
from idvae.training import checkpoints
from idvae.training.checkpoints import Checkpoint
from idvae.training.run import WEIGHTS, Run


class _Touched(TorchFunctionMode):
    """Notes which tensors torch's functions are given."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[int] = set()

    def __torch_function__(
        self, function: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        for value in (*args, *kwargs.values()):
            several = isinstance(value, list | tuple)
            self.ids.update(map(id, value if several else [value]))
        return function(*args, **kwargs)


def networks_in_use(method: Method) -> tuple[str, ...]:
    """The networks that sampling, encoding and editing pass through.

    Found by doing each once: no method has to say it. The method may lie on the meta device.
    """
    method.eval()
    some = next(method.parameters())
    like = {"device": some.device, "dtype": some.dtype}
    x, z = torch.zeros(method.shape.batch(2), **like), torch.zeros(2, method.z_dim, **like)
    y = torch.zeros(2, method.shape.condition, **like) if method.shape.condition else None
    with torch.no_grad(), _Touched() as touched:
        method.decode(z, y)
        if method.reconstructs:
            method.encode(x, y)
        if method.tells_conditions:
            method.attributes(x)
    return tuple(
        name
        for name, network in method.named_children()
        if any(id(t) in touched.ids for t in (*network.parameters(), *network.buffers()))
    )


def reduce(method: Method, networks: Sequence[str]) -> None:
    """Take all other networks from a method; what another run lent it is its own from then on."""
    for name in [name for name, _ in method.named_children() if name not in networks]:
        delattr(method, name)
    method.frozen = {}


def narrowed(method: Method) -> dict[str, Tensor]:
    """The state of a method in float16, on the CPU; a tensor out of its range stays in float32.

    Raises:
        UserError: a weight is no finite number.
    """
    return {name: _narrow(name, t) for name, t in checkpoints.on_cpu(method.state_dict()).items()}


def _narrow(name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor
    if not tensor.isfinite().all():
        raise UserError(f"{name} holds what is no finite number; release an earlier --step")
    half = tensor.half()
    return half if half.isfinite().all() else tensor.float()


def load(run: Run, step: int | None, like: Method) -> Checkpoint:
    """Read the weights of a released model, widened to the types of a method.

    Args:
        run: a released model.
        step: the only one that it has, or None.
        like: the reduced method, maybe on the meta device; size, sha256, names and shapes are
            compared before any tensor is read.

    Raises:
        UserError: the file is gone, or is not the one that was released.
    """
    facts, file, state = run.config["released"], run.path / WEIGHTS, like.state_dict()
    if step is not None and step != facts["step"]:
        raise UserError(f"{run.path} is a released model, of step {facts['step']} alone")
    most = sum(t.nbytes for t in state.values()) + checkpoints.MOST_HEADER
    if not file.is_file() or file.stat().st_size > most:
        raise UserError(f"{file} is not there, or larger than its networks; fetch it again")
    wanted = {facts["sha256"]}
    if known := pretrained.registered(run.path):
        wanted.add(known.sha256)
    if wanted != {sha256_of(file)}:
        raise UserError(f"{file} is not the one that was released: its sha256 differs; fetch it")
    shapes = checkpoints.shapes(file)
    for name, (kind, shape) in shapes.items():
        if kind in (torch.float16, torch.float32) and name in state:
            shapes[name] = (state[name].dtype, shape)
    checkpoints.check_shapes(shapes, state, file)
    weights = {name: t.to(state[name].dtype) for name, t in checkpoints.read_tensors(file).items()}
    return Checkpoint(facts["step"], like.name, weights, None, {})


def sha256_of(file: Path) -> str:
    """Of a file's bytes, read piece by piece."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()

"""Networks from ONNX files: read whole, checked, and run on the processor, the same every time.

An ONNX file is data: standard operators and their tensors. What could reach beyond the file is
refused before the runtime sees it: tensors that lie in other files, and operators of others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from idvae.errors import UserError
from idvae.evaluate.experts.expert import BATCH

MAX_BYTES = 1 << 30  # 268 million weights in float32
# One thread: sums are split the same way on every machine. Several processes share the images.
THREADS = 1
STANDARD = ("", "ai.onnx", "ai.onnx.ml")

Network = Callable[[Tensor], tuple[Tensor, ...]]


def read(path: Path) -> bytes:
    """The bytes of a file that is not too large.

    Raises:
        UserError: no such file, or one of more than MAX_BYTES.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise UserError(f"{path} has {size:,} bytes; an ONNX expert has at most {MAX_BYTES:,}")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})") from error


def open_onnx(path: Path, content: bytes, size: int | None) -> Network:
    """A function from float32 images (N, 3, H, W) to one or two arrays, by onnxruntime.

    Args:
        path: as in messages.
        content: of the file.
        size: side of the images that it will be given; None where that varies.

    Raises:
        UserError: onnxruntime is not installed, the file is not ONNX, reaches beyond itself, or
            takes or answers something else than images and features.
    """
    try:
        import onnxruntime
        from onnx import load_model_from_string
    except ImportError as error:
        raise UserError(f"{path} needs a package: pip install 'idvae[onnx]'") from error
    try:
        model = load_model_from_string(content)
        _check_contained(path, model)
        del model  # a second copy of the weights
        session = onnxruntime.InferenceSession(
            content, _options(onnxruntime), providers=["CPUExecutionProvider"]
        )
    except UserError:
        raise
    except Exception as error:  # both packages have exceptions without a common base
        raise UserError(f"{path} is not an ONNX file that onnxruntime can run") from error
    entry = _check_input(path, session.get_inputs(), size)
    _check_outputs(path, session.get_outputs())

    def run(x: Tensor) -> tuple[Tensor, ...]:
        array = np.ascontiguousarray(x.cpu().numpy())
        return tuple(torch.from_numpy(np.asarray(a)) for a in session.run(None, {entry: array}))

    return run


def runtime() -> str:
    """Which onnxruntime computes, as scores note it."""
    from importlib.metadata import version

    return f"onnxruntime {version('onnxruntime')}"


def _options(onnxruntime: Any) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = THREADS
    options.use_deterministic_compute = True
    options.log_severity_level = 4  # what is wrong is told in one line, by us
    # Else the first bytes decide, and the runtime's own format can name other files.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    return options


def _check_contained(path: Path, model: Any) -> None:
    """Everything that the model needs lies in its file and in the standard."""
    from onnx import NodeProto, TensorProto

    own = {function.domain for function in model.functions}
    for message in _messages(model):
        if isinstance(message, TensorProto) and (
            message.external_data or message.data_location == TensorProto.EXTERNAL
        ):
            raise UserError(
                f"{path} keeps weights in other files, which are not read; save it as one file, "
                "with external_data=False"
            )
        if isinstance(message, NodeProto) and message.domain not in (*STANDARD, *own):
            raise UserError(
                f"{path} needs the operator {message.op_type!r} of {message.domain!r}; only "
                "standard ONNX operators are run"
            )


def _messages(message: Any) -> Iterator[Any]:
    """A protobuf message and all messages in it, however deep."""
    waiting = [message]
    while waiting:
        found = waiting.pop()
        yield found
        for field, value in found.ListFields():
            if field.message_type is not None:
                waiting += value if hasattr(value, "__len__") else [value]


def _check_input(path: Path, inputs: list[Any], size: int | None) -> str:
    """The name of the one input, which can be given what experts are given."""
    if len(inputs) != 1:
        names = ", ".join(i.name for i in inputs)
        raise UserError(f"{path} takes {len(inputs)} inputs ({names}); an expert takes images")
    (entry,) = inputs
    shape = list(entry.shape or [])
    told = f"({', '.join(str(d) for d in shape)})"
    if entry.type != "tensor(float)" or len(shape) != 4 or _other(shape[1], 3):
        raise UserError(
            f"{path} takes {entry.type} {told}; an expert takes tensor(float) (N, 3, H, W), RGB "
            "from 0 to 255"
        )
    if _other(shape[0], BATCH):
        raise UserError(
            f"{path} takes {told}, a fixed number of images; export it with a first dimension "
            "that varies"
        )
    fixed = sorted({d for d in shape[2:] if isinstance(d, int)})
    if fixed and fixed != [size]:
        way = f"say NAME={path}@{fixed[0]}" if len(fixed) == 1 else "experts see squares"
        raise UserError(f"{path} takes images {told} alone; {way}")
    return entry.name


def _check_outputs(path: Path, outputs: list[Any]) -> None:
    if len(outputs) > 2:
        raise UserError(
            f"{path} answers {len(outputs)} arrays; an expert answers features, or features and "
            "logits"
        )
    for output in outputs:
        if output.type != "tensor(float)":
            raise UserError(f"{path} answers {output.type}; features are tensor(float) (N, d)")


def _other(dimension: Any, wanted: int) -> bool:
    """Whether a dimension is fixed, and not at what is wanted."""
    return isinstance(dimension, int) and dimension != wanted

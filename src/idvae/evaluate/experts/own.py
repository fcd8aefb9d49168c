"""Experts of one's own: a TorchScript or ONNX file, or any Python callable.

A file is given float32 images (N, 3, H, W), RGB, 0 to 255, so that its preprocessing lives in it;
it answers with features (N, d), or with features and logits.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from idvae.errors import UserError
from idvae.evaluate.experts.expert import BATCH, Expert, Images, Output, exact, same_sizes
from idvae.evaluate.experts.weights import sha256

PROBE = 32  # side of the images that measure an expert's width when it has no size


def open_file(name: str, path: str, size: int | None, device: str) -> Expert:
    """An expert from a TorchScript file (.pt, .pth, .ts) or an .onnx file.

    Args:
        name: as in tables.
        path: the file.
        size: side that images are resized to; None leaves them as they are.
        device: where it computes; ONNX computes on the processor.

    Raises:
        UserError: no such file, not a network, or it does not answer with rows of features.
    """
    weights = sha256(path)
    network = _open_onnx(path) if Path(path).suffix == ".onnx" else _open_script(path)
    return Expert(
        name if size is None else f"{name}@{size}",
        network,
        _width(name, network.to(device), size, device),
        size=size,
        mean=0.0,
        scale=1.0,
        resize="bilinear, antialiased",
        identity={"expert": name, "weights": weights},
        device=device,
    )


class _Answer(nn.Module):
    """Brings what a foreign network answers into the form (features, logits or None)."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        answer = self.network(x)
        if isinstance(answer, Tensor):
            answer = (answer,)
        features = answer[0].flatten(1)
        return features, answer[1] if len(answer) > 1 else None


def _open_script(path: str) -> nn.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch now prefers other formats
            network = torch.jit.load(path, map_location="cpu")
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"{path} is not a TorchScript file; make one with torch.jit.trace(net, x).save(PATH)"
        ) from error
    return _Answer(network)


def _open_onnx(path: str) -> nn.Module:
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(f"{path} needs onnxruntime: pip install onnxruntime") from error
    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has exceptions of its own, without a common base
        raise UserError(f"{path} is not an ONNX file that onnxruntime can run") from error
    entry = session.get_inputs()[0].name

    def run(x: Tensor) -> tuple[Tensor, ...]:
        array = np.ascontiguousarray(x.cpu().numpy())
        return tuple(torch.from_numpy(np.asarray(a)) for a in session.run(None, {entry: array}))

    return _Answer(run)


def _width(name: str, network: nn.Module, size: int | None, device: str) -> int:
    side = size or PROBE
    with exact():
        try:
            features, _ = network.eval()(torch.zeros(BATCH, 3, side, side, device=device))
        except Exception as error:
            raise UserError(
                f"{name} cannot take images (N, 3, {side}, {side}): {str(error).strip()[-120:]}; "
                "say another size with NAME=PATH@SIZE"
            ) from error
    if features.ndim != 2 or len(features) != BATCH:
        raise UserError(f"{name} answers {tuple(features.shape)}; features are (N, d)")
    return features.shape[1]


class CallableExpert:
    """An expert from a Python function.

    Args:
        name: as in tables.
        function: uint8 (N, H, W, C) to features, array or tensor (N, d), or to features and
            logits. It is called with at most 32 images of one size at a time.
        width: d.
        identity: what tells two versions of the function apart, a hash of its weights say; by
            default what it answers to a fixed image of noise, 64 px wide.
    """

    def __init__(
        self,
        name: str,
        function: Callable[[np.ndarray], Any],
        width: int,
        identity: str | None = None,
    ) -> None:
        self.name, self.width, self.function = name, width, function
        if identity is None:
            noise = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
            answer = self(noise).features.astype(np.float64)
            rounded = np.char.mod("%.4g", answer).tolist()
            identity = hashlib.sha256(str(rounded).encode()).hexdigest()
        self.facts = {
            "expert": name,
            "weights": identity,
            "width": width,
            "resolution": "native",
            "resize": "none",
        }

    def __call__(self, images: Images) -> Output:
        """Features of images, as `Expert` gives them.

        Raises:
            UserError: the function answers with another shape.
        """
        features, logits = [], []
        for group in same_sizes(images):
            for start in range(0, len(group), BATCH):
                part = group[start : start + BATCH]
                answer = self.function(part)
                answer = answer if isinstance(answer, tuple) else (answer, None)
                f, y = (None if a is None else np.asarray(a, np.float32) for a in answer)
                if f.shape != (len(part), self.width):
                    raise UserError(
                        f"{self.name} answers {f.shape} for {len(part)} images; features are "
                        f"({len(part)}, {self.width})"
                    )
                features.append(f)
                if y is not None:
                    logits.append(y)
        rows = np.concatenate(features) if features else np.zeros((0, self.width), np.float32)
        return Output(rows, np.concatenate(logits) if logits else None)

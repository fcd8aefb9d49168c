"""Experts of one's own: an ONNX file, a TorchScript file that is trusted, or a Python callable.

A file is given float32 images (N, 3, H, W), RGB, 0 to 255, so that its preprocessing lives in it;
it answers with features (N, d), or with features and logits.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from idvae.errors import UserError
from idvae.evaluate.experts import onnx_file
from idvae.evaluate.experts.expert import BATCH, Expert, Images, Output, exact, same_sizes
from idvae.evaluate.experts.weights import sha256

PROBE = 32  # side of the images that measure an expert's width when it has no size


def open_file(name: str, path: str, size: int | None, device: str, trust: bool = False) -> Expert:
    """An expert from an .onnx file, or from a TorchScript file (.pt, .pth, .ts) that is trusted.

    Args:
        name: as in tables.
        path: the file.
        size: side that images are resized to; None leaves them as they are.
        device: where it computes; ONNX computes on the processor.
        trust: open TorchScript, which is a program: it can write any file, even when opened.

    Raises:
        UserError: no such file, TorchScript without `trust`, not a network, or it does not answer
            with rows of features.
    """
    if Path(path).suffix == ".onnx":
        content = onnx_file.read(Path(path))
        network = _Answer(name, onnx_file.open_onnx(Path(path), content, size))
        identity = {"weights": hashlib.sha256(content).hexdigest(), "runtime": onnx_file.runtime()}
    else:
        identity = {"weights": sha256(path)}
        if not trust:
            raise UserError(
                f"{name}={path} is no .onnx file, and TorchScript is a program that can do "
                "anything when it is opened: export it to ONNX (see docs/evaluation.md), or pass "
                "--trust if you know where it is from"
            )
        network = _Answer(name, _open_script(path))
    return Expert(
        name if size is None else f"{name}@{size}",
        network,
        _width(name, network.to(device), size, device),
        size=size,
        mean=0.0,
        scale=1.0,
        resize="bilinear, antialiased",
        identity={"expert": name, **identity},
        device=device,
    )


class _Answer(nn.Module):
    """Brings what a foreign network answers into the form (features, logits or None)."""

    def __init__(self, name: str, network: Any) -> None:
        super().__init__()
        self.name, self.network = name, network
        self.width: int | None = None  # once measured

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        try:
            answer = self.network(x)
        except Exception as error:  # of torch's and of onnxruntime's own
            raise UserError(
                f"{self.name} cannot take images {tuple(x.shape)}: {str(error).strip()[-120:]}; "
                "say another size with NAME=PATH@SIZE"
            ) from error
        answer = (answer,) if isinstance(answer, Tensor) else answer
        if not isinstance(answer, tuple | list) or not all(isinstance(a, Tensor) for a in answer):
            raise UserError(f"{self.name} answers no tensor; features are (N, d)")
        if any(a.ndim < 2 or len(a) != len(x) for a in answer[:2]) or not answer:
            shapes = ", ".join(str(tuple(a.shape)) for a in answer) or "nothing"
            raise UserError(
                f"{self.name} answers {shapes} for {len(x)} images; features are (N, d), and "
                "logits (N, classes)"
            )
        features = answer[0].flatten(1)
        width = features.shape[1]
        if width < 1 or (self.width is not None and width != self.width):
            raise UserError(
                f"{self.name} answers {width} features for images {tuple(x.shape[2:])}, and "
                f"{self.width or 'some'} for others; say one size with NAME=PATH@SIZE"
            )
        return features, answer[1] if len(answer) > 1 else None


def _open_script(path: str) -> nn.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch now prefers other formats
            return torch.jit.load(path, map_location="cpu")
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"{path} is not a TorchScript file; make one with torch.jit.trace(net, x).save(PATH)"
        ) from error


def _width(name: str, network: _Answer, size: int | None, device: str) -> int:
    """The number of features, once the network was seen to answer."""
    side = size or PROBE
    with exact():
        features, _ = network.eval()(torch.zeros(BATCH, 3, side, side, device=device))
    if features.dtype not in (torch.float32, torch.float16, torch.bfloat16, torch.float64):
        raise UserError(f"{name} answers {features.dtype}; features are float32 (N, d)")
    network.width = features.shape[1]
    return network.width


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

    in_parts = False

    def __init__(
        self,
        name: str,
        function: Callable[[np.ndarray], Any],
        width: int,
        identity: str | None = None,
    ) -> None:
        if not isinstance(width, Integral) or width < 1 or not callable(function):
            raise UserError("an expert is a name, a function, and the width of its features")
        self.name, self.width, self.function = name, int(width), function
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
            UserError: the function answers with what are no rows of features.
        """
        features, logits = [], []
        for group in same_sizes(images):
            for start in range(0, len(group), BATCH):
                # A copy: what it writes there, the next expert would see.
                part = group[start : start + BATCH].copy()
                answer = self.function(part)
                both = answer if isinstance(answer, tuple) else (answer, None)
                if len(both) != 2:
                    raise UserError(f"{self.name} answers {len(both)} things, not one or two")
                f = self._rows(both[0], len(part))
                if f is None or f.shape != (len(part), self.width):
                    raise UserError(
                        f"{self.name} answers {None if f is None else f.shape} for {len(part)} "
                        f"images; features are ({len(part)}, {self.width})"
                    )
                y = self._rows(both[1], len(part))
                if y is not None and (y.ndim != 2 or len(y) != len(part)):
                    raise UserError(
                        f"{self.name} answers logits {y.shape} for {len(part)} images; they are "
                        f"({len(part)}, classes)"
                    )
                features.append(f)
                if y is not None:
                    logits.append(y)
        rows = np.concatenate(features) if features else np.zeros((0, self.width), np.float32)
        return Output(rows, np.concatenate(logits) if logits else None)

    def _rows(self, answer: Any, n: int) -> np.ndarray | None:
        """One answer as float32, None where there is none."""
        if answer is None:
            return None
        if isinstance(answer, Tensor):
            answer = answer.detach().cpu()
            answer = answer if answer.is_complex() else answer.float().numpy()
        try:
            found = np.asarray(answer)
            if found.dtype.kind not in "biuf":
                raise TypeError(f"of the type {found.dtype}")
        except (TypeError, ValueError, RuntimeError) as error:
            raise UserError(
                f"{self.name} answers for {n} images what is no array of real numbers: "
                f"{str(error)[:100]}"
            ) from error
        return found.astype(np.float32)

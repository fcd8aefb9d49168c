"""What an expert is: images in, one row of features an image out, and the facts that name it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from idvae.evaluate.experts.resize import RESIZES
from idvae.fresh_torch import fresh_torch

# Networks always see batches of this many images, the last one filled up with blanks: with one
# shape a convolution is computed one way, so that a score does not depend on how images arrive.
BATCH = 32

Images = np.ndarray | Sequence[np.ndarray]


class Output(NamedTuple):
    """features (N, d), or (N, parts, d), and logits (N, classes) or None, both float32."""

    features: np.ndarray
    logits: np.ndarray | None


class Expert:
    """Maps images to features.

    Args:
        name: as in tables, such as "lite0@96".
        network: maps float (N, 3, S, S) to features (N, d) and logits (N, classes) or None.
        width: d.
        size: S, the side that images are resized to; None leaves them as they are.
        mean, scale: the network sees (bytes − mean) / scale, each a number or one a channel.
        resize: a name of RESIZES.
        identity: what makes two experts the same, the sha256 of the weights above all.
        device: where it computes.

    Class attributes:
        in_parts: whether features are (N, parts, d): of each part a Gaussian of its own, and of
            the distance the mean. Rows of them are not kept, and their width is that of the images.
    """

    in_parts = False

    def __init__(
        self,
        name: str,
        network: nn.Module,
        width: int,
        *,
        size: int | None,
        mean: float | Sequence[float],
        scale: float | Sequence[float],
        resize: str,
        identity: dict[str, Any],
        device: str = "cpu",
    ) -> None:
        self.name, self.width, self.size, self.resize = name, width, size, resize
        self.device = torch.device(device)
        # Channels last suits convolutions of this kind on processors: about twice as fast.
        self.network = network.eval().requires_grad_(False).to(self.device)
        self.network.to(memory_format=torch.channels_last)
        self.mean, self.scale = (
            torch.as_tensor(v, dtype=torch.float32, device=self.device).reshape(-1, 1, 1)
            for v in (mean, scale)
        )
        self.facts = {
            **identity,
            "width": width,
            "resolution": size or "native",
            "resize": resize if size else "none",
            "mean": mean if isinstance(mean, int | float) else list(mean),
            "scale": scale if isinstance(scale, int | float) else list(scale),
        }

    def __call__(self, images: Images) -> Output:
        """Features of images.

        Args:
            images: uint8, shape (N, H, W, C), or N arrays (H, W, C) of sizes that may differ;
                C is 1 or 3.
        """
        features, logits = [], []
        with exact():
            for x in self._batches(images):
                f, y = self.network(_filled(x))
                features.append(f[: len(x)].float().cpu().numpy())
                if y is not None:
                    logits.append(y[: len(x)].float().cpu().numpy())
        rows = np.concatenate(features) if features else np.zeros((0, self.width), np.float32)
        return Output(rows, np.concatenate(logits) if logits else None)

    def _batches(self, images: Images) -> Iterator[Tensor]:
        """Prepared images in batches of one size; resized ones share batches whatever they were."""
        waiting: list[Tensor] = []
        for group in same_sizes(images):
            for start in range(0, len(group), BATCH):
                part = torch.from_numpy(np.ascontiguousarray(group[start : start + BATCH]))
                waiting.append(self.prepare(part))
                if self.size is None or len(part) == BATCH:
                    yield from _joined(waiting)
                    waiting = []
        yield from _joined(waiting)

    def prepare(self, images: Tensor) -> Tensor:
        """uint8 (N, H, W, C) to what the network sees, float32 (N, 3, S, S)."""
        x = images.to(self.device).permute(0, 3, 1, 2).float()
        if x.shape[1] == 1:
            x = x.expand(-1, 3, -1, -1)
        if self.size:
            x = RESIZES[self.resize](x, self.size)
        x = (x - self.mean) / self.scale
        return x.contiguous(memory_format=torch.channels_last)


def _joined(parts: list[Tensor]) -> Iterator[Tensor]:
    """Neighbouring tensors as batches of BATCH and a rest."""
    if len(parts) == 1:
        yield parts[0]
    elif parts:
        whole = torch.cat(parts).contiguous(memory_format=torch.channels_last)
        yield from whole.split(BATCH)


def _filled(x: Tensor) -> Tensor:
    if len(x) == BATCH:
        return x
    full = x.new_zeros((BATCH, *x.shape[1:])).contiguous(memory_format=torch.channels_last)
    full[: len(x)] = x
    return full


def same_sizes(images: Images) -> Iterator[np.ndarray]:
    """Neighbouring images of one size as one array (k, H, W, C)."""
    if isinstance(images, np.ndarray):
        if len(images):
            yield images
        return
    for _, group in groupby(images, key=lambda image: image.shape):
        yield np.stack(list(group))


@contextmanager
def exact() -> Iterator[None]:
    """As a fresh torch, without gradients and TF32, and by the same algorithms every time."""
    before = (
        torch.backends.cuda.matmul.allow_tf32,
        torch.backends.cudnn.allow_tf32,
        torch.backends.cudnn.benchmark,
        torch.backends.cudnn.deterministic,
    )
    _set_cuda(False, False, False, True)
    try:
        with fresh_torch(), torch.inference_mode():
            yield
    finally:
        _set_cuda(*before)


def _set_cuda(matmul: bool, convolution: bool, benchmark: bool, deterministic: bool) -> None:
    torch.backends.cuda.matmul.allow_tf32 = matmul
    torch.backends.cudnn.allow_tf32 = convolution
    torch.backends.cudnn.benchmark = benchmark
    torch.backends.cudnn.deterministic = deterministic


def fold_batch_norm(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    """Write an eval-mode batch norm into the convolution before it, in place, in float64."""
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    bias = norm.bias.double() - norm.running_mean.double() * scale
    weight = convolution.weight.double() * scale[:, None, None, None]
    convolution.weight = nn.Parameter(weight.float(), requires_grad=False)
    convolution.bias = nn.Parameter(bias.float(), requires_grad=False)

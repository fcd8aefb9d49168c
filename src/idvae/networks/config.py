"""What networks are built for and how: the shape of the data, preset, width, latent size."""

from dataclasses import dataclass
from typing import Annotated

from idvae.options import Within

IMAGE_SIZES = (16, 32, 64, 128)
Width = Annotated[int, Within(least=1, most=65_536)]  # more would not fit any machine's memory


@dataclass(frozen=True)
class DataShape:
    """What the networks need to know of the data.

    Args:
        size: side of the square images in pixels; 0 for points.
        channels: 1 or 3 for images; the number of coordinates for points.
        condition: width of the condition y, 0 without one.
    """

    size: int
    channels: int
    condition: int = 0

    @property
    def is_points(self) -> bool:
        return self.size == 0

    def batch(self, n: int) -> tuple[int, ...]:
        """Shape of n of them as the networks see them: (n, C, H, W), or (n, C) for points."""
        return (n, self.channels) if self.is_points else (n, self.channels, self.size, self.size)


@dataclass
class NetworkConfig:
    """The networks: a preset, and what to change in it.

    Attributes:
        preset: `small` (light, for CPUs), `deep` (twice its convolutions, and a decoder that reads
            the code at every layer), `paper` (the recipe of IDVAE's authors), `residual` (without
            normalisation, after R3GAN), or for points `mlp` or `deep-mlp` (that of Soft-IntroVAE's
            authors); by default `small` for images and `mlp` for points.
        width: channels of the first convolution, in `residual` at half the side of the images, or
            units of a hidden layer of `mlp` and `deep-mlp`; by default 32 (small, deep, residual),
            64 (paper), 128 (mlp) or 256 (deep-mlp).
        z_dim: dimensions of the latent code z; by default 64 (small, deep, residual), 128 (paper),
            4 (mlp) or 2 (deep-mlp).
        spectral: divide each layer of a discriminator or a critic by its largest singular value
            (spectral normalisation, Miyato et al.); what IDVAE's encoder shares with one, too.
    """

    preset: str | None = None
    width: Width | None = None
    z_dim: Width | None = None
    spectral: bool = False

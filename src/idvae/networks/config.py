"""What networks are built for and how: the shape of the data, preset, width, latent size."""

from dataclasses import dataclass
from typing import Annotated, Literal

from idvae.errors import UserError
from idvae.options import Within, check_ranges

IMAGE_SIZES = (16, 32, 64, 128)
Preset = Literal["small", "paper", "mlp"]
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
        preset: `small` (light, for CPUs), `paper` (the recipe of IDVAE's authors) or `mlp`
            (points); by default `small` for images and `mlp` for points.
        width: channels of the first convolution, or units of a hidden layer of `mlp`; by
            default 32 (small), 64 (paper) or 128 (mlp).
        z_dim: dimensions of the latent code z; by default 64 (small), 128 (paper) or 4 (mlp).
    """

    preset: Preset | None = None
    width: Width | None = None
    z_dim: Width | None = None

    def resolved(self, shape: DataShape) -> "NetworkConfig":
        """The same with every default filled in.

        Raises:
            UserError: a preset that does not fit the data, or a size that is out of range.
        """
        preset = self.preset or ("mlp" if shape.is_points else "small")
        if (preset == "mlp") != shape.is_points:
            fitting = "mlp" if shape.is_points else "small or paper"
            kind = "points" if shape.is_points else "images"
            raise UserError(f"--preset {preset} does not fit {kind}; choose {fitting}")
        width, z_dim = {"small": (32, 64), "paper": (64, 128), "mlp": (128, 4)}[preset]
        config = NetworkConfig(
            preset,
            width if self.width is None else self.width,
            z_dim if self.z_dim is None else self.z_dim,
        )
        check_ranges(config)
        return config

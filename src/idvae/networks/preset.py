"""What a preset of networks is: one class, in a file of its own, named in the registry."""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import nn

from idvae.networks.config import DataShape
from idvae.networks.trunks import Stage


class Preset(ABC):
    """The trunk and the decoder of one recipe; heads and critics fit any.

    Args:
        shape: the data.
        width: channels of the first convolution, or units of a hidden layer.
        z_dim: dimensions of the latent code.

    Class attributes:
        fits_points: whether it is for points; else for images.
        default_width, default_z_dim: where the user names none.
        softplus: whether σ of q(z|x) is a softplus; else σ² is an exponential.
        critic_width: units of a hidden layer of a critic of codes.

    Attributes:
        features: how many the trunk makes.
    """

    fits_points: ClassVar[bool] = False
    default_width: ClassVar[int]
    default_z_dim: ClassVar[int]
    softplus: ClassVar[bool] = False
    critic_width: ClassVar[int] = 750

    features: int

    def __init__(self, shape: DataShape, width: int, z_dim: int) -> None:
        self.shape, self.width, self.z_dim = shape, width, z_dim

    @abstractmethod
    def trunk(self) -> nn.Module:
        """(x (B, C, H, W), y (B, Y) or None) → features Dis_l(x), shape (B, features)."""

    @abstractmethod
    def decoder(self) -> nn.Module:
        """(z (B, Z), y (B, Y) or None) → x (B, C, H, W) in [−1, 1]."""


class ConvPreset(Preset):
    """One whose trunk is a chain of convolutions, which its decoder walks back."""

    def __init__(self, shape: DataShape, width: int, z_dim: int) -> None:
        super().__init__(shape, width, z_dim)
        self.stages = self.stages_of(shape.size, width)
        self.features = self.stages[-1].width * self.stages[-1].side ** 2

    @staticmethod
    @abstractmethod
    def stages_of(size: int, width: int) -> tuple[Stage, ...]:
        """The convolutions of a trunk for images of `size` pixels, from `width` channels on."""

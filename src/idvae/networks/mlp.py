"""`mlp`: fully connected networks, for points."""

from torch import Tensor, nn
from torch.nn import functional as F

from idvae.networks.config import DataShape
from idvae.networks.initial import join
from idvae.networks.preset import Preset
from idvae.networks.trunks import Trunk


class MLP(Preset):
    """Trunk and decoder of two hidden layers each."""

    fits_points = True
    default_width, default_z_dim = 128, 4
    critic_width = 128

    def __init__(self, shape: DataShape, width: int, z_dim: int) -> None:
        super().__init__(shape, width, z_dim)
        self.features = width

    def trunk(self) -> nn.Module:
        return MLPTrunk(self.shape.channels, self.width, self.shape.condition)

    def decoder(self) -> nn.Module:
        return MLPDecoder(self.z_dim, self.width, self.shape.channels, self.shape.condition)


class MLPTrunk(Trunk):
    """θ_shared for points: two hidden layers; y joins after the first."""

    depth = 2

    def __init__(self, coordinates: int, width: int, condition: int) -> None:
        super().__init__()
        self.condition = condition
        self.first = nn.Linear(coordinates, width)
        self.second = nn.Linear(width + condition, width)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Points (B, C) → features (B, width)."""
        h = F.leaky_relu(self.first(x), 0.2)
        return F.leaky_relu(self.second(join(h, y if self.condition else None)), 0.2)

    def cut(self, blocks: int) -> tuple[nn.Module, nn.Module]:
        return Hidden(self.first, 0), Hidden(self.second, self.condition)


class Hidden(nn.Module):
    """One hidden layer of a trunk that was cut.

    Args:
        layer: with the trunk's weights.
        condition: width of the y that it takes too, 0 without one.
    """

    def __init__(self, layer: nn.Linear, condition: int) -> None:
        super().__init__()
        self.layer, self.condition = layer, condition

    def forward(self, h: Tensor, y: Tensor | None = None) -> Tensor:
        """Points or features (B, F) → features (B, width)."""
        return F.leaky_relu(self.layer(join(h, y if self.condition else None)), 0.2)


class MLPDecoder(nn.Module):
    """θ_dec for points: two hidden layers."""

    def __init__(self, z_dim: int, width: int, coordinates: int, condition: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(z_dim + condition, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, coordinates),
        )

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Codes (B, Z) → points (B, C), without a bound."""
        return self.layers(join(z, y))

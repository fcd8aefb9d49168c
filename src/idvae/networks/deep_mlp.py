"""`deep-mlp`: as many hidden layers as Soft-IntroVAE's authors have for points."""

from itertools import pairwise

from torch import Tensor, nn

from idvae.networks.initial import join
from idvae.networks.mlp import MLP


class DeepMLP(MLP):
    """Trunk and decoder of four hidden layers each; y joins before the first."""

    default_width, default_z_dim = 256, 2

    def trunk(self) -> nn.Module:
        return Hidden(self.shape.channels, self.shape.condition, self.width)

    def decoder(self) -> nn.Module:
        hidden = Hidden(self.z_dim, self.shape.condition, self.width)
        hidden.layers.append(nn.Linear(self.width, self.shape.channels))
        return hidden


class Hidden(nn.Module):
    """Four hidden layers of `width` units over `inputs` numbers and a condition."""

    def __init__(self, inputs: int, condition: int, width: int) -> None:
        super().__init__()
        self.condition = condition
        sizes = [inputs + condition, width, width, width, width]
        self.layers = nn.Sequential()
        for before, after in pairwise(sizes):
            self.layers.extend([nn.Linear(before, after), nn.ReLU()])

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """x (B, inputs), y (B, Y) or None → (B, width), or what an appended layer makes of it."""
        return self.layers(join(x, y if self.condition else None))

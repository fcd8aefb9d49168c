"""θ_dec: the VAE's decoder, which is also the GAN's generator."""

import torch
from torch import Tensor, nn

from idvae.networks.config import DataShape
from idvae.networks.initial import initialise, join
from idvae.networks.norm import CODES, BatchNorm
from idvae.networks.trunks import Stage


class ConvDecoder(nn.Module):
    """θ_dec: a fully connected layer to the trunk's last feature map, then what `blocks` makes."""

    def __init__(self, last: Stage, shape: DataShape, z_dim: int, blocks: list[nn.Module]) -> None:
        super().__init__()
        self.first = (last.width, last.side, last.side)
        self.project = nn.Linear(z_dim + shape.condition, last.width * last.side**2, bias=False)
        self.project_norm = nn.Sequential(BatchNorm(last.width, CODES), nn.ReLU(inplace=True))
        self.blocks = nn.Sequential(*blocks)
        initialise(self)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Images of codes.

        Args:
            z: codes, shape (B, Z).
            y: conditions, shape (B, Y), where the decoder was built with them.

        Returns:
            in [−1, 1], shape (B, C, H, W).
        """
        h = self.project(join(z, y)).unflatten(1, self.first)
        return torch.tanh(self.blocks(self.project_norm(h)))

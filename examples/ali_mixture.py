"""ALI and a GAN with the networks of ALI's authors, on 25 Gaussians: methods of your own.

Networks, rates and data are those of experiments/ali_mixture.py and gan_mixture.py in the authors'
code (IshmaelBelghazi/ALI), whose 200 epochs are 200,000 steps. A method that idvae does not have
needs its class and a call of `register`; the command line then trains, resumes and compares it.

python examples/ali_mixture.py train ali-mixture --data gaussians-grid \
    --config examples/ali_mixture.yaml --seed 0 --out runs/ali-mixture-seed0
"""

import sys
from itertools import pairwise

import torch
from torch import Generator, Tensor, nn

from idvae import losses, methods
from idvae.cli import main
from idvae.methods.ali import ALI
from idvae.methods.gan import GAN
from idvae.methods.method import Method, Update
from idvae.networks import BatchNorm, Networks, statistics_of

HIDDEN, MAXOUT, PIECES = 400, 200, 5


class Normalised(nn.Sequential):
    """Hidden layers with batch normalisation and ReLU, and a last one with neither.

    Args:
        widths: of what comes in, of each hidden layer, and of what goes out.
        kind: of the batches whose running statistics are kept.
    """

    def __init__(self, *widths: int, kind: str) -> None:
        super().__init__()
        for before, after in pairwise(widths[:-1]):
            linear = nn.Linear(before, after, bias=False)
            self.extend([linear, BatchNorm(after, (kind,)), nn.ReLU()])
        self.append(nn.Linear(widths[-2], widths[-1]))

    def forward(self, h: Tensor, y: Tensor | None = None) -> Tensor:
        """(B, first width), and no condition → (B, last width)."""
        return super().forward(h)


class Maxout(nn.Linear):
    """The greatest of `PIECES` linear functions, for each output."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs * PIECES)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs) → (B, outputs)."""
        return super().forward(x).unflatten(1, (-1, PIECES)).amax(2)


class Discriminator(nn.Module):
    """Three layers of maxout over all that it is given, side by side, without normalisation."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        widths = [inputs, MAXOUT, MAXOUT, MAXOUT]
        self.layers = nn.Sequential(*(Maxout(a, b) for a, b in pairwise(widths)))
        self.layers.append(nn.Linear(MAXOUT, 1))

    def forward(self, x: Tensor, *others: Tensor | None) -> Tensor:
        """Points (B, C), codes (B, Z) for ALI, and no condition → logits (B,)."""
        return self.layers(torch.cat([x, *(h for h in others if h is not None)], 1)).squeeze(1)


def small_normal(network: nn.Module) -> None:
    """Weights from N(0, 0.02²), biases 0."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class MixtureALI(ALI):
    """E: (x, ε) → z, without a σ, G: z → x, D: (x, z) → a logit. The code of x is that of ε = 0."""

    name = "ali-mixture"
    title = "ALI with its authors' networks"

    def __init__(self, nets: Networks, config: object) -> None:
        Method.__init__(self, nets, config)
        points, z = nets.shape.channels, nets.z_dim
        self.enc = Normalised(points + z, HIDDEN, HIDDEN, z, kind="real")
        self.dec = Normalised(z, HIDDEN, HIDDEN, HIDDEN, HIDDEN, points, kind="prior")
        self.pair = Discriminator(points + z)
        self.groups = {"gen": ("enc", "dec"), "dis": ("pair",)}
        small_normal(self)

    def code(self, x: Tensor, y: Tensor | None, eps: Tensor) -> Tensor:
        return self.enc(torch.cat([x, eps], 1))

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.code(x, y, x.new_zeros(len(x), self.z_dim))


class MixtureGAN(GAN):
    """The same G, and the same D of x alone; both move at once, as ALI's do."""

    name = "gan-mixture"
    title = "GAN with the networks of ALI's authors"

    def __init__(self, nets: Networks, config: object) -> None:
        Method.__init__(self, nets, config)
        self.dec = Normalised(nets.z_dim, *[HIDDEN] * 4, nets.shape.channels, kind="prior")
        self.dis = Discriminator(nets.shape.channels)
        self.groups = {"dis": ("dis",), "dec": ("dec",)}
        small_normal(self)

    def draw_noise(self, n: int, generator: Generator) -> dict[str, Tensor]:
        return {"z": self.draw_prior(n, generator)}

    def step(self, x: Tensor, y: Tensor | None, update: Update, *, z: Tensor) -> None:
        with statistics_of("prior"):
            x_gen = self.dec(z)
        of_data, of_gen = self.dis(x), self.dis(x_gen)
        update.together(
            {"dis": losses.real_fake(of_data, of_gen), "dec": -losses.mean_log_dis(of_gen)}
        )

    def logit(self, x: Tensor, y: Tensor | None) -> Tensor:
        return self.dis(x)


for method in (MixtureALI, MixtureGAN):
    methods.register(method.name, f"ali_mixture:{method.__name__}")

if __name__ == "__main__":
    sys.exit(main())

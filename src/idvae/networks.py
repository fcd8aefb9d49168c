"""The networks that every method is built from: trunk, heads and decoder.

Three presets: `paper`, the recipe of IDVAE's authors; `small`, lighter, for CPUs; `mlp`, for
points. A method asks a `Networks` for the parts that it needs and so never sees sizes.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idvae.errors import UserError

IMAGE_SIZES = (16, 32, 64, 128)
SOURCES = 2  # kinds of codes that a decoder tells apart: of the prior (0), of the posterior (1)
Preset = Literal["small", "paper", "mlp"]


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
    width: int | None = None
    z_dim: int | None = None

    def resolved(self, shape: DataShape) -> "NetworkConfig":
        """The same with every default filled in.

        Raises:
            UserError: a preset that does not fit the data, or a size that is not positive.
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
        for name in ("width", "z_dim"):
            if getattr(config, name) < 1:
                flag = name.replace("_", "-")
                raise UserError(f"--{flag} {getattr(config, name)} is too small; it is at least 1")
        return config


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
        return _paper_stages(self) if self.preset == "paper" else _small_stages(self)

    def _features(self) -> int:
        if self.preset == "mlp":
            return self.width
        stages = self._stages()
        return stages[-1].width * stages[-1].side ** 2


@dataclass(frozen=True)
class Stage:
    """One convolution of the trunk: its output channels, its stride and its output side."""

    width: int
    stride: int
    side: int


def _small_stages(nets: Networks) -> tuple[Stage, ...]:
    """Halve the image down to 4×4, doubling the width up to eightfold."""
    stages, side, width = [], nets.shape.size // 2, nets.width
    while side >= 4:
        stages.append(Stage(width, 2, side))
        side, width = side // 2, min(2 * width, 8 * nets.width)
    return tuple(stages)


def _paper_stages(nets: Networks) -> tuple[Stage, ...]:
    """64 s2, 128 s2, 256 s2, 512 s1: 8·8·512 features at 64 px, 4·4·512 at 32 px.

    At 128 px, which the authors did not use, 512 s2 comes before the last, again 8·8·512.
    """
    w, size = nets.width, nets.shape.size
    widths = [w, 2 * w, 4 * w] + ([8 * w] if size == 128 else [])
    stages = [Stage(c, 2, size >> (i + 1)) for i, c in enumerate(widths)]
    return (*stages, Stage(8 * w, 1, stages[-1].side))


class BatchNorm(nn.Module):
    """Batch normalisation that is told where a batch comes from.

    In training every batch is normalised by its own statistics. Eval mode uses running ones, and
    those must be of the same kind of batch. A trunk sees real and fake images: its running
    statistics follow real ones only, or what it encodes in eval mode would drift from what it
    learnt. A decoder sees codes of the posterior and of the prior, whose activations differ as
    long as the two do: it keeps running statistics of each, so that eval mode reconstructs and
    samples as training did.

    Args:
        width: channels.
        sources: how many kinds of batches are told apart.
    """

    def __init__(self, width: int, sources: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("running_mean", torch.zeros(sources, width))
        self.register_buffer("running_var", torch.ones(sources, width))
        self.source = 0
        self.track = False

    def forward(self, x: Tensor) -> Tensor:
        """Normalise a batch, shape (B, width, H, W)."""
        mean, var = self.running_mean[self.source], self.running_var[self.source]
        if self.training and not self.track:
            mean = var = None
        return F.batch_norm(x, mean, var, self.weight, self.bias, self.training, 0.1, 1e-5)


class NormedNetwork(nn.Module):
    """A network whose batch normalisations are told at each call what the batch is."""

    def set_norms(self, track: bool, source: int = 0) -> None:
        """Whether the running statistics of `source` follow the next batch."""
        for module in self.modules():
            if isinstance(module, BatchNorm):
                module.track, module.source = track, source


class ConvTrunk(NormedNetwork):
    """θ_shared: convolutions up to the layer l that encoder and discriminator share.

    `paper`: 5×5, batch normalisation and ReLU after each. `small`: 4×4, leaky ReLU, no
    normalisation after the first. A condition y is replicated over space and concatenated
    after the first convolution (Perarnau et al., section 5.3 of the paper).
    """

    def __init__(
        self, stages: tuple[Stage, ...], channels: int, condition: int, preset: Preset
    ) -> None:
        super().__init__()
        self.condition = condition
        paper = preset == "paper"
        kernel, padding = (5, 2) if paper else (4, 1)
        blocks, previous = [], channels
        for i, stage in enumerate(stages):
            normed = paper or i > 0
            # "same" padding of a 5×5 kernel; a 4×4 one tiles a stride of 2 evenly.
            layers: list[nn.Module] = [
                nn.Conv2d(previous, stage.width, kernel, stage.stride, padding, bias=not normed)
            ]
            if normed:
                layers.append(BatchNorm(stage.width))
            layers.append(nn.ReLU() if paper else nn.LeakyReLU(0.2))
            blocks.append(nn.Sequential(*layers))
            previous = stage.width + (condition if i == 0 else 0)
        self.blocks = nn.ModuleList(blocks)
        _initialise(self)

    def forward(self, x: Tensor, y: Tensor | None = None, track: bool = False) -> Tensor:
        """Features Dis_l(x), flattened.

        Args:
            x: images in [−1, 1], shape (B, C, H, W).
            y: condition, shape (B, Y), where the trunk was built with one.
            track: whether this batch of real images feeds the running statistics.

        Returns:
            shape (B, features).
        """
        self.set_norms(track)
        h = self.blocks[0](x)
        if self.condition:
            h = torch.cat([h, y.to(h.dtype)[:, :, None, None].expand(-1, -1, *h.shape[2:])], 1)
        for block in self.blocks[1:]:
            h = block(h)
        return h.flatten(1)


class GaussianHead(nn.Module):
    """θ_enc = {θ_μ, θ_Σ}: one fully connected layer for μ and one for σ.

    σ = softplus(a) in the authors' recipe, σ² = exp(a) otherwise.
    """

    def __init__(self, features: int, z_dim: int, softplus: bool) -> None:
        super().__init__()
        self.mu = nn.Linear(features, z_dim)
        self.sigma = nn.Linear(features, z_dim)
        self.softplus = softplus
        _initialise(self)

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, features) → μ and log σ², each (B, Z)."""
        mu, a = self.mu(h), self.sigma(h)
        # 1e-6: the logarithm of a softplus that underflowed stays finite.
        return mu, (2.0 * torch.log(F.softplus(a) + 1e-6) if self.softplus else a)


class CodeHead(nn.Module):
    """One fully connected layer from features to a code."""

    def __init__(self, features: int, z_dim: int) -> None:
        super().__init__()
        self.code = nn.Linear(features, z_dim)
        _initialise(self)

    def forward(self, h: Tensor) -> Tensor:
        """Features (B, features) → z (B, Z)."""
        return self.code(h)


class LogitHead(nn.Module):
    """θ_dis: one fully connected layer to the logit of the discriminator."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.logit = nn.Linear(features, 1)
        _initialise(self)

    def forward(self, h: Tensor) -> Tensor:
        """Features (B, features) → logits D (B,), with Dis = sigmoid(D)."""
        return self.logit(h).squeeze(1)


class ConvDecoder(NormedNetwork):
    """θ_dec: a fully connected layer to the trunk's last feature map, then what `blocks` makes."""

    def __init__(self, last: Stage, shape: DataShape, z_dim: int, blocks: list[nn.Module]) -> None:
        super().__init__()
        self.first = (last.width, last.side, last.side)
        self.project = nn.Linear(z_dim + shape.condition, last.width * last.side**2, bias=False)
        self.project_norm = nn.Sequential(BatchNorm(last.width, SOURCES), nn.ReLU())
        self.blocks = nn.Sequential(*blocks)
        _initialise(self)

    def forward(
        self, z: Tensor, y: Tensor | None = None, posterior: bool = False, track: bool = False
    ) -> Tensor:
        """Images of codes.

        Args:
            z: codes, shape (B, Z).
            y: conditions, shape (B, Y), where the decoder was built with them.
            posterior: whether the codes come from an encoder; else they are of the prior.
            track: whether this batch feeds the running statistics of its kind.

        Returns:
            in [−1, 1], shape (B, C, H, W).
        """
        self.set_norms(track, source=int(posterior))
        h = self.project(_join(z, y)).unflatten(1, self.first)
        return torch.tanh(self.blocks(self.project_norm(h)))


class SmallDecoder(ConvDecoder):
    """Each block doubles the side by repetition, then convolves 3×3; one more at full size.

    A transposed convolution writes each phase of its stride with other weights, which shows
    as a checker pattern; here the weights cannot tell the phases of a pixel apart. Bilinear
    interpolation cannot either, but it leaves edges so soft that the discriminator always wins.
    """

    def __init__(self, stages: tuple[Stage, ...], shape: DataShape, z_dim: int) -> None:
        widths = [stage.width for stage in reversed(stages)]
        blocks: list[nn.Module] = []
        for previous, width in pairwise([*widths, max(widths[-1] // 2, 1)]):
            conv = nn.Conv2d(previous, width, 3, 1, 1, bias=False)
            blocks += [nn.Upsample(scale_factor=2), conv, BatchNorm(width, SOURCES), nn.ReLU()]
        blocks.append(nn.Conv2d(max(widths[-1] // 2, 1), shape.channels, 3, 1, 1))
        super().__init__(stages[-1], shape, z_dim, blocks)


class PaperDecoder(ConvDecoder):
    """The authors' recipe: 5×5 transposed convolutions, and one of stride 1 to tanh."""

    def __init__(self, stages: tuple[Stage, ...], shape: DataShape, z_dim: int) -> None:
        widths = [stages[-1].width, *(stage.width for stage in reversed(stages[:-1]))]
        blocks: list[nn.Module] = []
        for previous, width in pairwise(widths):
            # output_padding 1: exactly twice the side.
            conv = nn.ConvTranspose2d(previous, width, 5, 2, 2, output_padding=1, bias=False)
            blocks += [conv, BatchNorm(width, SOURCES), nn.ReLU()]
        blocks.append(nn.ConvTranspose2d(widths[-1], shape.channels, 5, 1, 2))
        super().__init__(stages[-1], shape, z_dim, blocks)


class MLPTrunk(nn.Module):
    """θ_shared for points: two hidden layers; y joins after the first."""

    def __init__(self, coordinates: int, width: int, condition: int) -> None:
        super().__init__()
        self.condition = condition
        self.first = nn.Linear(coordinates, width)
        self.second = nn.Linear(width + condition, width)

    def forward(self, x: Tensor, y: Tensor | None = None, track: bool = False) -> Tensor:
        """Points (B, C) → features (B, width); `track` has nothing to do here."""
        h = F.leaky_relu(self.first(x), 0.2)
        return F.leaky_relu(self.second(_join(h, y if self.condition else None)), 0.2)


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

    def forward(
        self, z: Tensor, y: Tensor | None = None, posterior: bool = False, track: bool = False
    ) -> Tensor:
        """Codes (B, Z) → points (B, C); `posterior` and `track` have nothing to do here."""
        return self.layers(_join(z, y))


class CodeCritic(nn.Module):
    """Three hidden layers with leaky ReLU, no normalisation: α-GAN's critic of codes."""

    def __init__(self, z_dim: int, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for previous in (z_dim, width, width):
            layers += [nn.Linear(previous, width), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Linear(width, 1))

    def forward(self, z: Tensor) -> Tensor:
        """Codes (B, Z) → logits (B,)."""
        return self.layers(z).squeeze(1)


def _join(h: Tensor, y: Tensor | None) -> Tensor:
    return h if y is None else torch.cat([h, y.to(h.dtype)], 1)


def _initialise(module: nn.Module) -> None:
    """Weights from a normal of deviation 0.02 cut at two deviations, biases 0 (the authors')."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=0.02, a=-0.04, b=0.04)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

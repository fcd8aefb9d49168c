"""The rivals of `idvae bench sample`: pythae's VAE and diffusers' AutoencoderKL."""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from idvae.bench.machine_rate import multiply_adds
from idvae.bench.pythae_vaegan import parts
from idvae.networks import DataShape, NetworkConfig, Networks

CHANNELS = 4  # of a code of AutoencoderKL, as of those that were published
WIDEST = 256  # channels of its first level


@dataclass
class Rival:
    """Another library's autoencoder in eval mode, with the weights that it starts from.

    Attributes:
        name: as in tables.
        code: shape of the code of one image.
        decode: codes (B, *code) → images (B, C, H, W).
        encode: images → codes.
        work: multiply-adds of decoding and of encoding an image, in millions; None where the
            networks are the library's own.
    """

    name: str
    code: tuple[int, ...]
    decode: Callable[[Tensor], Tensor]
    encode: Callable[[Tensor], Tensor]
    work: tuple[float, float] | None = None


def pythae_vae(shape: DataShape, networks: NetworkConfig, device: torch.device) -> Rival:
    """pythae's VAE around the library's networks, which it calls by its own interfaces."""
    from pythae.models import VAE, VAEConfig

    nets = Networks(shape, networks)
    encoder, decoder, _ = parts(nets)
    config = VAEConfig(input_dim=shape.batch(1)[1:], latent_dim=nets.z_dim)
    model = VAE(config, encoder, decoder).to(device).eval()
    return Rival(
        "pythae's VAE, our networks",
        (nets.z_dim,),
        lambda z: model.decoder(z)["reconstruction"],
        lambda x: model.encoder(x)["embedding"],
    )


def autoencoder_kl(
    shape: DataShape, decoding: float, encoding: float, device: torch.device
) -> Rival:
    """diffusers' AutoencoderKL in the proportions of the published ones, made narrower.

    Four levels of 1, 2, 4 and 4 times the first one's channels, two blocks a level. One is as wide
    as comes nearest to the multiply-adds of decoding, another one to those of encoding.

    Args:
        shape: of the images.
        decoding, encoding: multiply-adds of an image to come near to, in millions.
        device: where it computes.
    """
    side = shape.size // 8
    code = (CHANNELS, side, side)
    decoder, decode_work = _nearest(decoding, shape, lambda model: _decode(model, code))
    encoder, encode_work = _nearest(encoding, shape, lambda model: _encode(model, shape))
    decoder, encoder = (_made(shape, width).to(device).eval() for width in (decoder, encoder))
    return Rival(
        "diffusers' AutoencoderKL",
        code,
        lambda z: decoder.decode(z).sample,
        lambda x: encoder.encode(x).latent_dist.mode(),
        (decode_work, encode_work),
    )


def _made(shape: DataShape, width: int) -> Any:
    from diffusers import AutoencoderKL

    groups = next(g for g in range(min(32, max(1, width // 4)), 0, -1) if width % g == 0)
    return AutoencoderKL(
        in_channels=shape.channels,
        out_channels=shape.channels,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(width, 2 * width, 4 * width, 4 * width),
        layers_per_block=2,
        latent_channels=CHANNELS,
        norm_num_groups=groups,
        sample_size=shape.size,
    )


def _decode(model: Any, code: tuple[int, ...]) -> Tensor:
    return model.decode(torch.empty(1, *code, device="meta")).sample


def _encode(model: Any, shape: DataShape) -> Any:
    return model.encode(torch.empty(shape.batch(1), device="meta"))


def _nearest(target: float, shape: DataShape, work: Callable[[Any], object]) -> tuple[int, float]:
    """The width whose multiply-adds come nearest to the target, and those, in millions."""

    @torch.no_grad()
    def count(width: int) -> float:
        with torch.device("meta"):
            model = _made(shape, width).eval()
        return multiply_adds(lambda: work(model))

    above = min(bisect_left(range(1, WIDEST), target, key=count) + 1, WIDEST)
    found = {width: count(width) for width in (max(1, above - 1), above)}
    return min(found.items(), key=lambda pair: abs(pair[1] - target))

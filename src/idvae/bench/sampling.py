"""`idvae bench sample`: images a second that are drawn and encoded, beside other libraries."""

import copy
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from idvae.bench.contestants import settings_of
from idvae.bench.images import make_set
from idvae.bench.machine_rate import multiply_adds
from idvae.bench.optional import is_there
from idvae.bench.rounds import Figure, figure, rounds
from idvae.bench.sampling_rivals import Rival, autoencoder_kl, pythae_vae
from idvae.data.pixels import to_float, to_uint8
from idvae.model import BLOCK, Model
from idvae.training import start

OURS = "idvae"

Announce = Callable[[str], None]


def measure(
    n: int, side: int, options: dict[str, Any], repeats: int, announce: Announce
) -> list[Figure]:
    """Codes of the prior to bytes, and bytes to codes: arrays in, arrays out.

    The library by `Model.sample` and `Model.encode`; the rivals' networks bare, in blocks of as
    many, without gradients, from and to bytes by the library's functions.

    Args:
        n: images a round.
        side: of the images, which have three channels.
        options: of `idvae train`, for the library's networks.
        repeats: rounds.
        announce: is told of multiply-adds, of each round, and of rivals that are left out.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        chosen = settings_of("idvae", 1, options)
        prepared = make_set(folder / "images", max(n, 2 * chosen.train.batch_size), side)
        trainer = start.start(chosen, prepared, folder / "run", True)
        trainer.fit()
        device = trainer.processes.device
        model = Model(trainer.run, device=str(device))
        images = prepared.split("train").gather(np.arange(n))
        drawn: dict[str, Callable[[], np.ndarray]] = {OURS: lambda: model.sample(n)}
        encoded: dict[str, Callable[[], np.ndarray]] = {OURS: lambda: model.encode(images)}
        for rival in rivals(model, announce):
            drawn[rival.name] = lambda rival=rival: draw(rival, n, device)
            encoded[rival.name] = lambda rival=rival: encode(rival, images, device)
        running = {
            f"{what}, {name}": lambda work=work: n / seconds(work)
            for what, works in (("drawn", drawn), ("encoded", encoded))
            for name, work in works.items()
        }
        found = rounds(running, repeats, announce)
    figures = []
    for what, works in (("drawn", drawn), ("encoded", encoded)):
        names = [f"{what}, {name}" for name in works]
        figures += [figure(found, names[0], "images/s", name) for name in names[1:] or [None]]
        figures += [figure(found, name, "images/s") for name in names[1:]]
    return figures


def rivals(model: Model, announce: Announce) -> list[Rival]:
    """Those that are installed: one with our networks, one of as many multiply-adds."""
    made = []
    if is_there("pythae", announce):
        made.append(pythae_vae(model.shape, model.settings.networks, model.device))
    if is_there("diffusers", announce):
        ours = work_of(model)
        rival = autoencoder_kl(model.shape, *ours, model.device)
        told = ", ".join(
            f"to {what} idvae {own:.2f} and {rival.name} {its:.2f}"
            for what, own, its in zip(("decode", "encode"), ours, rival.work, strict=True)
        )
        announce(f"multiply-adds an image, millions: {told}")
        made.append(rival)
    return made


def work_of(model: Model) -> tuple[float, float]:
    """Multiply-adds of decoding and of encoding an image, in millions, as torch counts them."""
    method = copy.deepcopy(model.method).to("meta")
    z = torch.empty(BLOCK, model.z_dim, device="meta", dtype=model.dtype)
    x = torch.empty(model.shape.batch(BLOCK), device="meta", dtype=model.dtype)
    with torch.no_grad():
        return (
            multiply_adds(lambda: method.decode(z, None)) / BLOCK,
            multiply_adds(lambda: method.encode(x, None)) / BLOCK,
        )


@torch.inference_mode()
def draw(rival: Rival, n: int, device: torch.device) -> np.ndarray:
    """n codes of a rival, decoded: uint8 (n, H, W, C)."""
    parts = [
        to_uint8(rival.decode(torch.randn(min(BLOCK, n - first), *rival.code).to(device))).cpu()
        for first in range(0, n, BLOCK)
    ]
    return torch.cat(parts).numpy()


@torch.inference_mode()
def encode(rival: Rival, images: np.ndarray, device: torch.device) -> np.ndarray:
    """Images uint8 (N, H, W, C) to a rival's codes, float32 (N, …)."""

    def codes(rows: np.ndarray) -> Tensor:
        return rival.encode(to_float(torch.from_numpy(rows).to(device))).cpu()

    blocks = [codes(images[first : first + BLOCK]) for first in range(0, len(images), BLOCK)]
    return torch.cat(blocks).numpy()


def seconds(work: Callable[[], object]) -> float:
    """Of one call, whose result lies in arrays, so that no device has anything left to do."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began

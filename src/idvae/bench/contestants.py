"""What `idvae bench train` measures: the library's loop, and the plain step beside it.

Each is made once and then called once a round; a call trains for some steps and returns images a
second.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from idvae.bench.plain import PlainIDVAE, plain_layers
from idvae.data.pixels import to_float
from idvae.data.prepared import PreparedSet
from idvae.networks import Networks
from idvae.training import batches, start
from idvae.training.build import data_shape
from idvae.training.distributed import torch_device
from idvae.training.settings import Settings, from_mapping

Contestant = Callable[[], float]


def settings_of(method: str, steps: int, options: dict[str, Any]) -> Settings:
    """Settings of a run that logs at the end of each round and draws nothing."""
    quiet = {"steps": steps, "log_every": steps, "save_every": 10**9, "grid_every": 0, "keep": 1}
    return from_mapping(method, {**options, **quiet})


def library(
    method: str, prepared: PreparedSet, folder: Path, steps: int, options: dict
) -> Contestant:
    """The library's own loop, with its feeding and measuring; a checkpoint is not timed."""
    trainer = start.start(settings_of(method, steps, options), prepared, folder / method, True)
    trainer.config.steps = 0

    def run() -> float:
        rates: list[float] = []
        trainer.config.steps = trainer.step + steps
        trainer.fit(lambda step, row: rates.append(row["images_per_s"]))
        return rates[-1]

    return run


def plain(
    prepared: PreparedSet, steps: int, options: dict[str, Any], our_layers: bool = False
) -> Contestant:
    """Algorithm 1 written plainly; its batches are floats on the device before the clock starts.

    `our_layers` leaves it the library's faster layers.
    """
    chosen = settings_of("idvae", steps, options)
    train, device = chosen.train, torch_device(chosen.train.device)
    torch.manual_seed(train.seed)
    nets = Networks(data_shape(prepared), chosen.networks)
    model = PlainIDVAE(nets, chosen.method_config, train.lr, train.betas)
    if not our_layers:
        plain_layers(model.dec)
    model.to(device).train()
    split, n = prepared.split("train"), train.batch_size
    rows = [batches.indices(len(split), n, train.seed, step) for step in range(steps)]
    data = [to_float(torch.from_numpy(split.gather(r))).contiguous().to(device) for r in rows]

    def noise() -> Tensor:
        return torch.randn(n, nets.z_dim, device=device)

    def run() -> float:
        began = time.perf_counter()
        for x in data:
            model.step(x, noise(), noise())
        return n * steps / (time.perf_counter() - began)

    return run

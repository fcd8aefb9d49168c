"""`idvae bench data`: how fast batches are gathered, beside torch's loader and beside the step."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from idvae.bench import contestants
from idvae.bench.images import make_set
from idvae.bench.rounds import Figure, figure, rounds
from idvae.data.pixels import to_float
from idvae.data.prepared import PreparedSet
from idvae.training import batches

GATHERED, LOADED = "batches gathered", "torch's DataLoader"
STEPS = 4  # training steps a round: they only say how much feeding is needed


class Mapped(Dataset):
    """The same file for torch's loader: one row at a time from a memory map."""

    def __init__(self, file: Path) -> None:
        self.rows = np.load(file, mmap_mode="r")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(np.array(self.rows[index]))


def measure(
    n: int, side: int, options: dict[str, Any], repeats: int, announce: Callable[[str], None]
) -> list[Figure]:
    """Images a second of shuffled batches of bytes, as floats in [−1, 1], from a set on disk."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        images = make_set(folder / "images", n, side)
        batch = contestants.settings_of("idvae", 1, options).train.batch_size
        step = contestants.library("idvae", images, folder, STEPS, options)
        running = {
            GATHERED: lambda: gathered(images, batch),
            LOADED: lambda: loaded(images, batch),
            "training": step,
        }
        found = rounds(running, repeats, announce)
    found[f"{GATHERED} "] = found[GATHERED]  # a second row of the same, against training
    return [
        figure(found, GATHERED, "images/s", LOADED),
        figure(found, LOADED, "images/s"),
        figure(found, f"{GATHERED} ", "images/s", "training"),
        figure(found, "training", "images/s"),
    ]


def gathered(images: PreparedSet, batch: int) -> float:
    """One epoch of the library's batches."""
    split = images.split("train")
    steps = len(split) // batch

    def make(step: int) -> np.ndarray:
        return split.gather(batches.indices(len(split), batch, 0, step))

    began = time.perf_counter()
    for rows in batches.prefetched(make, 0, steps):
        to_float(torch.from_numpy(rows))
    return steps * batch / (time.perf_counter() - began)


def loaded(images: PreparedSet, batch: int) -> float:
    """One epoch of torch's loader in this process."""
    loader = DataLoader(Mapped(images.path / "images.npy"), batch, shuffle=True, drop_last=True)
    began = time.perf_counter()
    for rows in loader:
        to_float(rows)
    return len(loader) * batch / (time.perf_counter() - began)

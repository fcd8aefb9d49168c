"""`idvae bench data`: images a second that a machine feeds, beside other loaders and the step."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from idvae.bench import contestants, loaders
from idvae.bench.images import make_set
from idvae.bench.optional import is_there
from idvae.bench.rounds import Figure, figure, rounds
from idvae.data.prepared import PreparedSet
from idvae.errors import UserError
from idvae.training.distributed import torch_device

TRAINING = "training"
STEPS = 4  # training steps a round: they only say how much feeding is needed

Epoch = Callable[[], Iterator[Tensor]]


def measure(
    n: int, side: int, options: dict[str, Any], repeats: int, announce: Callable[[str], None]
) -> list[Figure]:
    """Images a second of shuffled batches of bytes that reach the device, from files on disk.

    Args:
        n: images in the set.
        side: of the images, which have three channels.
        options: of `idvae train`; `workers` are also the processes of the rivals.
        repeats: rounds.
        announce: is told of each round, and of rivals that are left out.

    Raises:
        UserError: an option out of range, or too few images for the batches.
    """
    chosen = contestants.settings_of("idvae", 1, options).train
    batch, workers = chosen.batch_size, chosen.workers
    if n < 2 * batch * workers:
        raise UserError(
            f"-n {n} is too few; two batches of {batch} for each of {workers} workers are "
            f"{2 * batch * workers:,} images"
        )
    device = torch_device(chosen.device)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        images = make_set(folder / "images", n, side)
        ours, rivals = epochs(images, folder, batch, workers, device.type == "cuda", announce)
        running = {
            name: lambda epoch=epoch: images_per_second(epoch(), device)
            for name, epoch in (ours | rivals).items()
        }
        running[TRAINING] = contestants.library("idvae", images, folder, STEPS, options)
        found = rounds(running, repeats, announce)
    first, *others = ours
    return [
        *(figure(found, first, "images/s", rival) for rival in (*rivals, TRAINING)),
        *(figure(found, name, "images/s") for name in (*others, *rivals, TRAINING)),
    ]


def epochs(
    images: PreparedSet,
    folder: Path,
    batch: int,
    workers: int,
    pinned: bool,
    announce: Callable[[str], None],
) -> tuple[dict[str, Epoch], dict[str, Epoch]]:
    """An epoch of the library's batches and of each rival's, by name.

    Args:
        images: the prepared set.
        folder: where a rival may write its form of the set.
        batch: images in a batch.
        workers: the library's threads, and the rivals' processes.
        pinned: whether batches wait in memory that a GPU fetches from.
        announce: is told of rivals that are left out.
    """
    ours: dict[str, Epoch] = {}
    for count in dict.fromkeys((workers, 1)):
        name = f"gathered by {count} thread{'s' if count > 1 else ''}"
        ours[name] = lambda count=count: loaders.gathered(images, batch, count, pinned)
    rivals: dict[str, Epoch] = {}
    shape = (images.size, images.size, images.channels)
    tars: list[str] = []
    if is_there("webdataset", announce):
        tars = loaders.write_tars(images, folder / "tars", workers)
    for count in (workers, 0):
        where = f"{count} process{'es' if count > 1 else ''}" if count else "in this process"
        rivals[f"torch's DataLoader, {where}"] = lambda count=count: loaders.torch_loader(
            images, batch, count, pinned
        )
        if tars:
            rivals[f"webdataset, {where}"] = lambda count=count: loaders.webdataset_loader(
                tars, shape, batch, count, pinned
            )
    return ours, rivals


def images_per_second(feed: Iterator[Tensor], device: torch.device) -> float:
    """The rate at which the rest of an epoch reaches a device after its first batch.

    So the start of processes and threads does not count.
    """
    next(feed)
    seen, began = 0, time.perf_counter()
    for rows in feed:
        seen += len(rows.to(device, non_blocking=True))
    if device.type == "cuda":
        torch.cuda.synchronize()
    return seen / (time.perf_counter() - began)

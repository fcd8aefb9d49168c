"""The loaders that `idvae bench data` measures: each gives one epoch of the same images.

All give shuffled batches of bytes, uint8 (B, H, W, C), from files that hold raw bytes: nothing is
decoded, so what is measured is reading, shuffling, gathering and handing over.
"""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from idvae.data.prepared import PreparedSet
from idvae.training import batches

SHARD = 1000  # most images in a tar


def gathered(images: PreparedSet, batch: int, threads: int, pinned: bool) -> Iterator[Tensor]:
    """The library's batches, as a training has them."""
    split = images.split("train")

    def make(step: int) -> Tensor:
        rows = split.gather(batches.indices(len(split), batch, 0, step))
        made = torch.from_numpy(rows)
        return made.pin_memory() if pinned else made

    return batches.prefetched(make, 0, len(split) // batch, threads)


class Mapped(Dataset):
    """The same file for torch's loader: one row at a time from a memory map."""

    def __init__(self, file: Path) -> None:
        self.rows = np.load(file, mmap_mode="r")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(np.array(self.rows[index]))


def torch_loader(images: PreparedSet, batch: int, processes: int, pinned: bool) -> Iterator[Tensor]:
    """torch's DataLoader over the same file; in this process where there are 0."""
    rows = Mapped(images.path / "images.npy")
    return iter(
        DataLoader(
            rows, batch, shuffle=True, drop_last=True, num_workers=processes, pin_memory=pinned
        )
    )


def write_tars(images: PreparedSet, folder: Path, readers: int) -> list[str]:
    """The same images as tars for webdataset, as many for each of its readers.

    Returns:
        where they lie.
    """
    split = images.split("train")
    count = readers * -(-len(split) // (SHARD * readers))
    folder.mkdir()
    places = [folder / f"{i:05d}.tar" for i in range(count)]
    for place, rows in zip(places, np.array_split(np.arange(len(split)), count), strict=True):
        with tarfile.open(place, "w", format=tarfile.USTAR_FORMAT) as tar:
            for row, image in zip(rows, split.gather(rows), strict=True):
                member = tarfile.TarInfo(f"{row:09d}.bytes")
                member.size = image.nbytes
                tar.addfile(member, io.BytesIO(image.tobytes()))
    return [str(place) for place in places]


class Bytes:
    """One sample of webdataset to an image; a class, since it travels to other processes."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def __call__(self, sample: dict[str, Any]) -> np.ndarray:
        return np.frombuffer(sample["bytes"], np.uint8).reshape(self.shape)


def stacked(rows: list[np.ndarray]) -> Tensor:
    """Images as one batch."""
    return torch.from_numpy(np.stack(rows))


def webdataset_loader(
    tars: list[str], shape: tuple[int, ...], batch: int, processes: int, pinned: bool
) -> Iterator[Tensor]:
    """webdataset as its documentation has it: shards and a buffer shuffled, batches by its readers.

    Args:
        tars: where they lie.
        shape: of an image.
        batch: images in a batch; each reader drops its rest.
        processes: that read; 0 reads in this one.
        pinned: whether batches wait in memory that a GPU fetches from.
    """
    import webdataset

    rows = webdataset.WebDataset(tars, shardshuffle=len(tars), empty_check=False)
    rows = rows.shuffle(SHARD).map(Bytes(shape)).batched(batch, stacked, partial=False)
    loader = webdataset.WebLoader(rows, batch_size=None, num_workers=processes, pin_memory=pinned)
    return iter(loader)

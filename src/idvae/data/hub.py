"""Sets from the Hugging Face hub, downloaded only where `--source huggingface` asks for it."""

from typing import Any

import numpy as np

from idvae.data.source import missing
from idvae.errors import UserError


def download(address: str) -> Any:
    """Every split of a set: name → rows.

    Raises:
        UserError: the package `datasets` is missing, or the set cannot be had.
    """
    datasets = _package()
    try:
        return datasets.load_dataset(address)
    except Exception as error:  # it has no common class for a missing network
        raise UserError(f"{address} could not be downloaded ({error}); use --source DIR") from error


def stream(address: str) -> Any:
    """Every split of a set, name → rows that come one after another and are not kept.

    Raises:
        UserError: as `download`.
    """
    datasets = _package()
    try:
        return datasets.load_dataset(address, streaming=True)
    except Exception as error:
        raise UserError(f"{address} cannot be streamed ({error}); check its name") from error


def undecoded(rows: Any, image: str) -> Any:
    """The same rows, their images as the bytes of files."""
    return rows.cast_column(image, _package().Image(decode=False))


def _package() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise missing("Hugging Face datasets", error, extra="hub-data") from error
    return datasets


def classified(
    address: str, image: str, label: str, counts: tuple[int, int]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The official training and test images of a small set.

    Args:
        address: of the set on the hub.
        image: its column of images.
        label: its column of classes.
        counts: how many there must be, for training and test.

    Returns:
        For train and test: uint8 (N, H, W, C), int64 (N,).

    Raises:
        UserError: as `download`, or there are more or fewer.
    """
    both = download(address)

    def part(split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
        if len(both[split]) != count:
            raise UserError(
                f"{address} has {len(both[split]):,} images for {split}, not {count:,}; "
                "use --source DIR"
            )
        rows = [(np.asarray(row[image]), row[label]) for row in both[split]]
        images = np.stack([pixels for pixels, _ in rows])
        if images.ndim == 3:  # grey
            images = images[..., None]
        return images, np.array([number for _, number in rows], np.int64)

    return [part("train", counts[0]), part("test", counts[1])]

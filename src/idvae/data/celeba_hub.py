"""CelebA from the Hugging Face hub: aligned images without loss, about 12 GB."""

from typing import Any

import numpy as np

from idvae.data import hub
from idvae.data.celeba_files import Faces
from idvae.errors import UserError

HUB = "flwrlabs/celeba"
SPLITS = {"train": "train", "validation": "valid", "test": "test"}


def from_hub() -> Faces:
    """CelebA downloaded, or from the cache of an earlier download.

    Raises:
        UserError: as `hub.download`, or there are no attributes.
    """
    whole = hub.download(HUB)
    import datasets  # there, now that the download worked

    # As they are stored: they are decoded later, on several threads.
    parts: list[Any] = [
        whole[there].cast_column("image", datasets.Image(decode=False)) for there in SPLITS.values()
    ]
    ends = np.cumsum([len(part) for part in parts])
    starts = ends - [len(part) for part in parts]
    features = parts[0].features
    names = [one for one in parts[0].column_names if features[one].dtype == "bool"]
    if not names:
        raise UserError(f"{HUB} has no attributes any more; use --source DIR")
    tables = [part.select_columns(names).with_format("numpy")[:] for part in parts]
    columns = [np.concatenate([table[one] for table in tables]) for one in names]

    def read(row: int) -> bytes:
        k = int(np.searchsorted(ends, row, side="right"))
        return parts[k][int(row - starts[k])]["image"]["bytes"]

    return Faces(
        {split: np.arange(starts[k], ends[k]) for k, split in enumerate(SPLITS)},
        np.stack(columns, 1).astype(np.int8),
        names,
        read,
        where=lambda row: f"{HUB}, image {row}",
    )

"""Images and prepared sets that benchmarks make themselves: what is in them costs nothing."""

from pathlib import Path

import numpy as np

from idvae.data.prepared import PreparedSet
from idvae.data.source import Batch, Plan
from idvae.data.writing import write_set


def smooth(n: int, side: int, seed: int = 0, channels: int = 3) -> np.ndarray:
    """Blocky random images, uint8 (n, side, side, channels)."""
    rng = np.random.default_rng(seed)
    out = np.empty((n, side, side, channels), np.uint8)
    for start in range(0, n, 1000):
        coarse = rng.integers(0, 256, (min(1000, n - start), 8, 8, channels), np.uint8)
        out[start : start + 1000] = coarse.repeat(side // 8, 1).repeat(side // 8, 2)
    return out


def make_set(path: Path, n: int, side: int, channels: int = 3) -> PreparedSet:
    """A prepared set of n such images, all of the training split."""
    meta = {"name": path.name, "source": "bench", "kind": "images", "size": side}
    meta |= {"channels": channels, "asked": None, "classes": None, "attributes": None}
    write_set(path, meta, Plan({}, [Batch("train", smooth(n, side, 0, channels))]), False)
    return PreparedSet(path)

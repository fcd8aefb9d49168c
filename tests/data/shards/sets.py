"""A small set with everything in it, and its shards."""

import numpy as np

from idvae.data.prepared import PreparedSet
from idvae.data.shards import writing
from idvae.data.source import Batch, Plan
from idvae.data.writing import write_set

COUNTS = {"train": 50, "validation": 7, "test": 13}
ROW = 16 * 16 * 3
META = {
    "name": "x-16",
    "source": "x",
    "kind": "images",
    "size": 16,
    "channels": 3,
    "classes": ["a", "b", "c"],
    "attributes": ["hat", "tie"],
}


def one_file(path, counts=COUNTS, seed=0):
    """A set in single files, of random pixels."""
    rng = np.random.default_rng(seed)

    def batches():
        for split, n in counts.items():
            rows = rng.integers(256, size=(n, 16, 16, 3), dtype=np.uint8)
            labels, attributes = rng.integers(3, size=n), rng.integers(2, size=(n, 2))
            yield Batch(split, rows, labels.astype(np.int64), attributes.astype(np.int8))

    write_set(path, {**META, "name": path.name}, Plan({}, batches()), False)
    return PreparedSet(path)


def sharded(prepared, path, rows=8):
    """Its shards, of so many images."""
    from idvae.data.opening import opened

    writing.write_folder(prepared, path, rows * ROW, False)
    return opened(path)


def same(one, other):
    """Whether two sets hold the same."""
    assert one.counts == other.counts
    for name, n in one.counts.items():
        a, b = one.split(name), other.split(name)
        rows = np.arange(n)
        for read in ("gather", "labels", "attributes"):
            np.testing.assert_array_equal(getattr(a, read)(rows), getattr(b, read)(rows))
    return True

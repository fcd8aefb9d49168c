"""A prepared set on disk: memory-mapped arrays, their meaning, and their splits."""

import json
from pathlib import Path

import numpy as np

SPLITS = ("train", "validation", "test")


class PreparedSet:
    def __init__(self, path):
        self.path = Path(path)
        self.meta = json.loads((self.path / "meta.json").read_text())
        self.name = self.meta["name"]
        self.kind = self.meta["kind"]
        self.size = self.meta["size"]
        self.channels = self.meta["channels"]
        self.checksum = self.meta["checksum"]
        self.counts = self.meta["counts"]
        self.rows = np.load(
            self.path / ("points.npy" if self.kind == "points" else "images.npy"), mmap_mode="r"
        )

    def split(self, name):
        first = sum(self.counts[s] for s in SPLITS[: SPLITS.index(name)])
        return Split(self.rows[first : first + self.counts[name]])


class Split:
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def gather(self, i):
        return np.array(self.rows[np.asarray(i)])

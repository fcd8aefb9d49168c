"""A small expert and small sets for tests of what is around experts."""

import numpy as np
import torch

from idvae.evaluate.experts.expert import Expert
from idvae.evaluate.experts.own import CallableExpert

MIXING = np.random.default_rng(5).standard_normal((8 * 8 * 3, 12)).astype(np.float32) / 100


def eyes(images):
    """Twelve random projections of images of at least 8×8."""
    blocks = images.astype(np.float32)[:, :8, :8]
    return np.broadcast_to(blocks, (*blocks.shape[:3], 3)).reshape(len(images), -1) @ MIXING


def toy(name="toy", function=eyes):
    return CallableExpert(name, function, 12)


class Pooled(torch.nn.Module):
    """Local means as features, and ten logits."""

    def forward(self, x):
        features = torch.nn.functional.adaptive_avg_pool2d(x, 3).flatten(1)
        return features, features[:, :10]


def pooled(name="pooled", size=16):
    return Expert(
        name,
        Pooled(),
        27,
        size=size,
        mean=0.0,
        scale=32.0,
        resize="bilinear, antialiased",
        identity={"expert": name, "weights": "none"},
    )


def images(n, seed=0, size=16, channels=3, level=128):
    """Smooth noise around a level."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(level, 30, (n, 4, 4, channels)).repeat(size // 4, 1).repeat(size // 4, 2)
    return coarse.clip(0, 255).astype(np.uint8)


class ToySet:
    """What the battery asks of a prepared set."""

    kind = "images"

    def __init__(self, train, test, name="toys-16", validation=()):
        self.name, self.checksum = name, f"checksum of {name}"
        splits = {"train": train, "validation": validation, "test": test}
        self._splits = {split: ToySplit(rows) for split, rows in splits.items()}

    def split(self, name):
        return self._splits[name]


class ToySplit:
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def gather(self, indices):
        return self.rows[np.asarray(indices)]

"""The paper's synthetic experiment: mixtures of narrow 2-D Gaussians, in the common protocol."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from idvae.data.source import BY_INDEX, Batch, Plan, Request, by_index, in_batches


@dataclass
class Gaussians:
    """A mixture with equal weights.

    Attributes:
        centres: shape (K, 2).
        sigma: deviation of each mode along each axis.
    """

    name: str
    summary: str
    centres: np.ndarray
    sigma: float
    licence: str = "none is needed: numbers drawn here"
    kind: str = "points"
    default_size: int = 0
    default_n: int = 100_000
    needs_nothing: bool = True

    def plan(self, request: Request) -> Plan:
        """Points of modes drawn by chance, from the seed."""
        rng = np.random.default_rng([request.seed, len(self.centres)])
        n = self.default_n if request.n is None else request.n
        labels = rng.integers(len(self.centres), size=n)
        points = self.centres[labels] + self.sigma * rng.standard_normal((n, 2))
        points = points.astype(np.float32)

        def batches() -> Iterator[Batch]:
            for split, rows in by_index(n).items():
                for part in in_batches(rows, 100_000):
                    yield Batch(split, points[part], labels[part].astype(np.int64))

        facts = {
            "channels": 2,
            "crop": "none",
            "split_rule": BY_INDEX,
            "classes": [f"mode {k}" for k in range(len(self.centres))],
            "modes": {"centres": self.centres.tolist(), "sigma": self.sigma},
        }
        return Plan(facts, batches())


def ring() -> Gaussians:
    """8 modes on the unit circle, σ 0.01."""
    angles = np.arange(8) * (2 * np.pi / 8)
    centres = np.stack([np.cos(angles), np.sin(angles)], 1)
    return Gaussians("gaussians-ring", "8 narrow modes on a circle, 2-D points", centres, 0.01)


def grid() -> Gaussians:
    """5×5 modes spaced 2 apart, σ 0.05."""
    line = (np.arange(5) - 2) * 2.0
    centres = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    return Gaussians("gaussians-grid", "25 narrow modes on a grid, 2-D points", centres, 0.05)

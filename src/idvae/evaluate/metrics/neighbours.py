"""What neighbours tell: precision, recall, density and coverage of samples, and who is nearest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from idvae.errors import UserError

BLOCK = 2000  # rows of a block of distances; two blocks at most are in memory


@dataclass(frozen=True)
class Neighbourhoods:
    """What `neighbourhoods` found: shares in [0, 1], but density may exceed 1."""

    precision: float
    recall: float
    density: float
    coverage: float


class Balls:
    """Points, each with the ball that reaches to its k-th nearest neighbour among them.

    Args:
        points: float, shape (N, d), N greater than k.
        k: neighbours, the point itself not counted.
        squared_radii: of the balls, float64, shape (N,), where they were found before.

    Raises:
        UserError: no more than k points.
    """

    def __init__(
        self, points: np.ndarray, k: int = 5, squared_radii: np.ndarray | None = None
    ) -> None:
        if len(points) <= k:
            raise UserError(f"{k} neighbours need more than {k} images; there are {len(points)}")
        self.k = k
        self.points = _exact(points)
        if squared_radii is not None:
            self.squared_radii = torch.from_numpy(squared_radii)
            return
        parts = []
        for rows, block in _blocks(self.points, self.points):
            block[torch.arange(len(block)), rows] = 0.0  # not what rounding left of it
            parts.append(block.kthvalue(k + 1, 1).values)
        # A point on the edge, a copy of the neighbour that set it, stays inside despite rounding.
        scale = self.points.sub(self.points.mean(0)).square().sum(1).mean()
        self.squared_radii = torch.cat(parts) * (1 + 1e-9) + 1e-13 * scale


def neighbourhoods(
    real: Balls | np.ndarray, fake: Balls | np.ndarray, k: int = 5
) -> Neighbourhoods:
    """Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020).

    precision: share of fakes inside any real ball; recall: share of reals inside any fake ball;
    density: real balls around a fake, on average, over k; coverage: share of real balls with a
    fake inside. A point on the edge is inside.

    Args:
        real, fake: features, float, shapes (N, d) and (M, d), or their balls.
        k: neighbours that make a ball; those of given balls are taken as they are.

    Raises:
        UserError: widths or k that differ, or no more than k points on a side.
    """
    real = real if isinstance(real, Balls) else Balls(real, k)
    fake = fake if isinstance(fake, Balls) else Balls(fake, k)
    if real.k != fake.k or real.points.shape[1] != fake.points.shape[1]:
        raise UserError("neighbours need features of one width and one k on both sides")
    n, m = len(real.points), len(fake.points)
    in_real = torch.zeros(m, dtype=torch.int64)  # real balls around each fake
    recalled = torch.zeros(n, dtype=torch.bool)
    covered = torch.zeros(n, dtype=torch.bool)
    for rows, block in _blocks(real.points, fake.points):
        inside = block <= real.squared_radii[rows, None]
        in_real += inside.sum(0)
        covered[rows] = inside.any(1)
        recalled[rows] = (block <= fake.squared_radii[None]).any(1)
    return Neighbourhoods(
        precision=float((in_real > 0).double().mean()),
        recall=float(recalled.double().mean()),
        density=float(in_real.sum()) / (real.k * m),
        coverage=float(covered.double().mean()),
    )


def nearest(points: np.ndarray, among: np.ndarray) -> np.ndarray:
    """The nearest of other points to each point, by the Euclidean distance.

    Args:
        points, among: float, shapes (N, d) and (M, d), M at least 1.

    Returns:
        numbers of rows of `among`, int64, shape (N,); of several that are as near, one.

    Raises:
        UserError: widths that differ, or none to be near to.
    """
    if not len(among) or np.shape(points)[1] != np.shape(among)[1]:
        raise UserError("neighbours need features of one width, and at least one to be near to")
    parts = [block.argmin(1) for _, block in _blocks(_exact(points), _exact(among))]
    return torch.cat(parts).numpy() if parts else np.zeros(0, np.int64)


def _exact(points: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(points, np.float64))


def _blocks(a: Tensor, b: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Squared distances from a block of rows of `a` to all of `b`, block after block."""
    # Distances do not change when both sides move; near the origin they lose fewer digits.
    centre = b.mean(0)
    b = b - centre
    norms = b.square().sum(1)
    size = max(1, BLOCK * BLOCK // max(BLOCK, len(b)))
    for start in range(0, len(a), size):
        rows = torch.arange(start, min(start + size, len(a)))
        part = a[rows] - centre
        block = torch.addmm(norms[None], part, b.T, alpha=-2.0)
        block += part.square().sum(1)[:, None]
        yield rows, block.clamp_(min=0.0)

"""Where codes lie: what p(z) draws, how an encoder keeps to its range, and the way between codes.

A method names its prior (`Method.prior`); all that depends on that name is here.
"""

from typing import Protocol

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional as F


class Prior(Protocol):
    """p(z) of codes of Z dimensions.

    Attributes:
        centred: whether codes nearer to 0 are those of more typical data.
    """

    centred: bool

    def draw(self, n: int, z_dim: int, generator: Generator) -> Tensor:
        """n codes, shape (n, Z)."""

    def into_range(self, a: Tensor) -> Tensor:
        """What an encoder's last layer gives, any numbers (B, Z) → codes where p(z) has them."""

    def between(self, a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
        """The way from codes a to codes b, (N, Z) each, at t (1, T, 1) from 0 to 1: (N, T, Z)."""


class Normal:
    """N(0, I)."""

    centred = True

    def draw(self, n: int, z_dim: int, generator: Generator) -> Tensor:
        return torch.randn(n, z_dim, generator=generator)

    def into_range(self, a: Tensor) -> Tensor:
        return a

    def between(self, a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
        return (1 - t) * a[:, None] + t * b[:, None]


class Sphere(Normal):
    """The uniform distribution on the unit sphere."""

    centred = False

    def draw(self, n: int, z_dim: int, generator: Generator) -> Tensor:
        return F.normalize(super().draw(n, z_dim, generator), dim=1)

    def into_range(self, a: Tensor) -> Tensor:
        return F.normalize(a, dim=1)

    def between(self, a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
        """The great circle; the straight line where the two codes are, or face, one another."""
        kind = a.dtype
        a, b, t = (values.astype(np.float64) for values in (a, b, t))  # arccos near −1 needs them
        cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        angle = np.arccos(np.clip(cosine, -1.0, 1.0))[:, None, None]
        sine = np.sin(angle)
        curved = (np.sin((1 - t) * angle) * a[:, None] + np.sin(t * angle) * b[:, None]) / (
            np.where(sine > 1e-6, sine, 1.0)
        )
        return np.where(sine > 1e-6, curved, super().between(a, b, t)).astype(kind)


class Uniform(Normal):
    """The uniform distribution on the cube [−1, 1]^Z, which a straight line never leaves."""

    def draw(self, n: int, z_dim: int, generator: Generator) -> Tensor:
        return 2.0 * torch.rand(n, z_dim, generator=generator) - 1.0

    def into_range(self, a: Tensor) -> Tensor:
        return torch.tanh(a)


PRIORS: dict[str, Prior] = {"normal": Normal(), "sphere": Sphere(), "uniform": Uniform()}

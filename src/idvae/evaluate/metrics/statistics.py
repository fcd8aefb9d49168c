"""Mean and covariance of features, gathered as they stream past, in float64."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from idvae.errors import UserError
from idvae.io.arrays import ArrayFile
from idvae.io.files import atomic_file

CHUNK = 256  # rows folded at a time; fixed, so that sums do not depend on how rows arrive
KEEP = 10_000  # feature rows kept beside the sums
MAX_WIDTH = 8192  # features of statistics in a file; a covariance has the square of it
MAX_VALUES = 3 * 1024**2  # of an image in parts, in a file
MAX_COUNT = 1 << 40


@dataclass
class Statistics:
    """n, μ and M2 = Σ (x − μ)(x − μ)ᵀ of feature rows, merged by Chan's formula.

    While no more than `keep` rows have come, they are kept too: with fewer rows than features
    they are the exact factor of the covariance, and with more their QR loses no digits.

    Attributes:
        mean: float64, shape (d,).
        m2: float64, shape (d, d).
        n: rows seen; 0 for moments that another tool wrote without saying.
        keep: most rows kept.
        rows: float32 or float64 rows, shape (n, d), or None once there were more than `keep`.
    """

    mean: np.ndarray
    m2: np.ndarray
    n: int = 0
    keep: int = KEEP
    rows: np.ndarray | None = None
    _parts: list[np.ndarray] = field(default_factory=list, repr=False)
    _pending: np.ndarray | None = field(default=None, repr=False)
    _factor: np.ndarray | None = field(default=None, repr=False)

    @classmethod
    def empty(cls, width: int, keep: int = KEEP) -> Statistics:
        """No rows yet, of `width` features."""
        return cls(np.zeros(width), np.zeros((width, width)), keep=keep)

    @classmethod
    def of(cls, features: np.ndarray, keep: int | None = None) -> Statistics:
        """Of an array of features, shape (N, d).

        Raises:
            UserError: not two-dimensional, fewer than two rows, or values that are not finite.
        """
        check_features(features)
        made = cls.empty(features.shape[1], len(features) if keep is None else keep)
        made.add(features)
        made.close()
        return made

    @classmethod
    def from_moments(cls, mean: np.ndarray, covariance: np.ndarray, n: int = 0) -> Statistics:
        """Of a mean (d,) and an unbiased covariance (d, d) alone; n is 0 where it is not known.

        Raises:
            UserError: shapes that do not fit, values that are not finite, or a covariance that
                is not symmetric.
        """
        mean, covariance = np.asarray(mean, np.float64), np.asarray(covariance, np.float64)
        if mean.ndim != 1 or covariance.shape != (len(mean), len(mean)):
            raise UserError(f"mu {mean.shape} and sigma {covariance.shape} do not fit together")
        if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
            raise UserError("mu or sigma holds values that are not finite")
        if not np.allclose(covariance, covariance.T, rtol=1e-4, atol=1e-6 * abs(covariance).max()):
            raise UserError("sigma is not symmetric, so it is no covariance")
        covariance = (covariance + covariance.T) / 2
        return cls(mean, covariance * max(n - 1, 1), n, keep=0)

    @property
    def width(self) -> int:
        return len(self.mean)

    @property
    def covariance(self) -> np.ndarray:
        """Unbiased, float64, shape (d, d)."""
        return self.m2 / max(self.n - 1, 1)

    @property
    def rank(self) -> int:
        """The highest rank that the covariance can have, or d where n is not known."""
        return min(self.n - 1, self.width) if self.n else self.width

    def add(self, features: np.ndarray) -> None:
        """Take more rows, shape (k, d); they are folded in chunks of fixed size.

        Raises:
            UserError: another width, or values that are not finite.
        """
        if features.ndim != 2 or features.shape[1] != self.width:
            raise UserError(f"features {features.shape} do not have the width {self.width}")
        if not np.isfinite(features).all():
            raise UserError("an expert gave features that are not finite for some images")
        if self._pending is not None:
            features = np.concatenate([self._pending, features])
        whole = len(features) - len(features) % CHUNK
        for start in range(0, whole, CHUNK):
            self._fold(features[start : start + CHUNK])
        self._pending = features[whole:].copy()

    def close(self, least: int = 2) -> None:
        """Fold what is pending; call once after the last `add`.

        Args:
            least: rows that there have to be; a part of the rows may be none.

        Raises:
            UserError: fewer than that.
        """
        if self._pending is not None and len(self._pending):
            self._fold(self._pending)
        self._pending = None
        if self.n < least:
            raise UserError(f"a covariance needs at least two images; there are {self.n}")
        self.rows = np.concatenate(self._parts) if 0 < self.n <= self.keep else None
        self._parts = []

    def _fold(self, chunk: np.ndarray) -> None:
        if self.n + len(chunk) <= self.keep:
            self._parts.append(np.array(chunk))
        else:
            self._parts = []
        wide = chunk.astype(np.float64)
        mean = wide.mean(0)
        centred = torch.from_numpy(wide - mean)
        self._combine(len(chunk), mean, (centred.T @ centred).numpy())

    def _combine(self, n: int, mean: np.ndarray, m2: np.ndarray) -> None:
        total = self.n + n
        delta = mean - self.mean
        self.m2 = self.m2 + m2
        self.m2 += np.outer(delta, delta) * (self.n * n / total)
        self.mean = self.mean + delta * (n / total)
        self.n = total
        self._factor = None

    def merge(self, other: Statistics) -> None:
        """Add what another, closed, has seen: of another process, say.

        Raises:
            UserError: another width.
        """
        if other.width != self.width:
            raise UserError(f"features of width {other.width} and {self.width} cannot be merged")
        rows = None
        if self.n + other.n <= self.keep and other.rows is not None:
            mine = self.rows if self.rows is not None else np.zeros((0, self.width), np.float32)
            rows = np.concatenate([mine, other.rows]) if len(mine) == self.n else None
        self._combine(other.n, other.mean, other.m2)
        self.rows = rows

    def merged(self, summed: Callable[[np.ndarray], np.ndarray]) -> Statistics:
        """Of the rows of all processes, each closed, by Chan's formula; rows are not kept.

        The memory is that of one, however many processes there are.

        Args:
            summed: the sum of the processes' arrays, the same on each. Not all may be empty.
        """
        n = int(summed(np.array([self.n]))[0])
        mean = summed(self.mean * self.n) / n
        delta = self.mean - mean
        return Statistics(mean, summed(self.m2 + np.outer(delta, delta) * self.n), n, keep=0)

    def factor(self) -> np.ndarray:
        """F with FᵀF = covariance, float64, shape (≤ d, d).

        The centred rows where there are fewer of them than features; R of their QR where there
        are more; from the eigenvectors of the covariance where no rows were kept, eigenvalues
        below d·ε·w_max taken as 0.
        """
        if self._factor is None:
            self._factor = self._make_factor()
        return self._factor

    def _make_factor(self) -> np.ndarray:
        if self.rows is not None and self.n:
            return factor_of_rows(self.rows.astype(np.float64) - self.mean)
        w, v = torch.linalg.eigh(torch.from_numpy(self.covariance))
        kept = w > self.width * torch.finfo(w.dtype).eps * w[-1]
        return (w[kept].sqrt()[:, None] * v.T[kept]).numpy()

    def save(
        self, path: str | os.PathLike[str], extra: Mapping[str, np.ndarray] | None = None
    ) -> None:
        """Write mu, sigma, n, the factor, any rows and `extra` as .npz, whole or not at all.

        Other tools read `mu` and `sigma` from it.
        """
        arrays = {"mu": self.mean, "sigma": self.covariance, "n": np.array(self.n)}
        arrays["factor"] = self.factor()
        arrays |= extra or {}
        if self.rows is not None:
            arrays["rows"] = self.rows
        with atomic_file(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Statistics:
        """Read what `save` wrote, or any .npz with `mu` and `sigma`. Nothing is unpickled.

        Raises:
            UserError: no such file, not an .npz, or it lacks mu or sigma.
        """
        file = ArrayFile(path)
        if not {"mu", "sigma"} <= set(file.names):
            raise UserError(
                f"{path} holds {', '.join(sorted(file.names)) or 'nothing'}; statistics need mu "
                "and sigma"
            )
        shape = file.header("mu").shape
        if len(shape) != 1 or not 0 < shape[0] <= MAX_WIDTH:
            raise UserError(f"{path}: mu {shape} is no mean of 1 to {MAX_WIDTH:,} features")
        _check_shape(file, "sigma", shape * 2)
        made = cls.from_moments(file.read("mu"), file.read("sigma"), _count(file))
        if "rows" in file.names and file.header("rows").shape == (made.n, made.width):
            made.rows, made.keep = _finite(file, "rows"), made.n
        if "factor" in file.names and file.header("factor").shape[1:] == shape:
            made._factor = _finite(file, "factor").astype(np.float64)
        return made


@dataclass
class PartStatistics:
    """Of features in parts, shape (N, P, d): of each part its own, and no rows are kept.

    Memory is P·d² numbers, however many rows there are.

    Attributes:
        parts: P of them; none before the first rows.
    """

    parts: list[Statistics] = field(default_factory=list)

    @classmethod
    def of(cls, features: np.ndarray) -> PartStatistics:
        """Of an array of features, shape (N, P, d).

        Raises:
            UserError: as `add` and `close`.
        """
        made = cls()
        made.add(features)
        made.close()
        return made

    @property
    def shape(self) -> tuple[int, int]:
        """P and d; 0 and 0 before the first rows."""
        return (len(self.parts), self.width) if self.parts else (0, 0)

    @property
    def n(self) -> int:
        return self.parts[0].n

    @property
    def width(self) -> int:
        return self.parts[0].width

    def add(self, features: np.ndarray) -> None:
        """Take more rows, shape (k, P, d).

        Raises:
            UserError: other parts than before, or values that are not finite.
        """
        _, count, width = features.shape
        if not self.parts:
            self.parts = [Statistics.empty(width, 0) for _ in range(count)]
        _check_parts((count, width), (len(self.parts), self.width))
        for part, statistics in enumerate(self.parts):
            statistics.add(features[:, part])

    def close(self, least: int = 2) -> None:
        """Fold what is pending; call once after the last `add`.

        Args:
            least: rows that there have to be, where there are any.

        Raises:
            UserError: fewer than that.
        """
        for statistics in self.parts:
            statistics.close(least)

    def merge(self, other: PartStatistics) -> None:
        """Add what another, closed, has seen; either may have seen nothing.

        Raises:
            UserError: other parts.
        """
        if not self.parts or not other.parts:
            self.parts = self.parts or other.parts
            return
        check_same_parts(self, other)
        for mine, theirs in zip(self.parts, other.parts, strict=True):
            mine.merge(theirs)

    def merged(
        self, shapes: Sequence[Sequence[int]], summed: Callable[[np.ndarray], np.ndarray]
    ) -> PartStatistics:
        """Of the rows of all processes, each closed; some may have seen nothing.

        Args:
            shapes: `shape` of each process, in one order.
            summed: as of `Statistics.merged`.

        Raises:
            UserError: other parts than those of another process.
        """
        seen = [(count, width) for count, width in shapes if count]
        for shape in seen:
            _check_parts(seen[0], shape)
        count, width = seen[0]
        parts = self.parts or [Statistics.empty(width, 0) for _ in range(count)]
        return PartStatistics([part.merged(summed) for part in parts])

    def save(
        self, path: str | os.PathLike[str], extra: Mapping[str, np.ndarray] | None = None
    ) -> None:
        """Write mu (P, d), sigma (P, d, d), n and `extra` as .npz, whole or not at all."""
        arrays = {
            "mu": np.stack([s.mean for s in self.parts]),
            "sigma": np.stack([s.covariance for s in self.parts]),
            "n": np.array(self.n),
        }
        with atomic_file(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays, **(extra or {}))


def check_same_parts(a: PartStatistics, b: PartStatistics) -> None:
    """Raise UserError where the parts of two are not alike."""
    _check_parts((len(a.parts), a.width), (len(b.parts), b.width))


def _check_parts(one: tuple[int, int], other: tuple[int, int]) -> None:
    if one != other:
        raise UserError(
            f"images of {one[0]} packets of {one[1]} numbers cannot be compared with images of "
            f"{other[0]} of {other[1]}; resize both sides: wavelet@64, say"
        )


def load_statistics(path: str | os.PathLike[str]) -> Statistics | PartStatistics:
    """Read what `save` of either wrote: mu is (d,), or of parts (P, d). Nothing is unpickled.

    Raises:
        UserError: no such file, not an .npz, or no statistics.
    """
    file = ArrayFile(path)
    if not {"mu", "sigma"} <= set(file.names) or len(file.header("mu").shape) != 2:
        return Statistics.load(path)
    count, width = file.header("mu").shape
    if not 0 < count * width <= MAX_VALUES or not 0 < width <= MAX_WIDTH:
        raise UserError(f"{path}: mu {(count, width)} is no mean of parts of an image")
    _check_shape(file, "sigma", (count, width, width))
    mu, sigma, n = file.read("mu"), file.read("sigma"), _count(file)
    pairs = zip(mu, sigma, strict=True)
    return PartStatistics([Statistics.from_moments(mean, s, n) for mean, s in pairs])


def _check_shape(file: ArrayFile, name: str, wanted: tuple[int, ...]) -> None:
    if (shape := file.header(name).shape) != wanted:
        raise UserError(f"{file.path}: {name} {shape} does not have the shape {wanted}")


def _count(file: ArrayFile) -> int:
    """How many images the statistics are of; 0 where the file does not say."""
    if "n" not in file.names:
        return 0
    _check_shape(file, "n", ())
    n = file.read("n").item()
    if type(n) is not int or not 0 <= n <= MAX_COUNT:
        raise UserError(f"{file.path}: n {n} is no number of images")
    return n


def _finite(file: ArrayFile, name: str) -> np.ndarray:
    array = file.read(name)
    if array.dtype.kind != "f" or not np.isfinite(array).all():
        raise UserError(f"{file.path}: {name} holds values that are no finite floats")
    return array


def check_features(features: np.ndarray) -> np.ndarray:
    """The features, shape (N, d).

    Raises:
        UserError: another shape, fewer than two rows, or values that are not finite.
    """
    if features.ndim != 2:
        raise UserError(f"features have the shape (N, d), not {features.shape}")
    if len(features) < 2:
        raise UserError(f"a covariance needs at least two images; there are {len(features)}")
    if not np.isfinite(features).all():
        raise UserError("an expert gave features that are not finite for some images")
    return features


def factor_of_rows(centred: np.ndarray) -> np.ndarray:
    """F with FᵀF = the unbiased covariance of centred rows, float64, shape (≤ d, d)."""
    n, width = centred.shape
    factor = centred / np.sqrt(n - 1)
    if n <= width:
        return factor
    return torch.linalg.qr(torch.from_numpy(factor), mode="r").R.numpy()

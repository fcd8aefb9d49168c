"""One pass over images: every chunk goes to every expert, and what metrics need is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.distributed as dist

from idvae.errors import UserError
from idvae.evaluate.experts import AnyExpert
from idvae.evaluate.metrics.statistics import KEEP, PartStatistics, Statistics
from idvae.evaluate.sources.source import Chunk

Progress = Callable[[int], None]


@dataclass
class Features:
    """What one expert made of one sample set.

    Attributes:
        statistics: of all images.
        rows: float32 features, shape (≤ KEEP, d): of all images, or of a seeded choice; None of
            features in parts, and where only moments are known.
        logits: float32, of the same images, or None.
    """

    statistics: Statistics | PartStatistics
    rows: np.ndarray | None
    logits: np.ndarray | None = None


@dataclass
class _Share:
    """What one process has seen: moments where rows are not all kept, and the rows kept."""

    statistics: Statistics | PartStatistics | None
    places: list[int]
    rows: list[np.ndarray]
    logits: list[np.ndarray]


def processes() -> tuple[int, int]:
    """(rank, number of processes) of the group that torch.distributed has open, else (0, 1)."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def collect(
    chunks: Iterable[Chunk],
    experts: Sequence[AnyExpert],
    n: int,
    *,
    seed: int = 0,
    keep: int = KEEP,
    progress: Progress = lambda images: None,
) -> dict[str, Features]:
    """Features of n images by every expert, each image decoded once.

    With several processes (torch.distributed), each takes every k-th chunk, and all get the same
    features: those of one process to the last bit where n ≤ keep, else up to the rounding of
    sums in float64.

    Args:
        chunks: as `Source.draw` gives them, n images in all.
        experts: open experts.
        n: how many images.
        seed: chooses the rows to keep where n is greater than `keep`.
        keep: most rows that are kept.
        progress: called with the number of images of each chunk done.

    Returns:
        by the names of the experts.

    Raises:
        UserError: fewer than two images, or features that are not finite.
    """
    rank, world = processes()
    kept = np.arange(n)
    if n > keep:
        kept = np.sort(np.random.default_rng(seed).permutation(n)[:keep])
    shares = {e.name: _Share(_moments(e, n > keep), [], [], []) for e in experts}
    first = 0
    for number, chunk in enumerate(chunks):
        if number % world == rank:
            low, high = np.searchsorted(kept, [first, first + len(chunk)])
            places = kept[low:high]
            for expert in experts:
                output = expert(chunk)
                _take(shares[expert.name], output.features, output.logits, places, first)
        first += len(chunk)
        progress(len(chunk))
    if first < 2:
        raise UserError(f"a score needs at least two images; there is {first}")
    return {e.name: _join(e, _gather(shares[e.name], world), n) for e in experts}


def _moments(expert: AnyExpert, more: bool) -> Statistics | PartStatistics | None:
    """What sees all rows, where not all are kept."""
    if expert.in_parts:
        return PartStatistics()
    return Statistics.empty(expert.width, 0) if more else None


def _take(
    share: _Share, features: np.ndarray, logits: np.ndarray | None, places: np.ndarray, first: int
) -> None:
    if share.statistics is not None:
        share.statistics.add(features)
    if isinstance(share.statistics, PartStatistics):
        return
    share.places += places.tolist()
    share.rows.append(features[places - first])
    if logits is not None:
        share.logits.append(logits[places - first])


def _gather(share: _Share, world: int) -> list[_Share]:
    if share.statistics is not None:
        share.statistics.close()
    if world == 1:
        return [share]
    shares: list[Any] = [None] * world
    dist.all_gather_object(shares, share)
    return shares


def _join(expert: AnyExpert, shares: list[_Share], n: int) -> Features:
    if expert.in_parts:
        parts = PartStatistics()
        for share in shares:
            parts.merge(share.statistics)
        return Features(parts, None)
    order = np.argsort(np.concatenate([np.array(s.places, np.int64) for s in shares]))
    rows = np.concatenate([part for s in shares for part in s.rows])[order]
    logits = None
    if any(s.logits for s in shares):
        logits = np.concatenate([part for s in shares for part in s.logits])[order]
    if shares[0].statistics is None:
        return Features(Statistics.of(rows), rows, logits)
    whole = Statistics.empty(expert.width, 0)
    for share in shares:
        if share.statistics is not None:
            whole.merge(share.statistics)
    return Features(whole, rows, logits)

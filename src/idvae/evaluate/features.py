"""One pass over images: every chunk goes to every expert, and what metrics need is kept."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field

import numpy as np

from idvae.errors import UserError
from idvae.evaluate.experts import AnyExpert
from idvae.evaluate.metrics.statistics import KEEP, PartStatistics, Statistics
from idvae.evaluate.sources.source import Source
from idvae.evaluate.together import exchange, in_order, in_step, processes, summed

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
    places: list[np.ndarray] = field(default_factory=list)
    rows: list[np.ndarray] = field(default_factory=list)
    logits: list[np.ndarray] = field(default_factory=list)


def collect(
    source: Source,
    experts: Sequence[AnyExpert],
    n: int,
    part: int = 0,
    *,
    seed: int = 0,
    keep: int = KEEP,
    progress: Progress = lambda images: None,
) -> dict[str, Features]:
    """Features of a sample set by every expert, each image decoded or drawn once.

    With several processes (torch.distributed), each decodes or draws every k-th block of images,
    and all get the same features: those of one process to the last bit where n ≤ keep, else up to
    the rounding of sums in float64.

    Args:
        source: where images come from.
        experts: open experts.
        n: how many images.
        part: which sample set.
        seed: of the sample set; it also chooses the rows to keep where n is greater than `keep`.
        keep: most rows that are kept.
        progress: called with the number of images of each chunk done, of all processes.

    Returns:
        by the names of the experts.

    Raises:
        UserError: fewer than two images, images that cannot be read, features that are not finite,
            or any of these in another process.
    """
    kept = np.arange(n)
    if n > keep:
        kept = np.sort(np.random.default_rng(seed).permutation(n)[:keep])
    shares = {e.name: _Share(_moments(e, n > keep)) for e in experts}
    seen = 0

    def see() -> Generator[int, None, None]:
        nonlocal seen
        for first, chunk in source.share(n, part, seed, *processes()):
            low, high = np.searchsorted(kept, [first, first + len(chunk)])
            places = kept[low:high]
            for expert in experts:
                output = expert(chunk)
                _take(shares[expert.name], output.features, output.logits, places, first)
            seen += len(chunk)
            yield first + len(chunk)
        for share in shares.values():
            if share.statistics is not None:
                share.statistics.close(least=0)

    in_step(see(), n, progress)
    if (count := sum(exchange(seen))) < 2:
        raise UserError(f"a score needs at least two images; there is {count}")
    return {e.name: _join(shares[e.name]) for e in experts}


def _moments(expert: AnyExpert, more: bool) -> Statistics | PartStatistics | None:
    """What sees all rows, where not all are kept."""
    if expert.in_parts:
        return PartStatistics()
    return Statistics.empty(expert.width, 0) if more else None


def _take(
    share: _Share, features: np.ndarray, logits: np.ndarray | None, places: np.ndarray, first: int
) -> None:
    if logits is not None and not np.isfinite(logits).all():
        raise UserError("an expert gave logits that are not finite for some images")
    if share.statistics is not None:
        share.statistics.add(features)
    if isinstance(share.statistics, PartStatistics):
        return
    share.places.append(places)
    share.rows.append(features[places - first])
    if logits is not None:
        share.logits.append(logits[places - first])


def _join(share: _Share) -> Features:
    """What all processes have seen."""
    statistics, alone = share.statistics, processes()[1] == 1
    if isinstance(statistics, PartStatistics):
        return Features(
            statistics if alone else statistics.merged(exchange(statistics.shape), summed), None
        )
    found = in_order(share.places, {"rows": share.rows, "logits": share.logits})
    rows, logits = found["rows"], found.get("logits")
    if statistics is None:
        return Features(Statistics.of(rows), rows, logits)
    return Features(statistics if alone else statistics.merged(summed), rows, logits)

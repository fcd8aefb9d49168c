"""The real side of a comparison: features of real images, or moments that another tool wrote."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from idvae.data.opening import is_prepared as looks_prepared
from idvae.data.prepared import SPLITS
from idvae.errors import UserError
from idvae.evaluate import cache
from idvae.evaluate.experts import AnyExpert
from idvae.evaluate.features import Features, Progress, collect
from idvae.evaluate.metrics.statistics import KEEP, PartStatistics, load_statistics
from idvae.evaluate.sources.drawn import Noted
from idvae.evaluate.sources.images import open_images
from idvae.evaluate.sources.source import Range, Source
from idvae.evaluate.sources.stored import Splits, Subset
from idvae.evaluate.together import exchange, from_first, processes, tell
from idvae.io.arrays import ArrayFile
from idvae.seeds import SEEDING

REFERENCE_N = 50_000  # with 10,000 samples, what fits the paper's real-data baseline

Announce = Callable[[str, int], Progress]


def silent(what: str, images: int) -> Progress:
    """Announces nothing."""
    return lambda done: None


@dataclass
class Reference:
    """The real side of a comparison.

    Attributes:
        name: as in messages.
        features: by expert.
        facts: which images, and how many.
        pool: other real images, for the real-data baseline; None where there are none.
    """

    name: str
    features: dict[str, Features]
    facts: dict[str, Any]
    pool: Source | None = None


def open_reference(
    reference: Any,
    experts: Sequence[AnyExpert],
    most: int = REFERENCE_N,
    *,
    n: int = KEEP,
    seed: int = 0,
    split: str | None = None,
    value_range: Range | None = None,
    announce: Announce = silent,
) -> Reference:
    """The real side, its features from the cache where exactly these were made before.

    A prepared set gives its training split, or a seeded choice of `most` of it; what is left of
    it and the test split are the pool of the baseline. Where `split` names one, the reference is
    that split, and the pool the training split, or the test split where it is the training split.

    Args:
        reference: a `Reference`, a prepared set, an .npz of mu and sigma, or images.
        experts: open experts.
        most: most images.
        n: images a sample set of the other side: that many are left in the pool where that takes no
            more than half of the images.
        seed: of the choice.
        split: "train", "validation" or "test" of a prepared set.
        value_range: of arrays of floats.
        announce: as in `evaluate`.

    Raises:
        UserError: nothing there that can be read, or no such split.
    """
    check_split(reference, split)
    if isinstance(reference, Reference):
        return reference
    if moments := _moments(reference, experts):
        return moments
    source, pool = _real_sides(reference, most, n, seed, value_range, split)
    count = most if source.count is None else min(most, source.count)
    source.parts(count, 1)  # refuses fewer than two images
    checksum = checksum_of(source)
    features: dict[str, Features] = {}
    keys = {}
    for expert in experts:
        keys[expert.name] = {
            "format": 2,
            "versions": cache.versions(),
            "expert": expert.facts,
            "images": checksum,
            "n": count,
            "seed": seed,
            "keep": KEEP,
        }
        if source.count is not None and count < source.count:
            keys[expert.name]["choice"] = SEEDING  # features of another choice are not these
        found = cache.load(keys[expert.name]) if checksum else None
        if found is not None:
            features[expert.name] = found
    missing = [e for e in experts if e.name in _missed([e.name for e in experts], features)]
    if missing:
        report = announce(f"reference {source.name}", count)
        drawn = source if checksum else Noted(source)
        made = collect(drawn, missing, count, seed=seed, progress=report)
        for name, found in made.items():
            features[name] = Features(found.statistics, found.rows)
            if checksum and processes()[0] == 0:
                cache.save(keys[name], features[name])
        if isinstance(drawn, Noted):
            checksum = _checksum_drawn(drawn)
    facts = {"checksum": checksum, "n": count} | ({"split": split} if split else {})
    return Reference(source.name, features, facts, pool)


def _missed(names: Sequence[str], found: Mapping[str, Any]) -> set[str]:
    """Names that are not found, by any process: all have to compute the same ones."""
    return set().union(*exchange([name for name in names if name not in found]))


def checksum_of(source: Source) -> str | None:
    """The checksum of a source, for which the first process alone reads all of it.

    Raises:
        UserError: it cannot be read, or a process sees another number of images there.
    """
    checksum, count = from_first(lambda: [source.checksum(), source.count])
    differs = count != source.count
    tell(
        UserError(
            f"{source.name} has {source.count:,} images for process {processes()[0]} and {count:,} "
            "for the first one; all need the same images in the same place"
        )
        if differs
        else None
    )
    return checksum


def _checksum_drawn(source: Noted) -> str:
    """What tells the images apart that all processes have drawn, however many these are."""
    chunks = sorted(tuple(chunk) for drawn in exchange(source.digests) for chunk in drawn)
    return hashlib.sha256(json.dumps(chunks).encode()).hexdigest()


def _moments(reference: Any, experts: Sequence[AnyExpert]) -> Reference | None:
    """A file of mu and sigma; every expert is compared with it, so there may be one only."""
    if not isinstance(reference, str | os.PathLike) or Path(reference).suffix != ".npz":
        return None
    if not {"mu", "sigma"} <= set(ArrayFile(reference).names):
        return None
    if len(experts) != 1:
        raise UserError(
            f"{reference} holds the statistics of one expert, which its file does not name; "
            f"pass exactly one in --experts, not {len(experts)}"
        )
    from idvae.evaluate.experts.weights import sha256

    statistics = load_statistics(reference)
    rows = None if isinstance(statistics, PartStatistics) else statistics.rows
    features = {experts[0].name: Features(statistics, rows)}
    facts = {"checksum": sha256(reference), "n": statistics.n or None}
    return Reference(str(reference), features, facts)


def check_split(reference: Any, split: str | None) -> None:
    """Raise UserError unless the reference is a prepared set with images in that split, or None."""
    if split is None:
        return
    if split not in SPLITS:
        raise UserError(f"unknown split {split!r}; there are {', '.join(SPLITS)}")
    if not is_prepared(reference):
        raise UserError(f"a split is of a prepared set; {reference} has none, leave --split out")
    if not len(reference.split(split)):
        raise UserError(f"{reference.name} has no {split} split; prepare it with more images")


def _real_sides(
    reference: Any,
    most: int,
    n: int,
    seed: int,
    value_range: Range | None,
    split: str | None = None,
) -> tuple[Source, Source | None]:
    if not is_prepared(reference):
        return open_images(reference, value_range), None
    if getattr(reference, "kind", "images") == "points":
        raise UserError(f"{reference.name} holds points; experts look at images")
    if split is not None:
        return _one_split(reference, split), _one_split(
            reference, "test" if split == "train" else "train"
        )
    train, test = reference.split("train"), reference.split("test")
    total = len(train) + len(test)
    # Leave as many real images as a sample set has, if that is not more than half of all.
    left = max(len(test), min(n, total // 2))
    order = np.random.default_rng(seed).permutation(len(train))
    chosen, rest = np.split(order, [min(most, total - left)])
    whole = Splits(reference.name, [train, test], reference.checksum)
    others = np.concatenate([np.sort(rest), len(train) + np.arange(len(test))])
    real = Subset(whole, np.sort(chosen), f"{reference.name}, training split")
    return real, Subset(whole, others, f"{reference.name}, held-out images")


def _one_split(reference: Any, split: str) -> Splits:
    """All of a split, which no choice of the whole set is taken for."""
    checksum = hashlib.sha256(f"{reference.checksum} {split}".encode()).hexdigest()
    return Splits(f"{reference.name}, {split} split", [reference.split(split)], checksum)


def named_set(reference: Any) -> Any:
    """The prepared set that a name or a path is of; anything else as it is."""
    if not isinstance(reference, str | os.PathLike):
        return reference
    from idvae import data

    places = (data.root() / reference, Path(reference))
    return next((data.open_set(p) for p in places if looks_prepared(p)), reference)


def is_prepared(reference: Any) -> bool:
    return hasattr(reference, "split") and not isinstance(reference, str)

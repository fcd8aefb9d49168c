"""The battery: experts × metrics × repeats, the real-data baseline, and every fact beside them.

It knows no method: images come from a folder, a file, an array, an iterable or a sampling function.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

from idvae.errors import UserError
from idvae.evaluate import cache
from idvae.evaluate.experts import DEFAULT, AnyExpert, open_experts
from idvae.evaluate.features import Features, collect
from idvae.evaluate.metrics.frechet import (
    frechet_distance,
    frechet_infinity,
    frechet_of_parts,
)
from idvae.evaluate.metrics.inception_score import inception_score
from idvae.evaluate.metrics.kernel import kernel_distance
from idvae.evaluate.metrics.neighbours import Balls, neighbourhoods
from idvae.evaluate.metrics.sliced import monge_distance
from idvae.evaluate.metrics.statistics import KEEP, PartStatistics
from idvae.evaluate.reference import (
    REFERENCE_N,
    Announce,
    Reference,
    check_split,
    checksum_of,
    is_prepared,
    named_set,
    open_reference,
    silent,
)
from idvae.evaluate.scores import DEFAULT_METRICS, Row, Scores, Value, checked_metrics
from idvae.evaluate.sources.images import open_images
from idvae.evaluate.sources.source import Range, Source, checked_range
from idvae.evaluate.together import exchange, processes, spread
from idvae.seeds import SEEDING, checked_seed

NEIGHBOUR_METRICS = ("precision", "recall", "density", "coverage")
SUBSETS, SUBSET_SIZE, NEIGHBOURS = 10, 1000, 5


def evaluate(
    images: Any,
    reference: Any,
    *,
    experts: Sequence[str | AnyExpert] = DEFAULT,
    metrics: Sequence[str] = DEFAULT_METRICS,
    n: int | None = None,
    reference_n: int = REFERENCE_N,
    repeats: int = 5,
    seed: int = 0,
    split: str | None = None,
    name: str | None = None,
    weights: Mapping[str, str] | None = None,
    value_range: Range | None = None,
    device: str = "cpu",
    trust: bool = False,
    true_data: Any = True,
    announce: Announce = silent,
) -> Scores:
    """Score images against real ones by every expert and every metric.

    Args:
        images: a folder, an .npz or .npy file, an array uint8 (N, H, W, C), an iterable of
            arrays, a callable (n, seed) → images, such as the `sample` of a model, or a `Source`.
        reference: a prepared set or the name of one, or any of the above, or an .npz of mu and
            sigma.
        experts: names such as "lite0" or "lite0@96", NAME=FILE, or open experts.
        metrics: names of METRICS.
        n: images a sample set; by default 10,000, or as many as both sides allow.
        reference_n: most real images on the other side.
        repeats: sample sets: fresh ones of a sampler, disjoint subsets of what is finite, fewer
            where there are not so many.
        seed: of sample sets and of choices.
        split: which split of a prepared set is the real side, as in `open_reference`.
        name: as in tables; the place of the images if not given.
        weights: paths of experts' weight files, by name.
        value_range: what black and white are in arrays of floats.
        device: where experts compute.
        trust: open experts that are TorchScript files, which are programs.
        true_data: real images for the real-data baseline, disjoint from the reference; True takes
            those that a prepared set has left, False leaves the row out.
        announce: called with what is scored and how many images; gives a function that is called
            with the number of images of each chunk done.

    Returns:
        the scores; `save` writes scores.json.

    Raises:
        UserError: a mistake in the images, the reference, the experts or the numbers.
    """
    seed, value_range = checked_seed(seed), checked_range(value_range)
    metrics = checked_metrics(metrics)
    n = None if n is None else _checked_count(n, "n", 2)
    repeats = _checked_count(repeats, "repeats", 1)
    reference_n = _checked_count(reference_n, "reference_n", 2)
    if name is not None and not (isinstance(name, str) and name and name.isprintable()):
        raise UserError(f"{name!r} is no name for tables; it is one line of text")
    reference = named_set(reference)
    check_split(reference, split)
    source = open_images(images, value_range)
    checksum = getattr(reference, "checksum", None)
    opened = open_experts(
        experts,
        weights=weights,
        checksum=checksum if isinstance(checksum, str) else None,
        device=device,
        trust=trust,
    )
    n = _sample_set_size(n, source, reference, split)
    parts = source.parts(n, repeats)
    images_checksum = checksum_of(source)
    real = open_reference(
        reference,
        opened,
        reference_n,
        n=n,
        seed=seed,
        split=split,
        value_range=value_range,
        announce=announce,
    )
    _check_widths(real, opened)
    if true_data is not True:
        real.pool = None if true_data is False else open_images(true_data, value_range)
    pool = None if real.pool is None else checksum_of(real.pool)
    if pool is not None and pool == real.facts.get("checksum"):
        raise UserError("the real-data baseline is the reference itself; name other real images")
    balls = _balls(real, metrics)
    facts = _facts(opened, metrics, n, real, seed)
    row = _row(source, opened, metrics, n, parts, real, balls, seed, announce, "sample sets")
    warnings = _warnings(opened, metrics, n, parts, repeats, real, row)
    baseline: Row = {}
    if true_data is not False:
        baseline = _baseline(
            real, pool, opened, metrics, n, repeats, balls, facts, announce, warnings
        )
    return Scores(
        name=name or source.name,
        facts=facts,
        row=row,
        true_data=baseline,
        about={
            "images": source.name,
            "images_checksum": images_checksum,
            "reference": real.name,
            "true_data": pool if baseline else None,
            "held_out": true_data is True,
            "repeats": parts,
            "device": str(device),
            "processes": processes()[1],
        },
        warnings=warnings,
    )


def _checked_count(value: Any, name: str, least: int) -> int:
    if not isinstance(value, Integral) or value < least:
        raise UserError(f"{name} {value!r} is no whole number of at least {least}")
    return int(value)


def _sample_set_size(n: int | None, source: Source, reference: Any, split: str | None) -> int:
    if n is not None:
        return n
    limits = [10_000]
    if source.count is not None:
        limits.append(source.count)
    if split is not None:
        limits.append(len(reference.split(split)))
    elif is_prepared(reference):
        limits.append((len(reference.split("train")) + len(reference.split("test"))) // 2)
    return max(2, min(limits))


def _check_widths(real: Reference, experts: Sequence[AnyExpert]) -> None:
    for expert in experts:
        statistics = real.features[expert.name].statistics
        if expert.in_parts != isinstance(statistics, PartStatistics):
            raise UserError(
                f"{real.name} holds statistics of {'one' if expert.in_parts else 'several'} "
                f"Gaussian{'' if expert.in_parts else 's'}, which are not those of {expert.name}"
            )
        width = statistics.width
        if width != expert.width and not expert.in_parts:
            raise UserError(
                f"{real.name} holds statistics of width {width}, and {expert.name} has "
                f"{expert.width} features; they were made by another expert"
            )


def _balls(real: Reference, metrics: Sequence[str]) -> dict[str, Balls]:
    if not set(metrics) & set(NEIGHBOUR_METRICS):
        return {}
    return {
        name: cache.balls(found.rows, NEIGHBOURS)
        for name, found in real.features.items()
        if found.rows is not None and len(found.rows) > NEIGHBOURS
    }


def _row(
    source: Source,
    experts: Sequence[AnyExpert],
    metrics: Sequence[str],
    n: int,
    parts: int,
    real: Reference,
    balls: Mapping[str, Balls],
    seed: int,
    announce: Announce,
    what: str,
) -> Row:
    """Every metric of every expert, over sample sets; each image is decoded or drawn once for all
    experts, by one process."""
    values: dict[str, dict[str, list[float]]] = {e.name: {} for e in experts}
    report = announce(f"{what} of {source.name}", n * parts)
    for part in range(parts):
        drawn = collect(source, experts, n, part, seed=seed, progress=report)
        for expert, features in drawn.items():
            found = score(
                features, real.features[expert], metrics, balls=balls.get(expert), seed=seed
            )
            for metric, value in found.items():
                values[expert].setdefault(metric, []).append(value)
    return {e: {m: Value.of(v) for m, v in found.items()} for e, found in values.items()}


def score(
    fake: Features,
    real: Features,
    metrics: Sequence[str],
    *,
    balls: Balls | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """Every metric that can be had of two sets of features.

    Metrics that need rows are left out where the reference has only moments, or features are in
    parts; the Inception Score where the expert has no logits. With several processes each calls it
    with the same features, and they share the distances of FD∞.

    Args:
        fake, real: of one expert.
        metrics: names of METRICS.
        balls: of the real rows, where they were made before.
        seed: of subsets and prefixes.
    """
    found: dict[str, float] = {}
    if "fd" in metrics:
        in_parts = isinstance(fake.statistics, PartStatistics)
        distance = frechet_of_parts if in_parts else frechet_distance
        found["fd"] = distance(fake.statistics, real.statistics)
    if "fd_infinity" in metrics and fake.rows is not None:
        found["fd_infinity"] = frechet_infinity(
            fake.rows, real.statistics, seed=seed, each=spread
        ).value
    if "kid" in metrics and fake.rows is not None and real.rows is not None:
        size = min(SUBSET_SIZE, len(fake.rows), len(real.rows))
        subsets = min(SUBSETS, max(1, min(len(fake.rows), len(real.rows)) // size))
        found["kid"] = kernel_distance(
            real.rows, fake.rows, subsets=subsets, subset_size=size, seed=seed
        ).value
    if "mind" in metrics and fake.rows is not None and real.rows is not None:
        found["mind"] = monge_distance(real.rows, fake.rows, seed=seed)
    wanted = [m for m in NEIGHBOUR_METRICS if m in metrics]
    rows = min(0 if f.rows is None else len(f.rows) for f in (fake, real))
    if wanted and rows > NEIGHBOURS:
        near = neighbourhoods(balls or Balls(real.rows, NEIGHBOURS), Balls(fake.rows, NEIGHBOURS))
        found |= {m: getattr(near, m) for m in wanted}
    if "is" in metrics and fake.logits is not None:
        found["is"] = inception_score(fake.logits)[0]
    return found


def _baseline(
    real: Reference,
    checksum: str | None,
    experts: Sequence[AnyExpert],
    metrics: Sequence[str],
    n: int,
    repeats: int,
    balls: Mapping[str, Balls],
    facts: Mapping[str, Any],
    announce: Announce,
    warnings: list[str],
) -> Row:
    """Real images, disjoint from the reference, scored as if they were samples.

    `checksum` is that of the pool that they are taken from.
    """
    pool = real.pool
    if pool is None:
        warnings.append(
            f"no real-data baseline: {real.name} leaves no real images; "
            "name others with --true-data"
        )
        return {}
    if pool.count is not None and pool.count < n:
        warnings.append(
            f"no real-data baseline: {pool.name} has {pool.count:,} images, fewer than n = {n:,}"
        )
        return {}
    parts = pool.parts(n, repeats)
    key = {
        "format": 1,
        "true data": dict(facts),
        "metrics": sorted(metrics),
        "pool": checksum,
        "parts": parts,
    }
    place = cache.place(key).with_suffix(".scores.json")
    # Images that nothing tells apart from others are scored each time.
    known = None not in (key["pool"], facts["reference"].get("checksum"))
    kept = _kept(place, key) if known else None
    if all(exchange(kept is not None)):  # else all compute: nobody then waits for one who does not
        return kept
    seed = facts["seed"]
    row = _row(pool, experts, metrics, n, parts, real, balls, seed, announce, "real-data baseline")
    if known and processes()[0] == 0:
        Scores("True Data", key, row).save(place)
    return row


def _kept(place: Path, facts: Mapping[str, Any]) -> Row | None:
    """The row that was scored with exactly these facts before, or None."""
    try:
        kept = Scores.load(place)
    except (UserError, OSError):
        return None
    return kept.row if kept.facts == facts else None


def _facts(
    experts: Sequence[AnyExpert], metrics: Sequence[str], n: int, real: Reference, seed: int
) -> dict[str, Any]:
    return {
        "experts": {e.name: e.facts for e in experts},
        "n": n,
        "reference": real.facts,
        "seed": seed,
        "seeding": SEEDING,
        "metrics": {
            "kid": {"subsets": SUBSETS, "subset_size": SUBSET_SIZE},
            "neighbours": NEIGHBOURS,
            "rows_kept": KEEP,
            "is_splits": 1,
        },
        "versions": cache.versions(),
    }


def _warnings(
    experts: Sequence[AnyExpert],
    metrics: Sequence[str],
    n: int,
    parts: int,
    repeats: int,
    real: Reference,
    row: Row,
) -> list[str]:
    told = []
    for expert in experts:
        statistics = real.features[expert.name].statistics
        for side, count in (("samples", n), ("reference", statistics.n)):
            if count and count <= statistics.width:
                told.append(
                    f"{expert.name}: {count:,} images ({side}) for {statistics.width:,} features: "
                    f"the covariance has rank {count - 1:,} at most, and the "
                    "distance grows as N shrinks; compare it only at this N"
                )
    if n <= NEIGHBOURS:
        told.append(f"precision, recall, density and coverage need more than {NEIGHBOURS} images")
    if parts < repeats:
        told.append(f"the images allow {parts} disjoint sample sets of {n:,}, not {repeats}")
    if any(real.features[e.name].rows is None and not e.in_parts for e in experts):
        told.append(f"{real.name} holds moments alone: only fd can be had from it")
    asked = ", ".join(metrics)
    told += [f"{e}: none of {asked} can be had of it here" for e, of in row.items() if not of]
    return told

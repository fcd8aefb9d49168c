"""Does a code know the classes? 1-nearest-neighbour and linear-probe accuracy of features.

BiGAN's check (Donahue, Krähenbühl and Darrell, Adversarial Feature Learning). Neighbours are by the
Euclidean distance of features as they are: to scale each dimension would make as much of one that
an encoder leaves unused as of one that it uses. The linear probe is a logistic regression of
features whose dimensions have mean 0 and deviation 1 over the training rows, so that one penalty
means the same to all of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from idvae.data.prepared import SPLITS
from idvae.errors import UserError
from idvae.evaluate.cache import key
from idvae.evaluate.metrics.logistic import Linear, Regression
from idvae.evaluate.metrics.neighbours import nearest
from idvae.evaluate.reconstruct import TEST_N, fixed_indices
from idvae.io.files import atomic_file
from idvae.io.places import cache_folder

TRAIN_N = 10_000
PENALTIES = (0.1, 0.01, 1e-3, 1e-4)  # from the strongest on
PARTS = 1 + len(PENALTIES)  # of the work on one kind of features

BySplit = Mapping[str, np.ndarray]  # rows of each split


@dataclass(frozen=True)
class Known:
    """What features know of the test rows' classes, or attributes.

    Attributes:
        nearest: share whose nearest training row has the same class, in [0, 1]; of attributes the
            mean over attributes.
        linear: share that the linear probe is right about; of attributes the mean over them.
        penalty: of the linear probe, the one that is right most often about the validation rows.
        converged: whether its fit came to the minimum.
        dimensions: of the features.
    """

    nearest: float
    linear: float
    penalty: float
    converged: bool
    dimensions: int


def rows_of(prepared: Any, n: int = TRAIN_N) -> dict[str, np.ndarray]:
    """The rows that are looked at, by split: n of train, and 10,000 of the others, at most.

    They are those of `fixed_indices`, so the same ones whatever the model.

    Raises:
        UserError: a split has none.
    """
    counts = {split: len(prepared.split(split)) for split in SPLITS}
    for split, count in counts.items():
        if not count:
            raise UserError(f"{prepared.name} has no {split} images, which a probe needs")
    return {
        split: fixed_indices(count, n if split == "train" else TEST_N)
        for split, count in counts.items()
    }


def targets_of(prepared: Any, rows: BySplit) -> dict[str, dict[str, np.ndarray]]:
    """What there is to be known of these rows, by split: "classes", "attributes", or both.

    Returns:
        classes int64 (N,), attributes float64 (N, A) of 0 and 1.

    Raises:
        UserError: the set has neither.
    """
    found: dict[str, dict[str, np.ndarray]] = {}
    if prepared.classes:
        found["classes"] = {s: prepared.split(s).labels(rows[s]) for s in SPLITS}
    if prepared.attribute_names:
        attributes = {s: prepared.split(s).attributes(rows[s]) for s in SPLITS}
        found["attributes"] = {s: a.astype(np.float64) for s, a in attributes.items()}
    if not found:
        raise UserError(
            f"{prepared.name} has neither classes nor attributes, so there is nothing to probe "
            "for; idvae data list says which sets have some"
        )
    return found


def probe(
    features: BySplit, targets: BySplit, done: Callable[[int], None] = lambda n: None
) -> Known:
    """Measure what features know.

    Args:
        features: by split, float, shapes (N, …); flattened.
        targets: by split, as of `targets_of`.
        done: called with 1 after each of the PARTS of the work.
    """
    x = {s: np.asarray(features[s]).reshape(len(features[s]), -1) for s in SPLITS}
    neighbours = targets["train"][nearest(x["test"], x["train"])]
    done(1)
    scaled, t = _scaled(x), {s: torch.from_numpy(targets[s]) for s in SPLITS}
    regression = Regression(scaled["train"], t["train"], _count(targets))
    fits: list[tuple[float, float, Linear]] = []
    for penalty in PENALTIES:
        fitted = regression.fit(penalty, fits[-1][2] if fits else None)
        right = _right(
            _answers(fitted.logits(scaled["validation"]), t["validation"]), t["validation"]
        )
        fits.append((right, penalty, fitted))
        done(1)
    _, penalty, fitted = max(fits, key=lambda fit: fit[0])  # of equals the strongest
    return Known(
        nearest=_right(torch.from_numpy(neighbours), t["test"]),
        linear=_right(_answers(fitted.logits(scaled["test"]), t["test"]), t["test"]),
        penalty=penalty,
        converged=fitted.converged,
        dimensions=x["train"].shape[1],
    )


def majority(targets: BySplit) -> float:
    """What is right who knows nothing: always the most frequent of the training rows."""
    train, test = targets["train"], targets["test"]
    if train.ndim == 1:
        return float((test == np.bincount(train).argmax()).mean())
    return float((test == (train.mean(0) > 0.5)).mean())


def _scaled(x: BySplit) -> dict[str, Tensor]:
    """Mean 0 and deviation 1 over the training rows; what never varies there is 0 everywhere."""
    wide = {s: torch.from_numpy(a.astype(np.float64)) for s, a in x.items()}
    mean, deviation = wide["train"].mean(0), wide["train"].std(0, correction=0)
    varies = (wide["train"] != wide["train"][0]).any(0)
    scale = torch.where(varies, 1 / torch.where(varies, deviation, 1.0), 0.0)
    return {s: a.sub_(mean).mul_(scale) for s, a in wide.items()}


def _count(targets: BySplit) -> int:
    if targets["train"].ndim == 1:
        return 1 + max(int(t.max()) for t in targets.values())
    return targets["train"].shape[1]


def _answers(logits: Tensor, like: Tensor) -> Tensor:
    return logits.argmax(1) if like.ndim == 1 else (logits > 0).to(like)


def _right(answers: Tensor, targets: Tensor) -> float:
    return float((answers == targets).double().mean())


def kept(facts: Mapping[str, Any], measure: Callable[[], Known]) -> Known:
    """What was measured of exactly these facts before, or is now and is kept in the cache.

    The pixels of a set are the same beside every model.
    """
    path = cache_folder() / "probes" / f"{key(facts)[:32]}.json"
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
        if there["facts"] == facts:
            return Known(**there["known"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    known = measure()
    with atomic_file(path) as temporary:
        text = json.dumps({"facts": facts, "known": asdict(known)}, indent=2)
        temporary.write_text(text + "\n", encoding="utf-8")
    return known

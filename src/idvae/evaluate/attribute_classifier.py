"""Whether a conditional model makes what it was asked for, as an attribute classifier sees it.

The paper has only pictures here. The classifier learns the attributes, or the classes, of the
training split, of its images as they are and roughened; its own accuracy on the test split, on
both, stands beside every figure, for no figure can be trusted beyond it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from idvae.data.pixels import to_float, to_uint8
from idvae.evaluate.experts import AnyExpert
from idvae.evaluate.experts.domain import open_domain, train
from idvae.evaluate.roughness import BLUR, NOISE, roughened
from idvae.evaluate.scores import Value
from idvae.io.places import cache_folder

BATCH = 250
DIFFERENT = "different images"

Draw = Callable[[np.ndarray, int], np.ndarray]
Edit = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass
class AttributeClassifier:
    """A classifier of real images by their attributes, or by their classes.

    Attributes:
        expert: gives logits, one a class or attribute.
        kind: "labels" or "attributes".
        accuracy: on the test split, by name, in [0, 1].
        rough: the same on the test split `roughened`.
    """

    expert: AnyExpert
    kind: str
    accuracy: dict[str, float] = field(default_factory=dict)
    rough: dict[str, float] = field(default_factory=dict)

    def answers(self, images: np.ndarray) -> np.ndarray:
        """What it sees, as y has it: float32 (N, Y), one-hot or −1 and +1."""
        parts = [self.expert(images[i : i + BATCH]).logits for i in range(0, len(images), BATCH)]
        logits = np.concatenate([part for part in parts if part is not None])
        if self.kind == "labels":
            return np.eye(logits.shape[1], dtype=np.float32)[logits.argmax(1)]
        return np.where(logits > 0, 1.0, -1.0).astype(np.float32)


class _Columns:
    """A split whose attributes are those of a condition alone."""

    def __init__(self, split: Any, y: Callable[[np.ndarray], np.ndarray]) -> None:
        self.split, self.y = split, y

    def __len__(self) -> int:
        return len(self.split)

    def gather(self, indices: Any) -> np.ndarray:
        return self.split.gather(indices)

    def labels(self, indices: Any) -> np.ndarray:
        return self.split.labels(indices)

    def attributes(self, indices: Any) -> np.ndarray:
        return (self.y(indices) > 0).astype(np.int8)


def open_attribute_classifier(
    data: Any,
    condition: Any,
    *,
    steps: int = 2000,
    seed: int = 0,
    device: str = "cpu",
    on_step: Callable[[int, float], None] = lambda step, loss: None,
) -> AttributeClassifier:
    """The classifier of a prepared set, trained now where it was not before.

    Args:
        data: the prepared set; its training split is learnt, its test split measures.
        condition: what is to be told apart: kind, names, and rows(data, split, indices) → y.
        steps, seed, device: of the training.
        on_step: called with each step and its loss.

    Raises:
        UserError: too few images.
    """
    what = f"{data.checksum} {condition.kind} {condition.names} {steps} {seed} {BLUR} {NOISE}"
    key = hashlib.sha256(what.encode()).hexdigest()[:16]
    path = cache_folder() / "judges" / f"{key}.safetensors"  # a name that old caches have
    if not Path(path).is_file():
        split = data.split("train")
        labels = condition.kind == "labels"
        train(
            _Columns(split, lambda rows: condition.rows(data, split, rows)),
            path,
            checksum=data.checksum,
            classes=len(condition.names) if labels else None,
            attributes=() if labels else condition.names,
            steps=steps,
            seed=seed,
            device=device,
            on_step=on_step,
            alter=roughened,
        )
    classifier = AttributeClassifier(open_domain(None, path, None, device), condition.kind)
    test = data.split("test")
    seen, rough, y, rng = [], [], [], np.random.default_rng(0)
    for start in range(0, len(test), BATCH):
        rows = np.arange(start, min(start + BATCH, len(test)))
        images = test.gather(rows)
        seen.append(classifier.answers(images))
        x = roughened(to_float(torch.from_numpy(images)), rng)
        rough.append(classifier.answers(to_uint8(x).numpy()))
        y.append(condition.rows(data, test, rows))
    truth = np.concatenate(y)
    classifier.accuracy = _agreement(np.concatenate(seen), truth, condition)
    classifier.rough = _agreement(np.concatenate(rough), truth, condition)
    return classifier


def _agreement(seen: np.ndarray, asked: np.ndarray, condition: Any) -> dict[str, float]:
    """Share of images that are what was asked, by class; or by attribute."""
    agree = np.sign(seen - 0.5) == np.sign(asked - 0.5)
    if condition.kind == "labels":
        agree = agree.all(1)
        return {
            name: float(agree[asked[:, i] > 0].mean())
            for i, name in enumerate(condition.names)
            if (asked[:, i] > 0).any()
        }
    return {name: float(agree[:, i].mean()) for i, name in enumerate(condition.names)}


def generated(
    classifier: AttributeClassifier,
    draw: Draw,
    condition: Any,
    y: Callable[[int, int], np.ndarray],
    n: int,
    repeats: int,
) -> dict[str, Value]:
    """Share of generated images that have what was asked, by name: mean ± deviation over sets.

    Of an attribute, half of the images are asked to have it and half not to, whatever the data
    hold, so that 0.5 is what a model reaches that ignores it.

    Args:
        classifier: who looks.
        draw: (y, seed) → images, uint8 (N, H, W, C).
        condition: names, and changed(y, asked) → y.
        y: (n, seed) → conditions as they occur in the data, float32 (n, Y).
        n: images of each class or attribute in a sample set; at least 2.
        repeats: sample sets.
    """
    values: dict[str, list[float]] = {name: [] for name in condition.names}
    for seed in range(repeats):
        for i, name in enumerate(condition.names):
            told = condition.changed(y(n, seed), {name: True})
            if condition.kind == "attributes":
                told[n // 2 :] = condition.changed(y(n, seed), {name: False})[n // 2 :]
            seen = classifier.answers(draw(told, seed))
            right = (seen[:, i] > 0) == (told[:, i] > 0)
            values[name].append(float(right.mean()))
    return {name: Value.of(found) for name, found in values.items()}


@dataclass
class Edited:
    """What became of images when one thing was changed, each in [0, 1] but for `identity`.

    Attributes:
        changed: share of images in which the classifier now sees what was asked.
        kept: share of the other attributes, those that exclude it left out, that the
            classifier still sees as in the reconstruction.
        identity: mean squared distance of an expert's features, scaled to length one, between
            the edited image and its reconstruction, from 0 to 4.
        n: how many images were edited.
    """

    changed: Value
    kept: Value | None
    identity: Value
    n: int


def edited(
    classifier: AttributeClassifier,
    edit: Edit,
    condition: Any,
    images: np.ndarray,
    y: np.ndarray,
    expert: AnyExpert,
    parts: int = 5,
) -> tuple[dict[str, Edited], dict[str, float]]:
    """Turn each attribute in every image, or set each class in every image of another.

    Args:
        classifier: who looks.
        edit: (images, y, changed y) → edited images.
        condition: names, bound_to(name) → names, and turned(y, name) → y.
        images: real, uint8 (N, H, W, C).
        y: theirs, float32 (N, Y).
        expert: whose features tell identity.
        parts: disjoint parts of the images, whose spread is the deviation.

    Returns:
        by name, without classes that all images have; and the scale of `identity`: that between
        reconstructions and originals, and that between different originals.
    """
    plain = edit(images, y, y)
    before, seen = _unit(expert, plain), classifier.answers(plain)
    real = _unit(expert, images)
    scale = {
        "reconstructions": float(np.square(before - real).sum(1).mean()),
        DIFFERENT: float(np.square(real - np.roll(real, 1, 0)).sum(1).mean()),
    }
    found = {}
    for i, name in enumerate(condition.names):
        told = condition.turned(y, name)
        # An image that is of the class already is only reconstructed, which is no edit.
        some = np.flatnonzero((told != y).any(1))
        if not len(some):
            continue
        made = edit(images[some], y[some], told[some])
        answers = classifier.answers(made)
        right = (answers[:, i] > 0) == (told[some, i] > 0)
        distance = np.square(_unit(expert, made) - before[some]).sum(1)
        cuts = np.array_split(np.arange(len(some)), parts)
        others = _others(condition, i)
        kept = None
        if others:
            same = (answers[:, others] == seen[some][:, others]).mean(1)
            kept = _spread(same, cuts)
        found[name] = Edited(_spread(right, cuts), kept, _spread(distance, cuts), len(some))
    return found, scale


def _others(condition: Any, place: int) -> list[int]:
    """Attributes that an edit of this one should leave alone."""
    if condition.kind == "labels":
        return []
    name = condition.names[place]
    moved = {name, *condition.bound_to(name)}
    return [i for i, other in enumerate(condition.names) if other not in moved]


def _spread(values: np.ndarray, cuts: Sequence[np.ndarray]) -> Value:
    return Value.of([float(values[cut].mean()) for cut in cuts if len(cut)])


def _unit(expert: AnyExpert, images: np.ndarray) -> np.ndarray:
    parts = [expert(images[i : i + BATCH]).features for i in range(0, len(images), BATCH)]
    features = np.concatenate(parts).reshape(len(images), -1).astype(np.float64)
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)

"""What features know: by hand where it is plain, by brute force where it is not."""

import numpy as np
import pytest

from idvae.errors import UserError
from idvae.evaluate import probe as probing
from idvae.evaluate.probe import PARTS, Known, kept, majority, probe, rows_of, targets_of

SIZES = {"train": 90, "validation": 40, "test": 50}


class Split:
    def __init__(self, n, labels=None, attributes=None):
        self.n, self._labels, self._attributes = n, labels, attributes

    def __len__(self):
        return self.n

    def labels(self, indices):
        return self._labels[indices]

    def attributes(self, indices):
        return self._attributes[indices]


class Set:
    """What a probe asks of a prepared set."""

    name = "made"

    def __init__(self, classes=None, attribute_names=None, sizes=SIZES):
        self.classes, self.attribute_names, self.sizes = classes, attribute_names, sizes

    def split(self, name):
        n = self.sizes[name]
        return Split(n, np.arange(n) % 3, np.stack([np.arange(n) % 2, np.arange(n) % 4 > 2], 1))


def some(seed=0):
    """Classes around three centres that overlap, in features of very different scales."""
    rng = np.random.default_rng(seed)
    targets = {s: np.arange(n) % 3 for s, n in SIZES.items()}
    centres = rng.standard_normal((3, 5))
    features = {
        s: ((centres[t] + 0.7 * rng.standard_normal((len(t), 5))) * [1, 1, 1, 9, 0.1]).astype("f4")
        for s, t in targets.items()
    }
    return features, targets


def test_neighbours_are_those_of_brute_force_and_dimensions_are_as_they_are():
    features, targets = some()
    found = probe(features, targets)
    distances = np.square(features["test"][:, None].astype(float) - features["train"]).sum(-1)
    right = targets["train"][distances.argmin(1)] == targets["test"]
    assert found.nearest == pytest.approx(right.mean())
    assert found.nearest < 1
    assert found.dimensions == 5


def test_the_linear_probe_is_scikit_learns_of_the_best_penalty():
    linear_model = pytest.importorskip("sklearn.linear_model", reason="the oracle")
    features, targets = some()
    mean, sd = features["train"].mean(0), features["train"].std(0)
    x = {s: (f.astype(float) - mean) / sd for s, f in features.items()}
    scores = {}
    for penalty in probing.PENALTIES:
        model = linear_model.LogisticRegression(C=1 / (90 * penalty), tol=1e-8, max_iter=10_000)
        model.fit(x["train"], targets["train"])
        scores[penalty] = [model.score(x[s], targets[s]) for s in ("validation", "test")]
    best = max(scores, key=lambda penalty: (scores[penalty][0], penalty))
    found = probe(features, targets)
    assert (found.penalty, found.linear) == (best, pytest.approx(scores[best][1]))
    assert found.converged


def test_scales_and_what_never_varies_change_no_linear_probe():
    features, targets = some()
    wide = {s: np.pad(f * [3, 0.5, 2, 1, 7], ((0, 0), (0, 2)), constant_values=0.3)
            for s, f in features.items()}  # fmt: skip
    a, b = probe(features, targets), probe(wide, targets)
    assert (a.linear, a.penalty) == (b.linear, b.penalty)


def test_classes_that_are_plain_are_known_and_noise_is_not():
    _, targets = some()
    plain = {s: np.eye(3)[t].reshape(-1, 3, 1) for s, t in targets.items()}
    counted = []
    found = probe(plain, targets, counted.append)
    assert (found.nearest, found.linear) == (1, 1)
    assert sum(counted) == PARTS
    rng = np.random.default_rng(0)
    noise = {s: rng.standard_normal((len(t), 3)) for s, t in targets.items()}
    assert probe(noise, targets).nearest < 0.6


def test_attributes_are_a_mean_over_them():
    rng = np.random.default_rng(0)
    features = {s: rng.standard_normal((n, 2)) for s, n in SIZES.items()}
    targets = {  # the first is the sign of a feature, of the second nothing is known
        s: np.stack([f[:, 0] > 0, rng.random(len(f)) < 0.5], 1).astype(float)
        for s, f in features.items()
    }
    found = probe(features, targets)
    alone = probe(features, {s: t[:, :1] for s, t in targets.items()})
    assert alone.linear > 0.9
    assert 0.6 < found.linear < 0.9
    distances = np.square(features["test"][:, None] - features["train"]).sum(-1)
    right = targets["train"][distances.argmin(1)] == targets["test"]
    assert found.nearest == pytest.approx(right.mean(0).mean())


def test_the_majority_is_of_training_rows():
    assert majority({"train": np.array([2, 2, 0]), "test": np.array([2, 0, 0, 0])}) == 0.25
    attributes = {"train": np.array([[1, 0], [1, 0], [0, 1.0]]), "test": np.array([[1, 1.0]])}
    assert majority(attributes) == 0.5


def test_rows_are_the_same_whatever_the_model_and_no_more_than_asked():
    rows = rows_of(Set(["a"]), 10)
    assert {s: len(r) for s, r in rows.items()} == SIZES | {"train": 10}
    np.testing.assert_array_equal(rows["train"], rows_of(Set(["a"]), 10)["train"])
    both = targets_of(Set(["a", "b", "c"], ["x", "y"]), rows)
    assert list(both) == ["classes", "attributes"]
    assert both["attributes"]["train"].dtype == np.float64
    np.testing.assert_array_equal(both["classes"]["train"], rows["train"] % 3)


def test_a_set_without_classes_or_without_a_split_is_told():
    with pytest.raises(UserError, match="made has neither classes nor attributes"):
        targets_of(Set(), rows_of(Set()))
    with pytest.raises(UserError, match="made has no validation images"):
        rows_of(Set(sizes=SIZES | {"validation": 0}))


def test_what_was_measured_is_kept_for_its_facts_alone(own_cache):
    known, calls = Known(0.5, 0.75, 0.1, True, 4), []

    def measure():
        calls.append(1)
        return known

    assert [kept({"a": 1}, measure) for _ in range(2)] == [known, known]
    assert len(calls) == 1
    kept({"a": 2}, measure)
    assert len(calls) == 2
    for file in (own_cache / "probes").iterdir():
        file.write_text("{}")
    assert kept({"a": 1}, measure) == known
    assert len(calls) == 3

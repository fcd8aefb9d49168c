"""Permutation tests against SciPy's, Holm by hand, and the sentences."""

import numpy as np
import pytest

from idvae.report import significance
from idvae.report.significance import against_the_best, holm, in_words, least_p, permutation_test


@pytest.mark.parametrize(("n", "m"), [(3, 3), (3, 5), (5, 4), (6, 6)])
@pytest.mark.parametrize("shift", [0.0, 1.0, 5.0])
def test_p_is_that_of_scipy(n, m, shift):
    stats = pytest.importorskip("scipy.stats")
    random = np.random.default_rng(n + m)
    a, b = random.normal(20, 1, n), random.normal(20 + shift, 1, m)

    def apart(x, y, axis):
        return abs(x.mean(axis) - y.mean(axis))

    expected = stats.permutation_test(
        (a, b), apart, alternative="greater", n_resamples=np.inf, vectorized=True
    ).pvalue
    assert permutation_test(a, b) == pytest.approx(expected, rel=1e-12)
    assert permutation_test(b, a) == permutation_test(a, b)


def test_p_by_hand():
    assert permutation_test([1, 2, 3], [4, 5, 6]) == 2 / 20 == least_p(3, 3)
    assert permutation_test([1, 2, 3], [10, 11, 12, 13]) == 1 / 35 == least_p(3, 4)
    assert permutation_test([5, 5, 5], [5, 5, 5]) == 1.0
    assert (
        permutation_test([0.1, 0.2, 0.3], [0.1, 0.2, 0.3]) == 1.0
    )  # ties count, whatever rounding


def test_many_labellings_are_drawn(monkeypatch):
    a, b = np.arange(8.0), np.arange(8.0) + 2.6
    exact = permutation_test(a, b)
    monkeypatch.setattr(significance, "EXACT", 10_000)
    assert permutation_test(a, b) == pytest.approx(exact, abs=0.02)
    assert permutation_test(a, b) == permutation_test(a, b)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_the_best_is_tested_against_each_of_the_rest():
    values = {"x": [10, 11, 12, 13, 14], "y": [1, 2, 3, 4, 5], "z": [2, 3, 4, 5, 6], "w": [7.0]}
    pairs = {pair.other: pair for pair in against_the_best(values)}
    assert {pair.best for pair in pairs.values()} == {"y"}
    assert pairs["x"].p == pytest.approx(2 / 252)
    assert pairs["x"].corrected == pytest.approx(4 / 252)
    assert pairs["z"].corrected == pairs["z"].p == permutation_test(values["y"], values["z"])
    assert pairs["w"].p is None
    assert {pair.best for pair in against_the_best(values, less_is_better=False)} == {"x"}
    assert against_the_best({"x": [1, 2, 3]}) == []
    words = in_words({"lite0": list(pairs.values())})
    assert (
        "- y is significantly better than x: 5 and 5 seeds, corrected p = 0.0159 (0.00794 alone)."
        in words
    )
    assert "- y is ahead of z, but not significantly: 5 and 5 seeds" in words
    assert "- y is ahead of w; no test is made, 5 and 1 seeds are fewer than 3 a side." in words
    assert "Holm" in words
    assert "cannot fall" not in words


def test_a_best_of_one_seed_does_not_hide_the_tests_of_the_rest():
    values = {"once": [1.0], "x": [2, 3, 4], "y": [7, 8, 9]}
    pairs = against_the_best(values)
    assert [(p.best, p.other, p.p) for p in pairs] == [
        ("once", "x", None),
        ("once", "y", None),
        ("x", "y", 0.1),
    ]


def test_three_seeds_are_too_few_to_be_significant_and_that_is_said():
    words = in_words({"lite0": against_the_best({"a": [1, 2, 3], "b": [7, 8, 9]})})
    assert "not significantly: 3 and 3 seeds" in words
    assert "p cannot fall below 0.1: train more." in words


def test_without_seeds_no_test_is_made():
    words = in_words({"lite0": against_the_best({"a": [1, 2], "b": [7, 8]})})
    assert "No test is made: no pair has 3 seeds a side" in words
    assert "no two rows" in in_words({"lite0": []})

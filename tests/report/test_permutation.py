"""Permutation tests against SciPy's and by hand: pairs, sets of groups, drawn labellings."""

from itertools import permutations

import numpy as np
import pytest

from idvae.report.permutation import Outcome, least_p, permutation_test


@pytest.mark.parametrize(("n", "m"), [(3, 3), (3, 5), (5, 4), (6, 6)])
@pytest.mark.parametrize("shift", [0.0, 1.0, 5.0])
def test_p_of_two_groups_is_that_of_scipy(n, m, shift):
    stats = pytest.importorskip("scipy.stats")
    random = np.random.default_rng(n + m)
    a, b = random.normal(20, 1, n), random.normal(20 + shift, 1, m)

    def apart(x, y, axis):
        return abs(x.mean(axis) - y.mean(axis))

    expected = stats.permutation_test(
        (a, b), apart, alternative="greater", n_resamples=np.inf, vectorized=True
    ).pvalue
    found = permutation_test([a, b])
    assert found.exact
    assert found.p == pytest.approx(expected, rel=1e-12)
    assert permutation_test([b, a]) == found


def test_p_by_hand():
    assert permutation_test([[1, 2, 3], [4, 5, 6]]) == Outcome(2 / 20, True)
    assert least_p(3, 3) == 2 / 20
    assert permutation_test([[1, 2, 3], [10, 11, 12, 13]]) == Outcome(1 / 35, True)
    assert least_p(3, 4) == 1 / 35
    assert permutation_test([[5, 5, 5], [5, 5, 5]]).p == 1.0
    # Ties count, whatever rounding makes of them.
    assert permutation_test([[0.1, 0.2, 0.3], [0.1, 0.2, 0.3]]).p == 1.0


def test_a_set_of_groups_is_tested_by_its_farthest_pair():
    groups = [[1.0, 2.5], [3.0, 7.0, 0.5], [9.0, 4.0]]
    values = [value for group in groups for value in group]

    def farthest(order):
        parts = order[:2], order[2:5], order[5:]
        return max(
            abs(np.mean(a) - np.mean(b)) / (1 / len(a) + 1 / len(b)) ** 0.5
            for i, a in enumerate(parts)
            for j, b in enumerate(parts)
            if i != j
        )

    seen = farthest(values)
    expected = np.mean([farthest(order) >= seen - 1e-12 for order in permutations(values)])
    assert permutation_test(groups).p == pytest.approx(expected)


def test_many_labellings_are_drawn_the_same_ones_each_time():
    groups = [np.arange(8.0), np.arange(8.0) + 2.6]
    counted, drawn = permutation_test(groups), permutation_test(groups, labellings=5000)
    assert (counted.exact, drawn.exact) == (True, False)
    assert drawn.p == pytest.approx(counted.p, abs=0.02)
    assert permutation_test(groups, labellings=5000) == drawn
    # The labelling seen is one of those that are counted: p is never 0.
    assert permutation_test([np.zeros(30), np.ones(30)], labellings=99).p == 1 / 100

"""Permutation tests against SciPy's and by hand: pairs, sets of groups, drawn labellings."""

from itertools import permutations

import numpy as np
import pytest

from idvae.report.permutation import Outcome, least_p, permutation_test


@pytest.mark.parametrize("n", [3, 4, 6])
@pytest.mark.parametrize("shift", [0.0, 1.0, 5.0])
def test_p_of_two_groups_is_that_of_scipy(n, shift):
    stats = pytest.importorskip("scipy.stats")
    random = np.random.default_rng(n)
    a, b = random.normal(20, 1, n), random.normal(20 + shift, 1, n)

    def apart(x, y, axis):
        return abs(x.mean(axis) - y.mean(axis))

    expected = stats.permutation_test(
        (a, b), apart, alternative="greater", n_resamples=np.inf, vectorized=True
    ).pvalue
    found = permutation_test([a, b])
    assert found.exact
    assert found.p == pytest.approx(expected, rel=1e-12)
    assert permutation_test([b, a]) == found
    assert permutation_test([b, [*a, 900.0]]) == found  # as many count as the smallest group has


def test_p_by_hand():
    assert permutation_test([[1, 2, 3], [4, 5, 6]]) == Outcome(2 / 20, True)
    assert least_p(3) == 2 / 20
    assert permutation_test([[1, 2, 3, 4], [10, 11, 12, 13]]) == Outcome(2 / 70, True)
    assert least_p(4) == 2 / 70
    assert permutation_test([[5, 5, 5], [5, 5, 5]]).p == 1.0
    # Ties count, whatever rounding makes of them.
    assert permutation_test([[0.1, 0.2, 0.3], [0.1, 0.2, 0.3]]).p == 1.0


def test_a_set_of_groups_is_tested_by_its_farthest_pair():
    groups = [[1.0, 2.5], [3.0, 0.5], [9.0, 4.0]]
    values = [value for group in groups for value in group]

    def farthest(order):
        parts = order[:2], order[2:4], order[4:]
        return max(abs(np.mean(a) - np.mean(b)) for a in parts for b in parts)

    seen = farthest(values)
    expected = np.mean([farthest(order) >= seen - 1e-12 for order in permutations(values)])
    assert permutation_test(groups).p == pytest.approx(expected)


def test_a_small_group_that_scatters_more_is_not_told_from_one_of_the_same_mean():
    """Of 5 against 9 values all labellings would find one in six such pairs apart."""
    random = np.random.default_rng(7)
    pairs = [(3 * random.normal(size=5), random.normal(size=9)) for _ in range(1000)]
    share = np.mean([permutation_test(pair).p <= 0.05 for pair in pairs])
    assert share < 0.085  # 0.062 of pairs of 5, and three deviations of such a share


def test_many_labellings_are_drawn_the_same_ones_each_time():
    groups = [np.arange(8.0), np.arange(8.0) + 2.6]
    counted, drawn = permutation_test(groups), permutation_test(groups, labellings=5000)
    assert (counted.exact, drawn.exact) == (True, False)
    assert drawn.p == pytest.approx(counted.p, abs=0.02)
    assert permutation_test(groups, labellings=5000) == drawn
    # The labelling seen is one of those that are counted: p is never 0.
    assert permutation_test([np.zeros(30), np.ones(30)], labellings=99).p == 1 / 100

"""What benchmarks/small_n.py makes of numbers: its table is in docs."""

import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))
import small_n


def values(seed, levels=4):
    rng = np.random.default_rng(seed)
    return {0.1 * a: list(rng.standard_normal(3) + 0.4 * a) for a in range(levels)}


def test_tau_is_the_mean_of_all_rankings_by_one_sample_set_a_model():
    by_kind = {"one": values(0), "other": values(1)}
    expected = np.mean(
        [
            np.mean([kendalltau(range(4), ranking).statistic for ranking in product(*v.values())])
            for v in by_kind.values()
        ]
    )
    assert small_n.judge(by_kind)[0] == pytest.approx(expected, rel=1e-12)


def test_neighbours_are_those_next_to_each_other():
    inner = {0.1: [5.0, 6.0], 0.2: [5.5, 7.0], 0.3: [0.0, 1.0]}
    tau, right = small_n.judge({"one": inner})
    assert right == pytest.approx((3 / 4 + 0) / 2)
    assert tau == pytest.approx((0.5 - 1 - 1) / 3)
    spread = np.sqrt((0.5 + 1.125 + 0.5) / 3)
    assert small_n.gap({"one": inner}) == pytest.approx((0.75 - 5.75) / 2 / spread)


def test_a_level_that_one_sample_set_tells_has_no_deviation():
    assert np.isnan(small_n.gap({"one": {0.1: [1.0], 0.2: [2.0]}}))


def test_models_of_all_kinds_are_held_against_the_order_at_the_largest_n():
    largest = {"one": {0.1: [1.0], 0.2: [3.0]}, "other": {0.1: [2.0]}}
    alike = {"one": {0.1: [5.0], 0.2: [9.0]}, "other": {0.1: [7.0]}}
    assert small_n.own_order(alike, largest) == 1
    alike["other"][0.1] = [4.0, 7.0]  # in half of the sample sets it is before the first
    assert small_n.own_order(alike, largest) == pytest.approx((1 + 1 + 0) / 3)


@pytest.mark.parametrize("n", [30, 90])
def test_its_distances_are_those_of_the_library(n):
    rng = np.random.default_rng(n)
    reference, rows = rng.standard_normal((200, 12)), 1.2 * rng.standard_normal((n, 12))
    small_n.Frechet(reference).check(rows)


def test_strengths_make_models():
    features = {
        "clean": np.arange(small_n.CLEAN)[:, None].astype(np.float32),
        "swirled": np.full((small_n.SWIRLED, 1), -1, np.float32),
        "noise 2.1": np.arange(small_n.ALL)[:, None].astype(np.float32),
    }
    labels = np.arange(small_n.CLEAN) % 10
    noisy = small_n.model("noise", 2.1, features, labels)
    assert sorted(noisy[:, 0]) == list(range(small_n.ALL))
    swirls = small_n.model("swirls", 0.16, features, labels)[:, 0]
    assert np.mean(swirls < 0) == pytest.approx(0.16, abs=0.015)
    left = small_n.model("rarer", 0.48, features, labels)[:, 0].astype(int)
    assert len(set(left)) == small_n.ALL
    share = np.isin(labels[left], small_n.SHOES).mean()
    assert share == pytest.approx(0.3 * 0.52 / (1 - 0.3 * 0.48), abs=0.015)

"""Orders by index: permutations, without a table, that look as random as tables do."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from idvae.data.order import ShardOrder, Shuffle, Table

SIZES = [*range(1, 40), 63, 64, 65, 255, 256, 257, 1000, 4096, 10_007]


@pytest.mark.parametrize("n", SIZES)
def test_each_row_has_one_position(n):
    for key in range(3):
        shuffle = Shuffle(n, key)
        rows = shuffle.rows(np.arange(n))
        assert sorted(rows) == list(range(n))
        np.testing.assert_array_equal(shuffle.positions(rows), np.arange(n))


@given(st.integers(1, 2**62), st.integers(0, 2**63 - 1), st.randoms(use_true_random=False))
def test_so_it_is_in_sets_of_any_size(n, key, draw):
    positions = np.unique([0, n - 1, *(draw.randrange(n) for _ in range(50))])
    shuffle = Shuffle(n, key)
    rows = shuffle.rows(positions)
    assert rows.min() >= 0
    assert rows.max() < n
    assert len(np.unique(rows)) == len(positions)
    np.testing.assert_array_equal(shuffle.positions(rows), positions)


def test_a_row_does_not_depend_on_those_asked_for_beside_it():
    shuffle = Shuffle(1000, 5)
    whole = shuffle.rows(np.arange(1000))
    np.testing.assert_array_equal(shuffle.rows(np.array([7, 3, 999])), whole[[7, 3, 999]])


@pytest.mark.parametrize("n", [2, 3, 4])
def test_small_sets_have_all_their_orders_equally_often(n):
    """1,500 keys: the counts of the n! permutations by a χ² test."""
    orders = [tuple(Shuffle(n, key).rows(np.arange(n)).tolist()) for key in range(1500)]
    counts = [orders.count(one) for one in itertools.permutations(range(n))]
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("n", [5, 12, 25])
def test_each_row_comes_equally_often_to_each_position(n):
    table = np.zeros((n, n))
    keys = 400 * n // 5
    for key in range(keys):
        table[np.arange(n), Shuffle(n, key).rows(np.arange(n))] += 1
    # All rows and columns add up to `keys`, so there are (n − 1)² degrees of freedom.
    square = ((table - keys / n) ** 2).sum() / (keys / n)
    assert 1e-3 < stats.chi2.sf(square, (n - 1) ** 2) < 1 - 1e-3


@pytest.mark.parametrize("n", [10_000, 65_536, 99_991])
def test_neighbours_fall_apart(n):
    """What follows what: correlations as of a random permutation, whose own sd is 1/√n."""
    rows = Shuffle(n, 11).rows(np.arange(n))
    for lag in (1, 2, 3, 64, 256, 316):
        assert abs(np.corrcoef(rows[:-lag], rows[lag:])[0, 1]) < 4 / np.sqrt(n)
    # Steps between neighbours, modulo n, are uniform; one follows itself once on average.
    steps = np.diff(rows) % n
    assert stats.kstest(steps / n, "uniform").pvalue > 1e-3
    assert (steps == 1).sum() < 10
    fixed = (rows == np.arange(n)).sum()
    assert fixed < 10


def test_any_stretch_is_spread_over_the_whole_set():
    n = 1_000_003
    shuffle = Shuffle(n, 3)
    for first in (0, 12_345, n - 4000):
        rows = shuffle.rows(np.arange(first, first + 4000))
        assert stats.kstest(rows / n, "uniform").pvalue > 1e-3


def test_keys_give_orders_that_share_nothing():
    orders = [Shuffle(5000, key).rows(np.arange(5000)) for key in (0, 1, 2, 2**62)]
    for one, other in itertools.combinations(orders, 2):
        assert (one == other).sum() < 10
        assert abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(5000)


def test_a_table_is_numpys_own_permutation_of_seed_and_epoch():
    """Runs of one-file sets have had this order: it may not change."""
    from idvae.seeds import ORDER, seed_for

    expected = np.random.default_rng(seed_for(3, ORDER, 2)).permutation(50)
    np.testing.assert_array_equal(Table(50, 3, 2).rows(np.arange(50)), expected)


SHARDED = [
    (1, 1, 8),
    (10, 3, 2),
    (100, 7, 3),
    (100, 10, 3),
    (64, 16, 8),
    (1000, 9, 4),
    (997, 100, 4),
]


@pytest.mark.parametrize(("n", "per_shard", "window"), SHARDED)
def test_an_epoch_of_shards_has_each_row_once(n, per_shard, window):
    for seed, epoch in [(0, 0), (0, 1), (7, 0), (1, 5)]:
        order = ShardOrder(n, per_shard, seed, epoch, window)
        rows = order.rows(np.arange(n))
        assert sorted(rows) == list(range(n))
        np.testing.assert_array_equal(order.rows(np.arange(n)[::-3]), rows[::-3])


@pytest.mark.parametrize(("n", "per_shard", "window"), SHARDED)
def test_a_window_is_read_from_its_shards_alone(n, per_shard, window):
    order = ShardOrder(n, per_shard, 4, 1, window)
    positions = np.arange(n)
    windows = order.window_of(positions)
    assert (np.diff(windows) >= 0).all()
    seen = []
    for w in range(windows.max() + 1):
        shards = set(order.shards_of(w).tolist())
        assert len(shards) <= window
        assert set((order.rows(positions[windows == w]) // per_shard).tolist()) == shards
        seen += shards
    assert sorted(seen) == list(range(-(-n // per_shard)))
    assert len(order.shards_of(int(windows.max()) + 1)) == 0


def test_rows_of_a_window_are_mixed():
    order = ShardOrder(8000, 100, 0, 0, 8)
    first = order.rows(np.arange(800))
    shards = first // 100
    assert len(set(shards[:100].tolist())) == 8  # not shard after shard
    assert abs(np.corrcoef(first[:-1] % 100, first[1:] % 100)[0, 1]) < 0.15


def test_epochs_and_seeds_have_other_shards_together():
    first = {
        (seed, epoch): frozenset(ShardOrder(8000, 100, seed, epoch, 8).shards_of(0).tolist())
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(set(first.values())) == 9


MEASURE = """
import sys, time
import numpy as np, psutil
from idvae.data.order import ShardOrder, Shuffle
from idvae.training import batches
process = psutil.Process()
base, began = process.memory_info().rss, time.process_time()
n, m = 10**9, 21_845
order = lambda seed, epoch: ShardOrder(n, m, seed, epoch)
first = batches.indices(n, 1024, 0, 0, order=order)
took = time.process_time() - began
steps = n // 1024
for step in [1, 2, steps - 1, steps, 2 * steps, *range(5000, 5200)]:  # into later epochs
    batches.indices(n, 1024, 0, step, order=order)
sample = np.random.default_rng(0).integers(n, size=200_000)
sample = np.unique(sample)
assert len(np.unique(order(0, 1).rows(sample))) == len(sample)
one = Shuffle(n, 9)
assert (one.positions(one.rows(sample)) == sample).all()
grown = (process.memory_info().rss - base) / 2**20
print(took, grown)
"""


@pytest.mark.slow
def test_a_thousand_million_rows_need_no_memory():
    """First batch within a second of processor time, two epochs in 600 MB beyond the base."""
    ran = subprocess.run(
        [sys.executable, "-c", MEASURE], check=True, capture_output=True, text=True
    )
    took, grown = map(float, ran.stdout.split())
    assert took < 1
    assert grown < 600

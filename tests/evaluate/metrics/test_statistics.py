"""What moments and the Fréchet distance must do for every set of rows: properties, not cases."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from idvae.evaluate.metrics.frechet import frechet_distance
from idvae.evaluate.metrics.statistics import Statistics

SEED = some.integers(0, 2**32 - 1)
WIDTH = some.integers(1, 8)
ROWS = some.integers(2, 400)  # more than one chunk of sums, and fewer rows than features
SCALE = some.floats(-3, 3).map(lambda power: 10.0**power)


def rows(n, width, seed):
    """Correlated rows of unequal spread, away from 0."""
    random = np.random.default_rng(seed)
    mixing = random.standard_normal((width, width)) * np.logspace(0, -2, width)
    return random.standard_normal((n, width)) @ mixing + random.standard_normal(width)


def same_moments(one, other, scale):
    assert one.n == other.n
    np.testing.assert_allclose(one.mean, other.mean, atol=1e-12 * scale)
    np.testing.assert_allclose(one.covariance, other.covariance, atol=1e-11 * scale**2)


@given(n=ROWS, m=ROWS, width=WIDTH, seed=SEED, keep=some.sampled_from([0, 100, 10_000]))
def test_merged_moments_are_those_of_all_rows(n, m, width, seed, keep):
    x = rows(n + m, width, seed)
    first, second, whole = (Statistics.of(part, keep) for part in (x[:n], x[n:], x))
    first.merge(second)
    same_moments(first, whole, abs(x).max())
    np.testing.assert_allclose(first.mean, x.mean(0), atol=1e-12 * abs(x).max())
    np.testing.assert_allclose(
        first.covariance,
        np.cov(x, rowvar=False).reshape(width, width),
        atol=1e-11 * abs(x).max() ** 2,
    )


@given(n=ROWS, width=WIDTH, seed=SEED, cuts=some.lists(some.integers(0, 400), max_size=5))
def test_sums_do_not_depend_on_how_rows_arrive(n, width, seed, cuts):
    x = rows(n, width, seed).astype(np.float32)
    pieces = Statistics.empty(width)
    for part in np.split(x, sorted(min(cut, n) for cut in cuts)):
        pieces.add(part)
    pieces.close()
    whole = Statistics.of(x)
    np.testing.assert_array_equal(pieces.mean, whole.mean)  # to the last bit
    np.testing.assert_array_equal(pieces.m2, whole.m2)


@given(n=ROWS, width=WIDTH, seed=SEED, scale=SCALE)
def test_moments_follow_order_shift_and_scale(n, width, seed, scale):
    x = rows(n, width, seed)
    random = np.random.default_rng(seed)
    shift, size = random.standard_normal(width), abs(x).max()
    found = Statistics.of(x)
    same_moments(Statistics.of(x[random.permutation(n)]), found, size)
    moved = Statistics.of(scale * x + shift)
    np.testing.assert_allclose(
        moved.mean, scale * found.mean + shift, atol=1e-12 * (scale * size + abs(shift).max())
    )
    np.testing.assert_allclose(
        moved.covariance,
        scale**2 * found.covariance,
        atol=1e-11 * (scale * size + abs(shift).max()) ** 2,
    )


@given(n=ROWS, m=ROWS, width=WIDTH, seed=SEED, scale=SCALE)
def test_the_frechet_distance_follows_order_shift_scale_and_rotation(n, m, width, seed, scale):
    a, b = rows(n, width, seed), rows(m, width, seed + 1)
    random = np.random.default_rng(seed)
    found = frechet_distance(a, b)
    near = 1e-9 * (np.square(a).sum() / n + np.square(b).sum() / m)
    shift = random.standard_normal(width)
    rotation, _ = np.linalg.qr(random.standard_normal((width, width)))
    assert found >= -near
    assert frechet_distance(b, a) == pytest.approx(found, abs=near)
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=near)
    assert frechet_distance(a[random.permutation(n)], b) == pytest.approx(found, abs=near)
    assert frechet_distance(a + shift, b + shift) == pytest.approx(
        found, abs=near + 1e-9 * np.square(shift).sum()
    )
    assert frechet_distance(scale * a, scale * b) == pytest.approx(
        scale**2 * found, abs=scale**2 * near
    )
    assert frechet_distance(a @ rotation, b @ rotation) == pytest.approx(found, abs=near)


@given(n=ROWS, width=WIDTH, seed=SEED)
def test_rows_that_are_moved_are_as_far_as_they_were_moved(n, width, seed):
    """‖shift‖² where the covariances are one."""
    a = rows(n, width, seed)
    shift = np.random.default_rng(seed).standard_normal(width)
    size = np.square(a).sum() / n + np.square(shift).sum()
    expected = np.square(shift).sum()
    assert frechet_distance(a, a + shift) == pytest.approx(expected, abs=1e-9 * size)


@pytest.mark.parametrize("counts", [(200, 100, 7), (1, 0, 299), (0, 0, 5), (300,)])
def test_moments_of_processes_are_those_of_all_rows(counts):
    """Each process merges at the same time, here threads; some have seen no row, or one."""
    everything = rows(sum(counts), 6, 3) + 100
    barrier, heard = threading.Barrier(len(counts)), {}

    def merged(rank):
        mine = Statistics.empty(6, 0)
        mine.add(everything[sum(counts[:rank]) :][: counts[rank]])
        mine.close(least=0)
        asked = itertools.count()

        def summed(array):
            heard[number := next(asked), rank] = array
            barrier.wait()
            return sum(heard[number, other] for other in range(len(counts)))

        return mine.merged(summed)

    with ThreadPoolExecutor(len(counts)) as pool:
        for found in pool.map(merged, range(len(counts))):
            same_moments(found, Statistics.of(everything), 10)
            assert found.rows is None

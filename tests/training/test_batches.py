"""Order, noise and prefetching: functions of (seed, step, process), and nothing else."""

import threading

import numpy as np
import pytest
import torch

from idvae.training import batches


def epoch(n, batch, steps, world=1, seed=0):
    return np.concatenate(
        [
            batches.indices(n, batch, seed, step, rank, world)
            for step in range(steps)
            for rank in range(world)
        ]
    )


@pytest.mark.parametrize(("n", "batch", "world"), [(12, 4, 1), (12, 2, 2), (10, 4, 1), (3, 7, 1)])
def test_every_image_is_seen_once_an_epoch(n, batch, world):
    rows = epoch(n, batch, 2 * n, world)
    for first in range(0, len(rows) - n + 1, n):
        assert sorted(rows[first : first + n]) == list(range(n))


def test_processes_share_one_order():
    """Two processes of 3 see what one process of 6 sees: the same images at the same step."""
    together = [batches.indices(20, 6, 1, step) for step in range(8)]
    apart = [
        np.concatenate([batches.indices(20, 3, 1, step, rank, 2) for rank in range(2)])
        for step in range(8)
    ]
    np.testing.assert_array_equal(together, apart)


def test_orders_differ_between_epochs_and_seeds():
    rows = epoch(50, 10, 10)
    assert list(rows[:50]) != list(rows[50:])
    assert list(rows[:50]) != list(epoch(50, 10, 5, seed=1))


def test_streams_and_positions_are_independent():
    seeds = {
        batches.seed_for(seed, stream, step, rank)
        for seed in range(3)
        for stream in (batches.ORDER, batches.NOISE)
        for step in range(5)
        for rank in range(3)
    }
    assert len(seeds) == 3 * 2 * 5 * 3
    one, other = (batches.generator_for(0, batches.NOISE, 7, rank) for rank in (0, 1))
    assert not torch.equal(torch.randn(9, generator=one), torch.randn(9, generator=other))


def test_prefetched_keeps_the_order_and_stops_its_thread():
    feed = batches.prefetched(lambda step: step * step, 3, 100)
    assert [next(feed) for _ in range(4)] == [9, 16, 25, 36]
    feed.close()
    assert not any(t.name == "batches" for t in threading.enumerate())


def test_an_error_while_prefetching_reaches_the_loop():
    def make(step):
        if step == 2:
            raise OSError("the disk is gone")
        return step

    feed = batches.prefetched(make, 0, 5)
    assert [next(feed), next(feed)] == [0, 1]
    with pytest.raises(OSError, match="the disk is gone"):
        next(feed)

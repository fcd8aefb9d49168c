"""Order, noise and prefetching: functions of (seed, step, process), and nothing else."""

import threading
import time
from contextlib import closing

import numpy as np
import pytest
import torch

from idvae import data
from idvae.data.conditions import Condition
from idvae.training import batches
from idvae.training.distributed import Processes
from idvae.training.inputs import Inputs
from idvae.training.settings import TrainConfig


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


def feeding_threads():
    return [t for t in threading.enumerate() if t.name.startswith("batches")]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_prefetched_keeps_the_order_and_ends_its_threads(workers):
    def make(step):
        time.sleep(0.002 * (step % 3))  # so that later ones are ready first
        return step * step

    feed = batches.prefetched(make, 3, 100, workers)
    assert [next(feed) for _ in range(9)] == [step * step for step in range(3, 12)]
    assert 1 <= len(feeding_threads()) <= workers
    feed.close()
    assert not feeding_threads()
    assert list(batches.prefetched(make, 3, 12, workers)) == [s * s for s in range(3, 12)]
    assert not feeding_threads()
    assert list(batches.prefetched(make, 3, 3, workers)) == []


def test_workers_make_batches_at_the_same_time():
    """Each waits until three are being made: one thread after the other would never get on."""
    together = threading.Barrier(3, timeout=20)

    def make(step):
        together.wait()
        return step

    assert list(batches.prefetched(make, 0, 6, workers=3)) == list(range(6))


@pytest.mark.parametrize(("workers", "depth"), [(1, 1), (4, 3), (2, 6)])
def test_no_more_than_depth_are_made_ahead(workers, depth):
    begun = []

    def make(step):
        begun.append(step)
        return step

    with closing(batches.prefetched(make, 0, 100, workers, depth)) as feed:
        for step in feed:
            deadline = time.monotonic() + 20
            while len(begun) < step + 1 + depth and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(0.01)
            assert len(begun) == step + 1 + depth  # those before, the one in use, and depth ahead
            if step == 3:
                break


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_while_prefetching_reaches_the_loop_in_its_turn(workers):
    failed = threading.Event()

    def make(step):
        if step == 2:
            failed.set()
            raise OSError("the disk is gone")
        if step < 2:
            assert workers == 1 or failed.wait(20)  # the batches before it are ready after it
        return step

    feed = batches.prefetched(make, 0, 50, workers)
    assert [next(feed), next(feed)] == [0, 1]
    with pytest.raises(OSError, match="the disk is gone"):
        next(feed)
    assert not feeding_threads()


class Drawing:
    """What of a method an input needs, by one process."""

    def draw_noise(self, n, generator):
        return {"z": torch.randn(n, 3, generator=generator)}


def test_batches_do_not_depend_on_the_number_of_workers(data_root):
    prepared = data.resolve("digits-16")
    chosen = TrainConfig(batch_size=16, seed=4, flip=True, condition="labels")
    inputs = Inputs(
        prepared,
        Condition.of(prepared, "labels"),
        Drawing(),
        chosen,
        Processes(torch.device("cpu")),
    )
    one, many = (list(batches.prefetched(inputs, 0, 40, workers)) for workers in (1, 4))
    for a, b in zip(one, many, strict=True):
        assert sorted(a) == ["conditions", "images", "z"]
        assert all(torch.equal(a[name], b[name]) for name in a)
    assert not torch.equal(one[0]["images"], one[1]["images"])

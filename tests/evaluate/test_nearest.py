"""Nearest images, against every distance written out."""

import numpy as np
import pytest

from idvae.errors import UserError
from idvae.evaluate import nearest as module
from idvae.evaluate.nearest import nearest


def images(n, seed, channels=3):
    return np.random.default_rng(seed).integers(0, 256, (n, 5, 5, channels), np.uint8)


@pytest.mark.parametrize("block", [module.BLOCK, 7 * 75])
def test_neighbours_are_those_of_all_distances(block, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", block)
    queries, pool = images(6, 0), images(40, 1)
    pool[13] = queries[2]
    seen = []
    found, distances = nearest(queries, pool, 3, seen.append)
    every = np.sqrt(np.square(queries[:, None] / 127.5 - pool[None] / 127.5).mean((2, 3, 4)))
    assert np.array_equal(found, every.argsort(1, kind="stable")[:, :3])
    assert np.allclose(distances, np.sort(every)[:, :3], rtol=1e-12)
    assert (found[2, 0], distances[2, 0]) == (13, 0.0)
    assert sum(seen) == 40


def test_of_equals_the_first_is_named():
    pool = np.concatenate([images(3, 0)] * 2)
    found, _ = nearest(pool[:3], pool, 2)
    assert found.tolist() == [[0, 3], [1, 4], [2, 5]]


def test_the_same_image_is_nearer_than_one_that_is_nearly_the_same():
    """64 px in colour: a sum in float32 cannot tell them."""
    rng = np.random.default_rng(0)
    pool = rng.integers(1, 256, (40, 64, 64, 3), np.uint8)
    queries = pool[10:20].copy()
    pool[:10] = queries
    pool[:10, 0, 0, 0] -= 1
    found, distances = nearest(queries, pool, 1)
    assert found[:, 0].tolist() == list(range(10, 20))
    assert not distances.any()


def test_a_pool_that_is_too_small_is_a_mistake():
    with pytest.raises(UserError, match="3 neighbours need as many images; there are 2"):
        nearest(images(1, 0), images(2, 1), 3)

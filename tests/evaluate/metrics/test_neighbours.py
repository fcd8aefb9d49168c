import numpy as np
import pytest

from idvae.errors import UserError
from idvae.evaluate.metrics import neighbours
from idvae.evaluate.metrics.neighbours import Balls, nearest, neighbourhoods


def brute_force(real, fake, k):
    def between(a, b):
        return np.sqrt(np.square(a[:, None] - b[None]).sum(-1))

    radius_real = np.sort(between(real, real), 1)[:, k]
    radius_fake = np.sort(between(fake, fake), 1)[:, k]
    cross = between(real, fake)
    inside = cross <= radius_real[:, None]
    return (
        inside.any(0).mean(),
        (cross <= radius_fake[None]).any(1).mean(),
        inside.sum() / (k * len(fake)),
        inside.any(1).mean(),
    )


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("shift", [0.0, 0.5, 30.0])
def test_equals_brute_force(k, shift, monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK", 37)  # several blocks, none of them full
    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((150, 6)), 0.8 * rng.standard_normal((110, 6)) + shift
    fake[:10] = real[:10]  # copies lie on edges and centres
    found = neighbourhoods(real.astype(np.float32), fake.astype(np.float32), k)
    expected = brute_force(
        real.astype(np.float32).astype(float), fake.astype(np.float32).astype(float), k
    )
    assert (found.precision, found.recall, found.density, found.coverage) == pytest.approx(expected)


def test_a_set_against_itself_and_against_a_far_one():
    points = np.random.default_rng(0).standard_normal((80, 4))
    same = neighbourhoods(points, points.copy())
    assert same.precision == same.recall == same.coverage == 1
    assert same.density == pytest.approx(brute_force(points, points, 5)[2])
    far = neighbourhoods(points, points + 1e3)
    assert (far.precision, far.recall, far.density, far.coverage) == (0, 0, 0, 0)


def test_many_copies_of_one_image_do_not_confuse_it():
    points = np.repeat(np.random.default_rng(0).standard_normal((5, 8)), 20, 0)
    assert neighbourhoods(points, points[::3].copy()).precision == 1


def test_balls_may_be_made_once_for_many_samples():
    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((90, 4)), rng.standard_normal((90, 4))
    assert neighbourhoods(Balls(real), fake) == neighbourhoods(real, fake)


def test_mistakes_are_told():
    with pytest.raises(UserError, match="more than 5 images"):
        Balls(np.zeros((5, 2)))
    with pytest.raises(UserError, match="one width"):
        neighbourhoods(np.zeros((9, 2)), np.zeros((9, 3)))


def test_the_nearest_is_that_of_brute_force(monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK", 17)
    rng = np.random.default_rng(0)
    points, among = rng.standard_normal((90, 5)) + 40, rng.standard_normal((61, 5)) + 40
    among[7] = points[3]
    expected = np.square(points[:, None] - among[None]).sum(-1).argmin(1)
    np.testing.assert_array_equal(nearest(points, among), expected)
    assert nearest(points, among)[3] == 7


@pytest.mark.parametrize("among", [np.zeros((0, 5)), np.zeros((3, 4))])
def test_there_has_to_be_something_near(among):
    with pytest.raises(UserError, match="neighbours need features of one width"):
        nearest(np.zeros((2, 5)), among)

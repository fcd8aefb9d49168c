import numpy as np
import pytest

from idvae.errors import UserError
from idvae.evaluate.metrics.modes import modes

GRID = np.array([(x, y) for x in range(5) for y in range(5)], float)


def test_all_modes_of_the_true_mixture_are_covered_and_the_good_share_is_that_of_three_sigma():
    rng = np.random.default_rng(0)
    centres = GRID[rng.integers(25, size=50_000)]
    found = modes(centres + 0.05 * rng.standard_normal(centres.shape), GRID, 0.05)
    assert found.covered == 25
    share = 1 - np.exp(-4.5)  # Rayleigh, 3σ
    spread = np.sqrt(share * (1 - share) / 50_000)
    assert found.good_share == pytest.approx(share, abs=4 * spread)
    assert found.counts.sum() == round(found.good_share * 50_000)


def test_counts_by_hand():
    points = np.array([(0, 0), (0, 0.1), (1, 1), (0.5, 0.5), (4, 3)])
    found = modes(points, GRID, 0.05)
    assert found.good_share == 4 / 5
    assert found.covered == 3
    assert found.counts[0] == 2
    assert modes(points, GRID, 0.05, minimum=2).covered == 1
    assert modes(points, GRID, 0.05, radius=1.9).counts[0] == 1


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (np.full((3, 2), np.nan), "not finite"),
        (np.zeros((0, 2)), "at least one sample"),
        (np.zeros((3, 3)), "one width"),
    ],
)
def test_bad_samples_are_told(points, words):
    with pytest.raises(UserError, match=words):
        modes(points, GRID, 0.05)

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from idvae.errors import UserError
from idvae.evaluate.metrics import sliced
from idvae.evaluate.metrics.sliced import Shadows, monge_distance


def rows(n, width, seed, scale=1.0, shift=0.0):
    return np.random.default_rng(seed).standard_normal((n, width)) * scale + shift


def mind(x, y, directions=1000, seed=0):
    return monge_distance(*(Shadows(side, directions, seed) for side in (x, y)))


def unit_vectors(count, width, seed):
    lines = np.random.default_rng(seed).standard_normal((count, width))
    return lines / np.sqrt((lines**2).sum(1))[:, None]


def test_is_the_formula_of_the_paper_where_both_sides_have_as_many_rows():
    x, y = rows(40, 7, 0), rows(40, 7, 1, 1.5, 0.2)
    total = 0.0
    for line in unit_vectors(300, 7, 5):
        pairs = zip(sorted(x @ line), sorted(y @ line), strict=True)
        total += sum((a - b) ** 2 for a, b in pairs) / 40
    expected = 3 * 7 * total / 300
    assert mind(x, y, 300, 5) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(5, 3), (4, 6), (2, 9), (7, 7)])
def test_is_exact_where_the_numbers_of_rows_differ(n, m):
    """Rows repeated until both sides have as many are the same distributions."""
    x, y = rows(n, 4, 2), rows(m, 4, 3, 2.0)
    alike = monge_distance(np.repeat(x, m, 0), np.repeat(y, n, 0), seed=1)
    assert monge_distance(x, y, seed=1) == pytest.approx(alike, rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(5, 3), (31, 44), (6, 2)])
def test_the_plan_along_a_line_is_the_one_that_scipy_finds(n, m):
    a, b = np.sort(rows(n, 1, 6)[:, 0]), np.sort(rows(m, 1, 7, 1.3)[:, 0])
    mine, others, shares = sliced._transport(n, m)
    assert shares.sum() == pytest.approx(1.0, rel=1e-14)
    assert np.bincount(mine, shares) == pytest.approx(np.full(n, 1 / n), rel=1e-12)
    assert np.bincount(others, shares) == pytest.approx(np.full(m, 1 / m), rel=1e-12)
    first = float(np.abs(a[mine] - b[others]) @ shares)
    assert first == pytest.approx(wasserstein_distance(a, b), rel=1e-12)


def test_of_one_feature_it_is_thrice_the_distance_along_the_line():
    x, y = rows(200, 1, 8), rows(200, 1, 9, 1.0, 3.0)
    expected = 3 * np.mean((np.sort(x[:, 0]) - np.sort(y[:, 0])) ** 2)
    assert mind(x, y, 3) == pytest.approx(expected, rel=1e-12)


def test_a_shift_costs_three_times_its_square():
    """Along u a shift by v costs (u·v)², whose mean over all directions is ‖v‖²/d."""
    x, shift = rows(100, 5, 10), np.array([1.0, -2.0, 0.5, 0.0, 1.0])
    found = mind(x, x + shift, 40_000)
    assert found == pytest.approx(3 * shift @ shift, rel=0.02)


def test_of_gaussians_it_is_near_the_closed_form():
    """Of N(0, 1) and N(0, s²) in every dimension, (s − 1)² along every direction."""
    x, y = rows(20_000, 3, 11), rows(15_000, 3, 12, 2.0)
    assert mind(x, y, 50) == pytest.approx(3 * 3 * 1.0, rel=0.03)


def test_a_set_is_at_no_distance_from_itself_in_any_order_and_the_sides_may_change():
    x, y = rows(50, 6, 13), rows(70, 6, 14)
    assert monge_distance(x, x[::-1]) <= 1e-24
    assert monge_distance(x, y) == pytest.approx(monge_distance(y, x), rel=1e-12)


def test_the_seed_and_not_the_blocks_decides_the_directions(monkeypatch):
    x, y = rows(30, 5, 15), rows(20, 5, 16, 1.2)
    found = mind(x, y, 300, 3)
    assert found == mind(x, y, 300, 3) == monge_distance(Shadows(x, 300, 3), Shadows(y, 300, 3))
    assert found != mind(x, y, 300, 4)
    monkeypatch.setattr(sliced, "BLOCK", 7)
    assert mind(x, y, 300, 3) == pytest.approx(found, rel=1e-12)


def test_shadows_that_are_there_give_what_rows_give():
    x, y = rows(30, 5, 15), rows(20, 5, 16, 1.2)
    assert monge_distance(Shadows(x), y) == monge_distance(x, Shadows(y)) == monge_distance(x, y)


def test_features_in_single_precision_are_projected_in_double():
    x, y = (rows(30, 5, s).astype(np.float32) + 1000 for s in (17, 18))
    exact = monge_distance(x.astype(np.float64), y.astype(np.float64))
    assert monge_distance(x, y) == exact


def test_mistakes_are_told():
    with pytest.raises(UserError, match="width 3 and 4"):
        monge_distance(rows(9, 3, 0), rows(9, 4, 0))
    with pytest.raises(UserError, match="at least two images"):
        monge_distance(rows(1, 3, 0), rows(9, 3, 0))
    with pytest.raises(UserError, match="not finite"):
        monge_distance(np.full((3, 2), np.nan), rows(9, 2, 0))
    with pytest.raises(UserError, match="the same directions"):
        monge_distance(Shadows(rows(9, 3, 0), 5, 0), Shadows(rows(9, 3, 0), 5, 1))
    with pytest.raises(UserError, match="at least one direction"):
        Shadows(rows(9, 3, 0), 0)

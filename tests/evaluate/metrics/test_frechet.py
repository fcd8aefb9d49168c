import numpy as np
import pytest
import scipy.linalg

from idvae.errors import UserError
from idvae.evaluate.metrics.frechet import frechet_distance, frechet_infinity
from idvae.evaluate.metrics.statistics import Statistics


def features(n, d, seed=0, shift=0.0, decades=3):
    """Correlated rows whose variances span 2·decades orders of magnitude, as networks' do."""
    rng = np.random.default_rng(seed)
    mixing = np.linalg.qr(np.random.default_rng(99).standard_normal((d, d)))[0]
    return rng.standard_normal((n, d)) * np.logspace(0, -decades, d) @ mixing + shift


def by_sqrtm(a, b):
    s1, s2 = np.cov(a.T), np.cov(b.T)
    root = scipy.linalg.sqrtm(s1 @ s2)
    assert abs(root.imag).max() < 1e-6 * abs(root).max()
    return np.square(a.mean(0) - b.mean(0)).sum() + np.trace(s1 + s2) - 2 * np.trace(root.real)


def by_eigenvectors(a, b):
    """tr (Σ1^½ Σ2 Σ1^½)^½ with both roots from float64 eigendecompositions."""
    s1, s2 = np.cov(a.T), np.cov(b.T)
    w, v = np.linalg.eigh(s1)
    half = v * np.sqrt(np.where(w > 1e-12 * w[-1], w, 0)) @ v.T
    inner = np.linalg.eigvalsh(half @ s2 @ half)
    overlap = np.sqrt(np.where(inner > 1e-13 * inner[-1], inner, 0)).sum()
    return np.square(a.mean(0) - b.mean(0)).sum() + np.trace(s1 + s2) - 2 * overlap


@pytest.mark.parametrize(("n", "d", "decades"), [(400, 64, 3), (1200, 256, 3), (65, 64, 1)])
def test_equals_the_square_root_of_the_product_when_there_are_enough_rows(n, d, decades):
    # One row more than features, and the oracle's root of a product keeps half of its digits;
    # the narrower spectrum leaves enough of them.
    a = features(n, d, seed=0, decades=decades)
    b = 1.3 * features(n, d, seed=1, shift=0.01, decades=decades)
    assert frechet_distance(a, b) == pytest.approx(by_sqrtm(a, b), rel=1e-8)


@pytest.mark.parametrize("rows", [2, 10, 63, 64])
def test_equals_an_eigendecomposition_when_there_are_fewer_rows_than_features(rows):
    # A narrow spectrum: the oracle takes roots of eigenvalues, which halves its digits.
    a = features(rows, 64, seed=0, decades=1)
    b = 1.3 * features(max(2, rows - 1), 64, seed=1, shift=0.01, decades=1)
    assert frechet_distance(a, b) == pytest.approx(by_eigenvectors(a, b), rel=1e-8)


def test_closed_form_of_commuting_covariances():
    s, t = np.array([4.0, 1.0, 0.25, 0.0]), np.array([1.0, 9.0, 0.25, 0.04])
    basis = np.linalg.qr(np.random.default_rng(3).standard_normal((4, 4)))[0]
    a = Statistics.from_moments(np.zeros(4), basis * s @ basis.T)
    b = Statistics.from_moments(np.full(4, 0.5), basis * t @ basis.T)
    assert frechet_distance(a, b) == pytest.approx(1 + np.square(np.sqrt(s) - np.sqrt(t)).sum())


def test_a_scaled_and_shifted_set_has_a_closed_form():
    a = features(500, 32)
    trace = np.trace(np.cov(a.T))
    assert frechet_distance(a, 3 * a) == pytest.approx(
        4 * np.square(a.mean(0)).sum() + 4 * trace, rel=1e-12
    )
    assert frechet_distance(a, a + 0.5) == pytest.approx(0.25 * 32, rel=1e-12)


@pytest.mark.parametrize(("n", "keep"), [(50, None), (2000, None), (2000, 0)])
def test_a_set_is_at_no_distance_from_itself(n, keep):
    a = Statistics.of(features(n, 200).astype(np.float32), keep)
    assert abs(frechet_distance(a, a)) <= 1e-12 * np.trace(a.covariance)


def test_constant_features_do_no_harm():
    a, b = features(300, 40), features(300, 40, 1)
    dead = np.zeros((300, 8))
    assert frechet_distance(np.hstack([a, dead + 7]), np.hstack([b, dead + 7])) == pytest.approx(
        frechet_distance(a, b), rel=1e-9
    )


def test_stored_statistics_give_the_distance_of_their_features(tmp_path):
    a, b = features(700, 96), features(600, 96, 1, 0.02)
    direct = frechet_distance(a, b)
    for keep, tolerance in ((None, 1e-12), (0, 1e-8)):
        Statistics.of(a, keep).save(tmp_path / "a.npz")
        stored = Statistics.load(tmp_path / "a.npz")
        assert stored.n == 700
        assert frechet_distance(stored, b) == pytest.approx(direct, rel=tolerance)


def test_other_tools_statistics_are_read(tmp_path):
    a, b = features(700, 96), features(600, 96, 1, 0.02)
    np.savez(tmp_path / "theirs.npz", mu=a.mean(0), sigma=np.cov(a.T))
    theirs = Statistics.load(tmp_path / "theirs.npz")
    assert theirs.n == 0
    assert frechet_distance(theirs, b) == pytest.approx(frechet_distance(a, b), rel=1e-8)


def test_rows_may_arrive_in_any_batches_and_in_any_order_and_from_any_process():
    rows = features(1500, 64).astype(np.float32)
    other = features(900, 64, 1)
    whole = Statistics.of(rows, keep=0)
    expected = frechet_distance(whole, other)
    for batch in (1, 7, 300, 1500):
        streamed = Statistics.empty(64, keep=0)
        for start in range(0, 1500, batch):
            streamed.add(rows[start : start + batch])
        streamed.close()
        np.testing.assert_array_equal(streamed.m2, whole.m2)
    shuffled = rows[np.random.default_rng(0).permutation(1500)]
    assert frechet_distance(Statistics.of(shuffled, 0), other) == pytest.approx(expected, rel=1e-9)
    for keep in (0, 5000):
        merged = Statistics.empty(64, keep)
        for part in (rows[:100], rows[100 : 101 + 5], rows[106:]):
            of_part = Statistics.empty(64, keep)
            of_part.add(part)
            of_part.close()
            merged.merge(of_part)
        assert merged.n == 1500
        assert (merged.rows is None) == (keep == 0)
        assert frechet_distance(merged, other) == pytest.approx(expected, rel=1e-9)


def test_streaming_survives_a_mean_far_from_zero():
    rows = features(4000, 16) + 1e4
    streamed = Statistics.of(rows, keep=0).covariance
    assert np.abs(streamed - np.cov(rows.T)).max() <= 1e-9 * np.trace(streamed)
    assert np.linalg.eigvalsh(streamed)[0] > 0


def test_infinity_removes_the_bias_of_few_samples():
    truth = 40 * 0.1**2  # of normal sets whose deviations are 1.1 and 1
    a = 1.1 * features(3000, 40, decades=0)
    reference = Statistics.from_moments(np.zeros(40), np.eye(40))
    found = frechet_infinity(a, reference, smallest=300)
    assert found.slope > 0
    assert abs(found.value - truth) < 0.2 * abs(frechet_distance(a, reference) - truth)
    assert found == frechet_infinity(a, reference, smallest=300)
    assert found.sizes[0] == 300
    assert found.sizes[-1] == 3000
    assert found.distances[-1] == pytest.approx(frechet_distance(a, reference), rel=1e-9)


@pytest.mark.parametrize(("width", "n"), [(8, 100), (24, 800)])
def test_infinity_is_the_limit_within_its_spread_over_sample_sets(width, n):
    """Of 40 sample sets the mean is the limit to 4 standard errors; FD's is 8 of its own off."""
    rng = np.random.default_rng(3)
    mean, deviations = rng.normal(0, 0.02, width), rng.uniform(0.9, 1.1, width)
    truth = mean @ mean + np.square(deviations - 1.0).sum()  # of normal sets
    reference = Statistics.from_moments(np.zeros(width), np.eye(width))
    sets = [mean + deviations * rng.standard_normal((n, width)) for _ in range(40)]
    infinite = [frechet_infinity(s, reference, seed=i).value for i, s in enumerate(sets)]
    finite = [frechet_distance(s, reference) for s in sets]

    def errors(values):
        return (np.mean(values) - truth) / (np.std(values, ddof=1) / len(values) ** 0.5)

    assert abs(errors(infinite)) < 4
    assert errors(finite) > 8


def test_other_prefixes_move_it_by_less_than_other_sets_do():
    reference = Statistics.from_moments(np.zeros(16), np.eye(16))
    sets = [features(600, 16, seed, decades=0) for seed in range(12)]
    by_set = np.std([frechet_infinity(s, reference).value for s in sets])
    by_seed = np.std([frechet_infinity(sets[0], reference, seed=i).value for i in range(12)])
    assert 0 < by_seed < 1.5 * by_set


@pytest.mark.parametrize(
    ("a", "words"),
    [
        (np.zeros((1, 8)), "at least two images"),
        (np.full((4, 8), np.nan), "not finite"),
        (np.zeros((4, 9)), "width"),
        (np.zeros(4), "shape"),
    ],
)
def test_mistakes_are_told(a, words):
    with pytest.raises(UserError, match=words):
        frechet_distance(a, features(20, 8))


@pytest.mark.parametrize(
    ("mu", "sigma", "words"),
    [
        (np.zeros(3), np.eye(4), "do not fit"),
        (np.zeros(3), np.full((3, 3), np.nan), "not finite"),
        (np.zeros(2), np.array([[1.0, 0.5], [-0.5, 1.0]]), "not symmetric"),
    ],
)
def test_bad_moments_are_told(mu, sigma, words):
    with pytest.raises(UserError, match=words):
        Statistics.from_moments(mu, sigma)


def test_unreadable_statistics_are_told(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"nothing")
    with pytest.raises(UserError, match="cannot be read"):
        Statistics.load(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", images=np.zeros(3))
    with pytest.raises(UserError, match="holds images; statistics need mu and sigma"):
        Statistics.load(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", mu=np.array([{}], object), sigma=np.eye(1))
    with pytest.raises(UserError, match="cannot be read"):
        Statistics.load(tmp_path / "c.npz")

import numpy as np
import pytest
import torch

from idvae.errors import UserError
from idvae.evaluate.metrics.kernel import kernel_distance, mmd2


def features(n, seed, shift=0.0):
    return np.random.default_rng(seed).standard_normal((n, 24)) + shift


def by_loops(x, y):
    """Equation 4 of the MMD's unbiased estimate, one pair at a time."""

    def k(a, b):
        return (a @ b / len(a) + 1) ** 3

    n, m = len(x), len(y)
    xx = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    yy = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return xx + yy - 2 * sum(k(a, b) for a in x for b in y) / (n * m)


def test_equals_the_definition():
    x, y = features(13, 0), features(17, 1, 0.3)
    assert mmd2(x, y) == pytest.approx(by_loops(x, y), rel=1e-12)


def test_equals_torchmetrics_where_the_subset_is_the_whole_set():
    metric = pytest.importorskip("torchmetrics.image.kid").poly_mmd
    x, y = (torch.from_numpy(features(150, s, s / 5)) for s in (0, 1))
    theirs = metric(x, y).item()
    found = kernel_distance(x.numpy(), y.numpy(), subsets=1, subset_size=150)
    assert found.value == pytest.approx(theirs, rel=1e-10)
    assert found.deviation is None


def test_it_is_unbiased_at_any_size():
    values = [mmd2(features(20, 2 * s), features(20, 2 * s + 1)) for s in range(400)]
    assert abs(np.mean(values)) < 3 * np.std(values) / 20


def test_subsets_are_disjoint_while_rows_last_and_their_mean_and_deviation_are_reported():
    x, y = features(300, 0), features(250, 1, 0.2)
    found = kernel_distance(x, y, subsets=5, subset_size=50, seed=3)
    rng = np.random.default_rng(3)
    a, b = rng.permutation(300), rng.permutation(250)
    values = [mmd2(x[a[i : i + 50]], y[b[i : i + 50]]) for i in range(0, 250, 50)]
    assert found.value == pytest.approx(np.mean(values), rel=1e-12)
    assert found.deviation == pytest.approx(np.std(values, ddof=1), rel=1e-12)
    assert found == kernel_distance(x, y, subsets=5, subset_size=50, seed=3)


def test_mistakes_are_told():
    with pytest.raises(UserError, match="at least two images"):
        kernel_distance(features(1, 0), features(5, 0))
    with pytest.raises(UserError, match="same width"):
        kernel_distance(features(9, 0), features(9, 0)[:, :3])

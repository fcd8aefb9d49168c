"""Logistic regression against scikit-learn's, and against its own equations."""

import numpy as np
import pytest
import torch

from idvae.evaluate.metrics.logistic import Regression


def some(classes=4, n=120, d=6):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, d))
    t = (x @ rng.standard_normal((d, classes)) + rng.gumbel(size=(n, classes))).argmax(1)
    return x, t


def fitted(x, t, count, penalty, **options):
    return Regression(torch.from_numpy(x), torch.from_numpy(t), count).fit(penalty, **options)


@pytest.mark.parametrize("penalty", [1e-3, 0.1])
def test_classes_are_those_of_scikit_learn(penalty):
    linear_model = pytest.importorskip("sklearn.linear_model", reason="the oracle")
    x, t = some()
    oracle = linear_model.LogisticRegression(C=1 / (penalty * len(x)), tol=1e-10, max_iter=10_000)
    oracle.fit(x, t)
    found = fitted(x, t, 4, penalty)
    np.testing.assert_allclose(found.weight.T, oracle.coef_, atol=1e-3)
    np.testing.assert_allclose(found.bias - found.bias.mean(), oracle.intercept_, atol=1e-3)
    p = found.logits(torch.from_numpy(x)).softmax(1)
    np.testing.assert_allclose(p, oracle.predict_proba(x), atol=1e-4)


def test_attributes_are_a_regression_each_as_scikit_learn_has_it():
    linear_model = pytest.importorskip("sklearn.linear_model", reason="the oracle")
    x, t = some()
    attributes = np.stack([t == 0, t > 1], 1).astype(np.float64)
    found = fitted(x, attributes, 2, 0.01)
    for i in range(2):
        oracle = linear_model.LogisticRegression(C=1 / (0.01 * len(x)), tol=1e-10, max_iter=10_000)
        oracle.fit(x, attributes[:, i])
        np.testing.assert_allclose(found.weight[:, i], oracle.coef_[0], atol=1e-3)
        np.testing.assert_allclose(found.bias[i], oracle.intercept_[0], atol=1e-3)


def test_its_gradient_is_zero_by_hand():
    """Of the mean of −log softmax: xᵀ(p − onehot)/N + λW, and the mean of p − onehot."""
    x, t = some()
    found = fitted(x, t, 4, 0.05)
    w, b = found.weight.numpy(), found.bias.numpy()
    e = np.exp(x @ w + b)
    off = e / e.sum(1, keepdims=True) - np.eye(4)[t]
    gradients = [x.T @ off / len(x) + 0.05 * w, off.mean(0)]
    largest = max(np.abs(g).max() for g in gradients)
    assert largest < 1e-4
    assert found.converged
    assert np.abs(w).max() > 0.1


def test_where_it_starts_changes_nothing_and_twice_is_the_same():
    x, t = some()
    once, again = fitted(x, t, 4, 0.01), fitted(x, t, 4, 0.01)
    assert torch.equal(once.weight, again.weight)
    elsewhere = fitted(x, t, 4, 0.01, start=fitted(x, t, 4, 10.0))
    np.testing.assert_allclose(elsewhere.weight, once.weight, atol=1e-3)


def test_a_class_that_never_occurs_ends_without_a_weight_of_its_own():
    x, t = some(classes=3)
    found = fitted(x, t, 4, 0.01)
    assert torch.isfinite(found.weight).all()
    assert (found.logits(torch.from_numpy(x)).argmax(1) < 3).all()
    assert found.converged


def test_one_that_is_stopped_says_so(monkeypatch):
    monkeypatch.setattr("idvae.evaluate.metrics.logistic.MOST_STEPS", 2)
    assert not fitted(*some(), 4, 1e-3).converged


def test_many_features_are_fitted_as_they_are_with_the_same_minimum(monkeypatch):
    x, t = some()
    turned = fitted(x, t, 4, 0.01)
    monkeypatch.setattr("idvae.evaluate.metrics.logistic.WIDEST", 5)
    np.testing.assert_allclose(fitted(x, t, 4, 0.01).weight, turned.weight, atol=1e-3)

"""The numerics of FLD, which benchmarks/small_n.py holds against the battery's metrics."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from idvae.errors import UserError

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))
import feature_likelihood
from feature_likelihood import Mixture, fit, likelihood_divergence


def rows(n, width, seed, scale=1.0, shift=0.0):
    return np.random.default_rng(seed).standard_normal((n, width)) * scale + shift


def test_the_likelihood_is_that_of_scipys_normal_densities():
    centres, x, logs = rows(6, 3, 0), rows(9, 3, 1), rows(1, 6, 2)[0]
    found = Mixture(torch.from_numpy(centres), torch.from_numpy(logs)).log_likelihood(
        torch.from_numpy(x)
    )
    each = [
        multivariate_normal(c, np.exp(v) * np.eye(3)).logpdf(x)
        for c, v in zip(centres, logs, strict=True)
    ]
    assert found.numpy() == pytest.approx(logsumexp(each, axis=0) - np.log(6), rel=1e-12)


def objective(logs, centres, x):
    """What the fit makes great: the background has the weight 1, each of N samples 1/N."""
    width, points = x.shape[1], [*centres, x.mean(0)]
    terms = []
    for number, (point, log) in enumerate(zip(points, logs, strict=True)):
        last = number == len(centres)
        away = (0.9 if last else 1.0) * (x - point)
        density = -(away**2).sum(1) / (2 * np.exp(log)) - width / 2 * np.log(
            2 * np.pi * np.exp(log)
        )
        terms.append(density - (0 if last else np.log(len(centres))))
    return float(logsumexp(terms, axis=0).mean())


def test_the_fit_is_at_a_maximum_that_another_optimiser_finds_no_way_up_from(monkeypatch):
    monkeypatch.setattr(feature_likelihood, "STEPS", 3000)
    monkeypatch.setattr(feature_likelihood, "TOLERANCE", 0.0)
    centres, x = rows(3, 2, 3, 2.0), rows(25, 2, 4)
    logs = fit(torch.from_numpy(centres), torch.from_numpy(x)).log_variances.numpy()
    # The background's variance is not kept: it is found again, with the others as they are.
    rest = minimize(lambda v: -objective([*logs, *v], centres, x), [0.0], tol=1e-12)
    here = [*logs, *rest.x]
    up = minimize(lambda v: -objective(v, centres, x), here, tol=1e-12)
    assert -up.fun == pytest.approx(objective(here, centres, x), abs=1e-9)


def test_it_grows_with_noise_with_lost_variety_and_with_copies_of_training_images():
    def real(n, seed):  # two clusters
        return rows(n, 8, seed) + 4 * (np.arange(n) % 2)[:, None]

    train, test = real(300, 5), real(300, 6)
    good = likelihood_divergence(real(300, 7), train, test)
    assert likelihood_divergence(real(300, 7) + rows(300, 8, 8, 0.7), train, test) > good
    assert likelihood_divergence(real(600, 7)[::2], train, test) > good
    assert likelihood_divergence(train, train, test) > good + 100


def test_a_scale_or_a_shift_of_features_changes_nothing():
    fake, train, test = rows(40, 5, 9), rows(50, 5, 10), rows(60, 5, 11)
    found = likelihood_divergence(fake, train, test)
    moved = [a * np.arange(1, 6) + 7 for a in (fake, train, test)]
    assert likelihood_divergence(*moved) == pytest.approx(found, rel=1e-9)


def test_a_feature_that_never_changes_is_no_reason_to_divide_by_0():
    fake, train, test = (np.c_[rows(30, 3, s), np.ones(30)] for s in (12, 13, 14))
    assert np.isfinite(likelihood_divergence(fake, train, test))


def test_mistakes_are_told():
    with pytest.raises(UserError, match="one width"):
        likelihood_divergence(rows(9, 3, 0), rows(9, 4, 0), rows(9, 3, 0))
    with pytest.raises(UserError, match="at least two images"):
        likelihood_divergence(rows(9, 3, 0), rows(1, 3, 0), rows(9, 3, 0))

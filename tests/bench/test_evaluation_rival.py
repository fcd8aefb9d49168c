"""The loop beside the battery finds the same distances, by another way."""

import importlib.util

import numpy as np
import pytest
from torch import nn

from idvae.bench import evaluation, evaluation_rival
from idvae.bench.images import smooth
from idvae.bench.rounds import table
from idvae.evaluate.experts.expert import Expert
from idvae.evaluate.metrics.frechet import frechet_distance

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("scipy") is None, reason="scipy is not installed"
)


class Pooled(nn.Module):
    """Twelve features: means over quarters of each channel."""

    def forward(self, x):
        return nn.functional.adaptive_avg_pool2d(x, 2).flatten(1), None


def expert(name="pooled"):
    return Expert(
        name,
        Pooled(),
        12,
        size=16,
        mean=127.5,
        scale=127.5,
        resize="bilinear, antialiased",
        identity={},
    )


def test_features_are_those_of_the_battery():
    images = smooth(150, 16, 3)
    rows = evaluation_rival.features(images, expert())
    assert rows.shape == (150, 12)
    np.testing.assert_allclose(rows, expert()(images).features, rtol=1e-5, atol=1e-6)


def test_the_distance_is_that_of_the_battery():
    real, fake = smooth(300, 16, 1), smooth(200, 16, 2) // 2
    (found,) = evaluation_rival.distances(real, fake, [expert()])
    rows = (expert()(images).features for images in (real, fake))
    assert found == pytest.approx(frechet_distance(*rows), rel=1e-6)
    assert found > 0.1


def test_it_is_named_as_what_it_is(monkeypatch):
    monkeypatch.setattr(evaluation, "open_experts", lambda names: [expert()])
    figures = evaluation.measure(40, None, 1, lambda line: None)
    printed = table(figures)
    assert "times a loop like torch-fidelity's" in printed
    assert "times forward passes, processor" in printed

"""t intervals against SciPy's, and against how often they hold the mean."""

import random

import pytest

from idvae.report.interval import interval, p_of_mean, quantile


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 9, 30, 99])
@pytest.mark.parametrize("share", [0.5, 0.75, 0.9, 0.975, 0.995])
def test_quantiles_are_those_of_scipy(share, degrees):
    stats = pytest.importorskip("scipy.stats", reason="SciPy is another implementation")
    assert quantile(share, degrees) == pytest.approx(stats.t.ppf(share, degrees), abs=1e-9)


def test_quantiles_are_those_of_printed_tables():
    for degrees, printed in ((1, 12.706), (2, 4.303), (4, 2.776), (9, 2.262)):
        assert quantile(0.975, degrees) == pytest.approx(printed, abs=5e-4)


def test_an_interval_is_the_mean_and_t_standard_errors():
    low, high = interval([1.0, 2.0, 3.0])
    assert (low + high) / 2 == pytest.approx(2.0)
    assert (high - low) / 2 == pytest.approx(4.303 / 3**0.5, abs=1e-3)
    assert interval([1.0]) is None
    assert interval([5.0, 5.0]) == (5.0, 5.0)


def test_p_of_a_mean_is_that_of_scipy():
    stats = pytest.importorskip("scipy.stats", reason="SciPy is another implementation")
    for values in ([1.0, 2.0, 3.5], [0.1, 0.9, 0.7, 0.4, 0.65, 0.2], [4.0, 4.5]):
        for expected in (-1.0, 0.5, 1.9):
            p = stats.ttest_1samp(values, expected).pvalue
            assert p_of_mean(values, expected) == pytest.approx(p, abs=1e-9)


def test_p_of_a_mean_is_the_level_at_the_end_of_its_interval():
    low, high = interval([0.1, 0.9, 0.7, 0.4, 0.65])
    assert p_of_mean([0.1, 0.9, 0.7, 0.4, 0.65], low) == pytest.approx(0.05)
    assert p_of_mean([0.1, 0.9, 0.7, 0.4, 0.65], high) == pytest.approx(0.05)
    assert p_of_mean([1.0], 5.0) == 1.0
    assert (p_of_mean([5.0, 5.0], 5.0), p_of_mean([5.0, 5.0], 4.0)) == (1.0, 0.0)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_intervals_hold_the_mean_as_often_as_they_say(level):
    generator, held, trials = random.Random(0), 0, 4000
    for _ in range(trials):
        low, high = interval([generator.gauss(7.0, 2.0) for _ in range(4)], level)
        held += low <= 7.0 <= high
    assert held / trials == pytest.approx(level, abs=4 * (level * (1 - level) / trials) ** 0.5)

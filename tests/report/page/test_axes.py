"""Axes: where values lie, and round marks."""

import pytest

from idvae.report.page.axes import linear, logarithmic, short, ticks


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [(0, 100, (0, 50, 100)), (0.3, 2.1, (0.5, 1, 1.5, 2)), (-7, 12, (-5, 0, 5, 10))],
)
def test_marks_are_round_and_within(low, high, marks):
    assert ticks(low, high) == pytest.approx(marks)


def test_a_linear_axis_has_its_ends_where_they_are_asked_for():
    axis = linear(10, 20, 100, 0)
    assert [axis.place(v) for v in (10, 15, 20)] == [100, 50, 0]
    same = linear(3, 3, 0, 10)
    assert same.place(3) == 5
    assert same.marks


def test_a_logarithmic_axis_has_powers_of_ten():
    axis = logarithmic(0.5, 2000, 0, 100)
    assert axis.marks == pytest.approx((1, 10, 100, 1000))
    assert axis.place(0.5) == 0
    assert axis.place(2000) == pytest.approx(100)
    gaps = [axis.place(10 * v) - axis.place(v) for v in (1, 10, 100)]
    assert gaps == pytest.approx([gaps[0]] * 3)


def test_values_are_written_short():
    told = {0: "0", 0.25: "0.25", -1.5: "−1.5", 1500: "1,500", 20000: "20k", 3e-5: "3e−5"}
    assert {value: short(value) for value in told} == told

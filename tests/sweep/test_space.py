"""What may be tried of options, and how it is drawn."""

import math
from random import Random

import pytest

from idvae.errors import UserError
from idvae.sweep.space import Range, Space


def draws(space, n=2000):
    random = Random(0)
    return [space.draw(random) for _ in range(n)]


def test_choices_ranges_and_what_every_trial_has():
    asked = {
        "preset": "residual",
        "lr": [1e-3, 5e-4],
        "betas": [[0.0, 0.99], [0.5, 0.9]],
        "lambda": {"low": 1, "high": 100, "log": True},
        "dec_steps": {"low": 1, "high": 3},
    }
    space = Space.of("idvae-plus", asked)
    assert space.fixed == {"preset": "residual"}
    drawn = draws(space)
    assert {one["lr"] for one in drawn} == {1e-3, 5e-4}
    assert {tuple(one["betas"]) for one in drawn} == {(0.0, 0.99), (0.5, 0.9)}
    counts = [sum(one["dec_steps"] == k for one in drawn) for k in (1, 2, 3)]
    assert sum(counts) == 2000
    assert min(counts) > 600  # the ends as likely as what lies between
    below = sum(one["lambda"] < 10 for one in drawn)
    assert 900 < below < 1100  # half of its logarithms
    assert all(1 <= one["lambda"] <= 100 for one in drawn)
    assert all(type(one["dec_steps"]) is int for one in drawn)


def test_numbers_of_a_range_are_short_and_stay_within():
    narrow = Range(0.12345, 0.12349)
    random = Random(1)
    assert all(0.12345 <= narrow.draw(random) <= 0.12349 for _ in range(50))
    wide = Range(1e-5, 1.0, log=True)
    assert all(float(f"{x:.3g}") == x for x in (wide.draw(random) for _ in range(50)))
    assert math.isclose(min(wide.draw(random) for _ in range(3000)), 1e-5, rel_tol=0.2)


def test_draws_are_the_same_wherever_they_are_made():
    space = Space.of("vae", {"beta": {"low": 0.01, "high": 1, "log": True}, "lr": [1, 2, 3]})
    random = Random(5)
    assert [space.draw(random) for _ in range(2)] == [
        {"beta": 0.176, "lr": 3}, {"beta": 0.389, "lr": 3}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (3, "what is tried is a mapping"),
        ({"beta": []}, "methods, vae, beta: there is no choice"),
        ({"beta": {"low": 1}}, "a range is"),
        ({"beta": {"low": 1, "high": 2, "step": 1}}, "a range is"),
        ({"beta": {"low": 1, "high": 2, "log": "yes"}}, "a range is"),
        ({"beta": {"low": 2, "high": 1}}, "low is the lower one"),
        ({"beta": {"low": 0, "high": float("inf")}}, "low is the lower one"),
        ({"width": {"low": 1.5, "high": 4}}, "width, low: expected a whole number"),
        ({"beta": {"low": "x", "high": 1}}, "vae, beta, low: expected a number"),
        ({"beta": {"low": 0, "high": 1, "log": True}}, "has no logarithm"),
    ],
)
def test_a_space_that_is_none_is_told(asked, words):
    with pytest.raises(UserError, match=words):
        Space.of("vae", asked)

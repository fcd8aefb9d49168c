"""A method that lives elsewhere is found by the name that it has, or it is told."""

import pytest

from idvae import methods
from idvae.errors import UserError


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    monkeypatch.setattr(methods, "_METHODS", dict(methods._METHODS))


def test_a_method_that_lives_elsewhere_is_found():
    methods.register("toy", "training.toy:Toy")
    methods.register("toy", "training.toy:Toy")  # again, as a notebook does
    assert methods.get("toy").title == "Toy"


@pytest.mark.parametrize(
    ("name", "place", "words"),
    [
        (3, "training.toy:Toy", "3 names no method"),
        ("two words", "training.toy:Toy", "'two words' names no method"),
        ("toy", "training.toy", "'training.toy' is no place of a method; it is MODULE:CLASS"),
        ("toy", "a:b:c", "is no place"),
        ("toy", object, "is no place"),
        ("vae", "training.toy:Toy", "vae is the method idvae.methods.vae:VAE"),
    ],
)
def test_what_cannot_be_registered_is_told(name, place, words):
    with pytest.raises(UserError, match=words):
        methods.register(name, place)


@pytest.mark.parametrize(
    ("name", "place", "words"),
    [
        ("mine", "training.toy:Toy", "registered as mine, and its own name is 'toy'"),
        ("toy", "training.nowhere:Toy", "toy is registered as .*No module named"),
        ("toy", "nowhere.toy:Toy", "toy is registered as .*No module named"),
        ("toy", "training.toy:Nobody", "training.toy has no Nobody"),
        ("toy", "training.toy:losses", "its own name is None"),
    ],
)
def test_what_is_no_method_of_that_name_is_told(name, place, words):
    methods.register(name, place)
    with pytest.raises(UserError, match=words):
        methods.get(name)

"""Addresses of the hub: what is one, what it names, what is refused before anything is asked."""

from pathlib import Path

import pytest

from idvae.errors import UserError
from idvae.hub.address import Address, is_address, parse


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("hf://me/faces-32", Address("me", "faces-32")),
        ("me/faces-32", Address("me", "faces-32")),
        ("hf://a-b/C_d.e@v1.0", Address("a-b", "C_d.e", "v1.0")),
        ("hf://a/b@refs/pr/1", Address("a", "b", "refs/pr/1")),
        (Path("hf://me/faces-32@main"), Address("me", "faces-32", "main")),  # one slash is lost
    ],
)
def test_what_an_address_names(text, address):
    assert parse(text) == address
    assert parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "hf://me",
        "hf://",
        "hf://me/",
        "hf://me/a/b",
        "hf://../a",
        "hf://me/..",
        "hf://me/a..b",
        "hf://me/.hidden",
        "hf://me/a@",
        "hf://me/a@-x",
        "hf://me/a@../../etc",
        "hf://me/a b",
        "hf://me/a\n",
        "hf://me/a?x=1",
        "https://huggingface.co/me/a",
        f"hf://me/{'a' * 97}",
    ],
)
def test_what_names_nothing(text):
    with pytest.raises(UserError, match="names no model of the hub; it is OWNER/NAME"):
        parse(text)


def test_a_commit_never_changes():
    assert parse(f"me/a@{'0f' * 20}").is_commit
    assert not parse("me/a@main").is_commit
    assert not parse("me/a").is_commit


@pytest.mark.parametrize("place", ["runs/first", "hf", "avatars-32", "./hf:x", "/hf://a/b"])
def test_other_places_are_none(place):
    assert not is_address(place)

"""A message is one short line of printable text, whatever a file brought into it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idvae.errors import LONGEST, UserError, did_you_mean, exists_already


@given(st.text(st.characters(), max_size=3000))
def test_a_message_is_one_line_that_neither_steers_nor_floods_a_terminal(text):
    line = str(UserError(f"a.csv holds {text}; mend it"))
    assert line.isprintable()
    assert len(line) <= LONGEST
    assert line.startswith("a.csv holds")
    assert line.endswith("mend it")


def test_what_can_be_read_is_left_as_it_is():
    assert str(UserError("größer als 1 × 2,\n  sagt β.png")) == "größer als 1 × 2, sagt β.png"
    assert str(UserError("\x1b[2J")) == r"\x1b[2J"


NAMES = ["idvae", "vae", "vae-gan", "alpha-gan"]


@pytest.mark.parametrize(
    ("name", "most", "said"),
    [
        ("idvea", 1, "did you mean idvae?"),
        ("idvea", 3, "did you mean idvae or vae?"),
        ("alfa-gan", 3, "did you mean alpha-gan or vae-gan?"),
        ("resnet", 3, "see the list"),
        ("", 3, "see the list"),
    ],
)
def test_the_names_most_like_a_mistyped_one_come_first(name, most, said):
    assert did_you_mean(name, NAMES, "see the list", most) == said


def test_what_is_there_is_told_in_one_way():
    assert str(exists_already("a")) == "a exists already; choose another place or pass --overwrite"
    said = str(exists_already("a", "name another --out,"))
    assert said == "a exists already; name another --out, or pass --overwrite"

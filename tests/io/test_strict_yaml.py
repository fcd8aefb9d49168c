"""YAML of strangers: plain values, each key once, bounded; what we write comes back the same."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from idvae.errors import UserError
from idvae.io import strict_yaml

# What prints, and the space: PyYAML writes a few of the other characters as blanks.
TEXT = st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "), max_size=20)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False)
    | TEXT | st.sampled_from(["1e5", "1e-3", "2020-01-01", "yes", "~", ".5", "<<"])
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(TEXT, VALUES, max_size=5))
def test_what_is_written_is_read_again_the_same(values):
    assert strict_yaml.parse_mapping(strict_yaml.dump(values).encode(), "x") == values


@given(st.dictionaries(TEXT, SCALARS, min_size=1, max_size=5), st.data())
def test_a_key_that_is_there_twice_is_refused(values, data):
    key = data.draw(st.sampled_from(sorted(values)))
    text = strict_yaml.dump(values) + yaml.safe_dump({key: 1})
    with pytest.raises(UserError, match="is there twice"):
        strict_yaml.parse_mapping(text.encode(), "x")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_mapping_or_told_in_one_line(data):
    told = ""
    try:
        assert isinstance(strict_yaml.parse_mapping(data, "x"), dict)
    except UserError as error:
        told = str(error)
    assert told == "" or (told.isprintable() and len(told) < 500)


LAUGHS = "a0: &a0 [1, 1]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LAUGHS, "more than 50,000 values"),
        ("a: &a [*a]", "alias of what it lies in"),
        ("a: " + "[" * 100 + "]" * 100, "nested"),
        ("a: " + "[" * 100_000, "nested too deeply"),
        ("a: " + "9" * 5000, "malformed"),
        ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("a: !!timestamp x", "could not determine a constructor"),
        ("a: !!bool x", "malformed"),
        ("a: {b: 1, b: 2}", "'b' is there twice"),
        ("- a", "no mapping"),
        ("1: a", "no mapping"),
        ("", "no mapping"),
        ("a: \x1b[2J", "malformed"),
    ],
)
def test_what_no_options_need_is_refused(text, words):
    with pytest.raises(UserError, match=words):
        strict_yaml.parse_mapping(text.encode(), "x")


def test_a_file_is_bounded_before_it_is_read(tmp_path):
    file = tmp_path / "c.yaml"
    with file.open("wb") as opened:
        opened.truncate(1 << 40)  # sparse
    with pytest.raises(UserError, match="is larger than 1,048,576 bytes"):
        strict_yaml.read_mapping(file)
    with pytest.raises(UserError, match="is no file"):
        strict_yaml.read_mapping(tmp_path)


def test_anchors_and_merges_of_a_plan_are_taken():
    text = "base: &b {x: 1, y: 1e-3}\none: {<<: *b, x: 2}\nboth: [*b, *b]\n"
    base = {"x": 1, "y": 1e-3}
    found = strict_yaml.parse_mapping(text.encode(), "x")
    assert found == {"base": base, "one": {"x": 2, "y": 1e-3}, "both": [base, base]}

"""What is written of a method agrees with it: `idvae methods`, its page, and its options."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from idvae import methods
from idvae.cli.methods import describe
from idvae.networks import DataShape, Networks
from idvae.options import flag_of
from idvae.training.settings import attribute_texts

PAGES = Path(__file__).parents[2] / "docs" / "methods"
FAMILIES = sorted({methods.get(name).family for name in methods.names()})


def page(family):
    return (PAGES / f"{family}.md").read_text("utf-8")


def kin(family):
    return [m for m in map(methods.get, methods.names()) if m.family == family]


def defaults(method):
    return {flag_of(f.name): getattr(method.Config(), f.name) for f in fields(method.Config)}


def rows(text):
    """The options table of a page: flag → its default's cell."""
    return dict(re.findall(r"^\| `(--[\w-]+)` \| ([^|]+) \|", text, re.MULTILINE))


def test_every_method_has_a_page_and_every_page_a_method():
    assert sorted(p.stem for p in PAGES.glob("*.md")) == FAMILIES


@pytest.mark.parametrize("family", FAMILIES)
def test_a_page_lists_each_option_with_its_default(family):
    listed = rows(page(family))
    for method in kin(family):
        expected = defaults(method)
        assert set(listed) == set(expected)
        for flag, value in expected.items():
            told = "none" if value is None else str(value)
            assert told in re.split(r"[ ,]+", listed[flag].strip()), (method.name, flag)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_page_lists_the_updates_of_a_step_in_order(family):
    updates = re.findall(r"^\| `(\w+)`(?: ×(\d))? \|", page(family), re.MULTILINE)
    for method in kin(family):
        built = method(Networks(DataShape(16, 1)), method.Config())
        assert updates == [(g, str(built.repeats.get(g, ""))) for g in built.groups]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_page_names_the_paper_and_links_to_the_file(family):
    text = page(family)
    links = [(PAGES / link).resolve() for link in re.findall(r"\]\(([^)#:]+)\)", text)]
    assert all(link.exists() for link in links)
    for method in kin(family):
        file = method.__module__.replace(".", "/") + ".py"
        assert any(link.as_posix().endswith(file) for link in links)
        plain = " ".join(text.replace("*", "").split())
        for paper in method.source.split("; "):
            assert paper[-20:] in plain  # the end of its title


@pytest.mark.parametrize("name", methods.names())
def test_idvae_methods_prints_each_option_with_its_default_and_its_text(name):
    method, text = methods.get(name), describe(name)
    printed = re.findall(r"^    (--[\w-]+) (\S+)  (.+)$", text, re.MULTILINE)
    texts = {flag_of(key): told for key, told in attribute_texts(method.Config).items()}
    assert printed == [(f, str(v), texts[f]) for f, v in defaults(method).items()]


@pytest.mark.parametrize("name", methods.names())
def test_numbers_of_authors_stand_beside_the_default_and_the_default_is_true(name):
    """A text that names the authors' number, which may be in other units, says the default too."""
    method = methods.get(name)
    for key, text in attribute_texts(method.Config).items():
        said = re.search(r"[Dd]efault,? (?:is )?([\d.e-]*\d)", text)
        assert said or "authors'" not in text.lower(), key
        if said:
            assert float(said[1]) == getattr(method.Config(), key)

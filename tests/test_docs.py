"""README and docs say what is there: links, files, commands, and the example of a method."""

import re
import shlex
import sys
from pathlib import Path

import pytest

import idvae
from idvae import methods
from idvae.cli import COMMANDS
from idvae.training import settings

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
VALUED, OWN = ("--data", "--out", "--config"), ("--help", "--no-recipe", "--print_config")


def text(page):
    return page.read_text("utf-8")


def blocks(page, language=""):
    return re.findall(rf"^```{language}\n(.*?)^```", text(page), re.MULTILINE | re.DOTALL)


def commands(page):
    """What calls idvae in blocks without a language and in `code`, as words without comments."""
    plain = re.sub(r"^```.*?^```", "", text(page), flags=re.MULTILINE | re.DOTALL)
    inline = [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", plain)]
    for line in [line for block in blocks(page) for line in block.splitlines()] + inline:
        if re.match(r"(\S*/)?idvae \w", line):
            yield shlex.split(line, comments=True)[1:]


def named(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", text(page)):
        place, _, heading = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), link
        if heading:
            slugs = [
                re.sub(r"[^\w -]", "", line.lower()).strip().replace(" ", "-")
                for line in re.findall(r"^#+ (.*)$", text(target), re.MULTILINE)
            ]
            assert heading in slugs, link


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_files_that_are_named_are_there(page):
    """`loop.py`, `training/loop.py` or `tests/test_layers.py`; NAME is the reader's own."""
    files = [
        f.as_posix()
        for part in ("src", "tests", "benchmarks")
        for f in ROOT.glob(f"{part}/**/*.py")
    ]
    for name in re.findall(r"(?<![\w.])(?:[\w*-]+/)*\w+\.py\b", text(page)):
        if "NAME" not in name and name != "lsgan.py":
            assert any(f.endswith("/" + name) for f in files), name


def test_the_index_has_a_line_for_each_page():
    index = ROOT / "docs" / "README.md"
    lines = re.findall(r"^- \[[^]]+\]\(([^)]+)\): \S.*\.$", text(index), re.MULTILINE)
    pages = [p.relative_to(index.parent).as_posix() for p in PAGES[1:] if p != index]
    assert sorted(lines) == sorted(pages)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_are_taken(page):
    """Every command is there; of `idvae train` every flag and value is."""
    for name, *words in commands(page):
        assert name in COMMANDS, name
        if name == "train" and words and words[0] in methods.names():
            settings.from_flags(words[0], list(options(words[1:])))


def options(words):
    """Those of the method and the loop; what is of `idvae train` itself is left out."""
    rest = iter(words)
    for word in rest:
        if word in VALUED:
            next(rest)
        elif word not in OWN:
            yield word


def test_the_example_of_a_method_trains(tmp_path, monkeypatch):
    example = blocks(ROOT / "docs" / "extending.md", "python")[0]
    (tmp_path / "lsgan.py").write_text(example, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(methods, "_METHODS", dict(methods._METHODS))
    methods.register("lsgan", "lsgan:LSGAN")
    try:
        small = {"steps": 4, "batch_size": 8, "width": 4, "threads": 1, "log_every": 2}
        run = idvae.train("lsgan", "digits", tmp_path / "run", grid_every=0, **small)
        rows = run.metrics()
        assert [row["step"] for row in rows] == [2, 4]
        assert all(0 < row[f"loss_{group}"] < 10 for row in rows for group in ("dis", "dec"))
        assert idvae.load(run.path).sample(3).shape == (3, 16, 16, 1)
    finally:
        sys.modules.pop("lsgan", None)

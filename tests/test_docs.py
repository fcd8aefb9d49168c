"""README and docs say what is there: links, files, commands, errors, names of the API."""

import ast
import re
import shlex
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import idvae
from idvae import methods
from idvae.cli import COMMANDS
from idvae.cli.parser import Parser
from idvae.errors import UserError
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
    yield from filter(None, map(arguments, [*fenced(page), *inline]))


def fenced(page):
    return [line for block in blocks(page) for line in block.splitlines()]


def arguments(line):
    """What `idvae` is given in a line that calls it, also under torchrun; else nothing."""
    if call := re.match(r"(torchrun .* -m |(\S*/)?)idvae (?=\w)", line):
        return shlex.split(line[call.end() :], comments=True)
    return []


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
        for part in ("src", "tests", "benchmarks", "examples")
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


class TakenError(Exception):
    """A parser has taken all of its arguments."""


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_arguments_are_taken(page, monkeypatch):
    """By the parser of each command, which then stops; `idvae train METHOD` is above."""

    def take(parser, argv):
        super(Parser, parser).parse_args(argv)
        raise TakenError

    monkeypatch.setattr(Parser, "parse_args", take)
    whole = [words for line in fenced(page) if (words := arguments(line))]
    for words in commands(page):
        if "--help" in words or (words[0] == "train" and words[1:2] != ["--resume"]):
            continue
        if len(words) == 1 and words not in whole:  # its name, in a sentence
            continue
        module = import_module(f"idvae.cli.{COMMANDS[words[0]][0]}")
        with pytest.raises((TakenError, UserError)) as found:
            module.run(words[1:])
        if found.type is UserError:  # `idvae evaluate` in a sentence is a name
            assert words not in whole, found.value
            assert re.search("are required|^say ", str(found.value)), found.value


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_what_make_and_pip_are_asked_for_is_there(page):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for target in re.findall(r"(?:^|`)make ([a-z-]+)", text(page), re.MULTILINE):
        assert target in targets, target
    for names in re.findall(r"pip install [^`\n]*(?:idvae|\.)\[([a-z,-]+)\]", text(page)):
        assert set(names.split(",")) <= set(extras["optional-dependencies"]), names


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


def messages():
    """What is fixed in each string of the source, part by part; None stands for a value."""
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield [node.value]
            elif isinstance(node, ast.JoinedStr):
                yield [p.value if isinstance(p, ast.Constant) else None for p in node.values]


def fits(line, parts):
    """Whether a line has the fixed parts of a message in their order, and at both its ends."""
    at = 0
    for part in filter(None, parts):
        at = line.find(part, at) + len(part)
        if at < len(part):
            return False
    first, last = parts[0] or "", parts[-1] or ""
    return line.startswith(first) and line.endswith(last)


def test_the_errors_that_are_told_are_those_of_the_source():
    told = re.findall(r"^idvae: error: (.*)$", text(ROOT / "docs" / "errors.md"), re.MULTILINE)
    known = [parts for parts in messages() if len("".join(filter(None, parts))) > 12]
    known.append(["unrecognized arguments: ", None, "; did you mean ", None])  # argparse's own
    assert len(told) > 20
    for line in told:
        assert any(fits(line, parts) for parts in known), line


def test_names_of_the_api_are_there():
    """Headings of docs/api.md, below which the site has docstrings."""
    names = re.findall(r"^## `([\w.]+)`$", text(ROOT / "docs" / "api.md"), re.MULTILINE)
    assert {"idvae.train", "idvae.load", "idvae.model.Model"} <= set(names)
    for name in names:
        module, _, attribute = name.rpartition(".")
        assert getattr(import_module(module), attribute).__doc__, name


def test_the_site_leads_to_every_page():
    config = (ROOT / "zensical.toml").read_text("utf-8")
    tomllib.loads(config)
    listed = re.findall(r'"([\w/-]+\.md)"', config)
    assert sorted(listed) == sorted(named(page) for page in PAGES)

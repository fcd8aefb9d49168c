"""The whole page: one HTML file with its style, one small script, and its pictures within."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files

from idvae import __version__
from idvae.errors import UserError
from idvae.pictures.chart import Bars, Panel
from idvae.report import probe, reconstruction
from idvae.report.page import (
    blocks,
    conditional,
    curves,
    film,
    markdown,
    nearest,
    options,
    repeat,
    scores,
    ways,
)
from idvae.report.page.album import Album
from idvae.report.page.html import Html, tag
from idvae.report.page.subject import Subject

Section = tuple[str, str, Html | None]  # id, title, what it holds


def page(subject: Subject) -> str:
    """The page as text, which opens from disk: it asks for nothing, from no one."""
    found = [one for one in _sections(subject, Album()) if one[2] is not None]
    title = _title(subject)
    style, script = _text("style.css"), _text("script.js")
    # No browser loads anything for this page, whatever the names of runs hold.
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; "
        f"script-src '{_digest(script)}'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="generator", content="idvae report"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="icon", href="data:,"),
        tag("title", title),
        tag("style", Html(style)),
    )
    contents = tag(
        "nav",
        tag("ul", [tag("li", tag("a", name, href=f"#{key}")) for key, name, _ in found]),
        aria_label="Sections",
    )
    parts = [tag("section", tag("h2", name), inside, id=key) for key, name, inside in found]
    body = tag(
        "body",
        tag("a", "To the results", href="#results", class_="skip"),
        tag("header", tag("h1", title), _summary(subject), contents),
        tag("main", parts, id="results"),
        tag("footer", tag("p", f"Made by idvae {__version__}, from run folders.")),
        tag("script", Html(script)),
    )  # fmt: skip
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def charts(subject: Subject) -> tuple[dict[str, Bars], dict[str, Sequence[Panel]]]:
    """The page's charts by the names of their files, for papers: bars, and panels of lines."""
    bars = {
        "figure3": reconstruction.figure3(subject.scored),
        "nearest": nearest.chart(subject.shown),
    }
    panels = {"curves": curves.panels(subject.rows, subject.colours)}
    if found := scores.agreed(subject):
        panels["agreement"] = [scores.ranks(found, subject.colours)]
    return {k: v for k, v in bars.items() if v}, {k: v for k, v in panels.items() if v}


def _sections(subject: Subject, album: Album) -> list[Section]:
    shown, colours = subject.shown, subject.colours
    panels = curves.panels(subject.rows, colours)
    films, told = film.section(subject.rows, album)
    probed, unprobed = _probed(subject)
    missing = [*subject.unscored_words, *shown.told, *told, *unprobed]
    first = scores.table1(subject)
    if subject.points is not None:
        first = markdown.html(subject.points, "Modes")
    return [
        ("scores", "Scores (Table 1)", first),
        ("experts", "Do the experts agree?", scores.experts(subject)),
        ("reconstruction", "Reconstruction (Figure 3)", scores.figure3(subject)),
        ("pictures", "Reconstructions and generations (Table 2)", blocks.section(shown, album)),
        ("conditions", "As asked (Figure 4)", conditional.section(shown, album)),
        ("probe", "What codes know", probed),
        ("samples", "Samples over steps", films),
        ("ways", "Interpolations", ways.section(shown, album)),
        ("nearest", "Does it memorise?", nearest.section(shown, album)),
        ("curves", "Training curves", curves.section(panels, colours)),
        ("options", "Configurations", options.section(subject.rows) if subject.rows else None),
        ("repeat", "How to repeat it", repeat.section(subject) if subject.rows else None),
        ("missing", "What is not here", _list(missing)),
    ]  # fmt: skip


def _probed(subject: Subject) -> tuple[Html | None, list[str]]:
    """The table of probes, and why there is none where they cannot be compared."""
    try:
        there, absent = probe.probed_rows(subject.rows)
    except UserError as error:
        return None, [f"No table of what codes know: {error}."]
    return markdown.html(probe.markdown(there, absent), "Probes") if there else None, []


def _list(lines: Sequence[str]) -> Html | None:
    return tag("ul", [tag("li", line) for line in lines]) if lines else None


def _title(subject: Subject) -> str:
    sets = dict.fromkeys(r.config["data"]["name"] for row in subject.rows for r in row.runs)
    return f"Image autoencoders on {', '.join(sets)}" if sets else "Image generators compared"


def _summary(subject: Subject) -> Html:
    runs = sum(len(row.runs) for row in subject.rows)
    count = f"{runs} run" if runs == 1 else f"{runs} runs"
    return tag("p", f"{count}: {', '.join(subject.colours)}.")


def _text(name: str) -> str:
    return files("idvae.report.page").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode('ascii')}"

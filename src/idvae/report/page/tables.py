"""A table that a button in each header sorts, and that scrolls by itself where it is wide."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape

from idvae.report.page.html import Html, join, tag

UNITS = {"T": 1e12, "P": 1e15}  # of multiply-adds, as report/training.py writes them
NUMBER = re.compile(r"[-−]?\d[\d,]*\.?\d*(?:e[-+]?\d+)?")


def table(
    head: Sequence[str | Html],
    rows: Sequence[Sequence[str | Html]],
    caption: str | Html,
    *,
    numbers: Sequence[bool] | None = None,
    hidden_caption: bool = False,
) -> Html:
    """A table whose first column names its rows.

    Args:
        head: one text a column.
        rows: cells, as many as columns.
        caption: what it holds; read by a screen reader, and shown unless `hidden_caption`.
        numbers: which columns stand to the right; by default all but the first.
    """
    right = list(numbers) if numbers is not None else [False] + [True] * (len(head) - 1)
    classes = ["n" if number else None for number in right]
    heads = [
        tag("th", tag("button", text, type="button"), scope="col", class_=kind, aria_sort="none")
        for text, kind in zip(head, classes, strict=True)
    ]
    lines = []
    for first, *rest in rows:
        cells = [tag("th", first, scope="row", data_key=_text(first))]
        for cell, kind in zip(rest, classes[1:], strict=True):
            cells.append(tag("td", cell, class_=kind, data_key=sort_key(_text(cell))))
        lines.append(tag("tr", cells))
    named = tag("caption", caption, class_="quiet" if hidden_caption else None)
    inside = tag("table", named, tag("thead", tag("tr", heads)), tag("tbody", lines))
    # What scrolls has to be reached by keyboard, and so has a name.
    return tag("div", inside, class_="wide", tabindex="0", role="group", aria_label=_text(caption))


def sort_key(text: str) -> str:
    """What a cell is sorted by: the number that it begins with, else its words; "" of no value."""
    text = text.strip()
    if text in ("", "–"):
        return ""
    found = NUMBER.match(text)
    if not found:
        return text
    number = float(found.group().replace(",", "").replace("−", "-"))
    unit = text[found.end() :].strip()
    return repr(number * UNITS.get(unit, 1.0))


def details(summary: str, *inside: Html) -> Html:
    """What is folded until it is asked for."""
    return tag("details", tag("summary", summary), join(*inside))


def _text(cell: str | Html) -> str:
    return unescape(re.sub(r"<[^>]*>", "", cell)) if isinstance(cell, Html) else str(cell)

"""The Markdown that this room writes, as HTML: headings, lists, tables, bold, code, no more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from idvae.report.page.html import Html, join, tag
from idvae.report.page.tables import table

INLINE = re.compile(r"\*\*(?P<bold>.+?)\*\*|`(?P<code>[^`]+)`")


def html(text: str, caption: str = "table", level: int = 3) -> Html:
    """A text in HTML.

    Args:
        text: of tables and tests; pictures in it are left out.
        caption: of its tables.
        level: of its headings.
    """
    return join(list(_blocks(text, caption, level)))


def _blocks(text: str, caption: str, level: int) -> Iterator[Html]:
    for kind, group in groupby(text.splitlines(), _kind):
        lines = list(group)
        if kind == "heading":
            yield from (tag(f"h{level}", inline(line.lstrip("# "))) for line in lines)
        elif kind == "table":
            head, _, *rows = [cells(line) for line in lines]
            right = [mark.strip().endswith(":") for mark in lines[1].strip("| ").split("|")]
            shown = [[inline(cell) for cell in row] for row in rows]
            yield table(head, shown, caption, numbers=right, hidden_caption=True)
        elif kind == "list":
            yield tag("ul", [tag("li", inline(line[2:])) for line in lines])
        elif kind == "text":
            yield tag("p", inline(" ".join(lines)))


def _kind(line: str) -> str:
    for start, kind in (("#", "heading"), ("|", "table"), ("- ", "list"), ("![", "picture")):
        if line.startswith(start):
            return kind
    return "text" if line.strip() else "blank"


def cells(line: str) -> list[str]:
    r"""The cells of a line of a table; \| is a bar within one."""
    parts = re.split(r"(?<!\\)\|", line.strip())
    return [part.strip().replace(r"\|", "|") for part in parts[1:-1]]


def inline(text: str) -> Html:
    """Text with **bold** and `code`."""
    parts, end = [], 0
    for found in INLINE.finditer(text):
        parts.append(text[end : found.start()])
        bold, code = found.group("bold", "code")
        parts.append(tag("strong", bold) if bold else tag("code", code))
        end = found.end()
    return join(parts, text[end:])

"""HTML from plain functions: whatever is not an `Html` is text, and is escaped."""

from __future__ import annotations

from html import escape
from typing import Any

VOID = frozenset({"img", "input", "meta", "link", "br", "circle", "line", "rect", "path"})


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def join(*parts: Any, by: str = "") -> Html:
    """Parts one after the other; None is left out, an iterable that is no text is its parts."""
    return Html(by.join(piece for part in parts for piece in _pieces(part)))


def tag(name: str, /, *children: Any, **attributes: Any) -> Html:
    """An element.

    Args:
        name: of the element, in HTML or SVG.
        children: as `join` takes them.
        attributes: `class_` is class, `aria_label` is aria-label. One that is None or False is
            left out, one that is True has no value.
    """
    told = []
    for key, value in attributes.items():
        key = key.rstrip("_").replace("_", "-")
        if value is True:
            told.append(f" {key}")
        elif value is not None and value is not False:
            told.append(f' {key}="{escape(str(value))}"')
    start = f"<{name}{''.join(told)}"
    return Html(f"{start}/>" if name in VOID else f"{start}>{join(*children)}</{name}>")


def _pieces(part: Any) -> list[str]:
    if part is None:
        return []
    if isinstance(part, Html):
        return [part]
    if isinstance(part, str | int | float):
        return [escape(str(part))]
    return [piece for one in part for piece in _pieces(one)]

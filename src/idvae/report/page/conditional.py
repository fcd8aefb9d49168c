"""Figure 4: what a conditional model makes of what it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from idvae.pictures.grids import grid
from idvae.report.page import markdown
from idvae.report.page.album import Album, encoded
from idvae.report.page.html import Html, join, tag
from idvae.report.page.subject import Conditional, Shown

MOST = 5 << 18  # bytes


def section(shown: Shown, album: Album) -> Html | None:
    """Generations and edits of each conditional row; None where there is none."""
    if not shown.conditional:
        return None
    flat = []
    for one in shown.conditional.values():
        flat.append(grid(one.generated.reshape(-1, *one.generated.shape[2:]),
                         one.generated.shape[1]))  # fmt: skip
        if one.edited is not None:
            turned = one.edited.swapaxes(0, 1)  # what is asked for runs down, as names read
            flat.append(grid(turned.reshape(-1, *turned.shape[2:]), turned.shape[1]))
    pictures = iter(encoded(flat, MOST))
    return join([_row(name, one, pictures, album) for name, one in shown.conditional.items()])


def _row(name: str, one: Conditional, pictures: Iterator[bytes], album: Album) -> Html:
    generated = album.show(next(pictures), f"{name}: generated, one line a condition")
    parts = [_labelled("Generated: the same codes under each condition", one.names, generated)]
    if one.edited is not None:
        edits = album.show(next(pictures), f"{name}: edited, one line a condition")
        labels = ["original", "reconstruction", *one.names]
        parts.append(_labelled("Edited: test images, one a column", labels, edits))
    judged = None
    if one.judgement is not None:
        judged = markdown.html(one.judgement, f"{name}: is it as asked?")
    return join(tag("h3", name), tag("div", parts, class_="gallery"), judged)


def _labelled(title: str, names: Sequence[str], picture: Html) -> Html:
    """A picture of equal lines, a name before each."""
    labels = tag("ol", [tag("li", name) for name in names], class_="labels")
    return tag("figure", tag("figcaption", title),
               tag("div", labels, picture, class_="labelled"))  # fmt: skip

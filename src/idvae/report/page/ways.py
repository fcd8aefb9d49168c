"""Interpolations: what lies between two codes."""

from __future__ import annotations

from idvae.pictures.grids import grid
from idvae.report.page.album import Album, encoded
from idvae.report.page.html import Html, join, tag
from idvae.report.page.subject import Shown

MOST = 5 << 18  # bytes


def section(shown: Shown, album: Album) -> Html | None:
    """A picture a model: one way a line. None where there is none."""
    if not shown.ways:
        return None
    flat = [
        grid(way.images.reshape(-1, *way.images.shape[2:]), way.images.shape[1])
        for way in shown.ways.values()
    ]
    figures = []
    for (name, way), picture in zip(shown.ways.items(), encoded(flat, MOST), strict=True):
        kind = "between test images, originals at both ends" if way.real else "between random codes"
        image = album.show(picture, f"{name}: ways {kind}")
        figures.append(tag("figure", tag("figcaption", tag("strong", name), f": {kind}"), image))
    return join(tag("p", "One way a line, from code to code."),
                tag("div", figures, class_="gallery"))  # fmt: skip

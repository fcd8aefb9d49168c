"""Table 2: the same originals through every model, and what each draws."""

from __future__ import annotations

import numpy as np

from idvae.pictures.grids import grid
from idvae.report.page.album import Album, encoded
from idvae.report.page.html import Html, join, tag
from idvae.report.page.subject import Shown

MOST = 5 << 18  # bytes
COLUMNS = 5


def section(shown: Shown, album: Album) -> Html | None:
    """One line a model; the originals stand above once. None where no model made anything."""
    if not shown.generations:
        return None
    blocks: list[tuple[str, np.ndarray]] = []
    if shown.originals is not None:
        blocks.append(("Originals", shown.originals))
    for name, made in shown.generations.items():
        if name in shown.reconstructions:
            blocks.append((f"{name}: reconstructions", shown.reconstructions[name]))
        blocks.append((f"{name}: generations", made))
    pictures = encoded([grid(images, COLUMNS) for _, images in blocks], MOST)
    images = {
        alt: album.show(picture, alt) for (alt, _), picture in zip(blocks, pictures, strict=True)
    }
    lines = [
        tag("div", tag("h3", name), tag("div", _pair(shown, name, images), class_="pair"),
            class_="strip")
        for name in shown.generations
    ]  # fmt: skip
    first = images.get("Originals")
    above = first and tag("div", tag("div", _block("Originals", first), class_="pair"),
                          class_="strip")  # fmt: skip
    return join(above, tag("div", lines, class_="strips"))


def _pair(shown: Shown, name: str, images: dict[str, Html]) -> list[Html]:
    """Reconstructions, as far as they are known or known not to be, and generations."""
    found = images.get(f"{name}: reconstructions")
    if found is None and shown.lacks_encoder(name):
        found = tag("p", "none: no encoder", class_="quiet-text")
    made = [_block("Reconstructions", found)] if found is not None else []
    return [*made, _block("Generations", images[f"{name}: generations"])]


def _block(title: str, inside: Html) -> Html:
    return tag("figure", tag("figcaption", title), inside)

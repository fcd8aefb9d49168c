"""The page's figures as files for papers: charts as PNG and SVG, pictures as PNG."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from idvae.pictures import grids
from idvae.pictures.bars import save_bars
from idvae.pictures.mosaic import Strip, save_mosaic
from idvae.pictures.panels import save_panels
from idvae.report.page.document import charts
from idvae.report.page.repeat import distinct_stems
from idvae.report.page.subject import Shown, Subject

CHARTS = ("figure3", "nearest", "curves", "agreement")
NAMES = (
    *(f"{name}.{ending}" for name in CHARTS for ending in ("png", "svg")), "table2.png",
    "interpolations.png", "neighbours.png", "figure4-*.png",
)  # fmt: skip


def save(folder: Path, subject: Subject) -> None:
    """Write every figure that there is something to draw for, by the names of NAMES."""
    bars, panels = charts(subject)
    for name, chart in bars.items():
        save_bars(_files(folder, name), chart)
    for name, drawn in panels.items():
        save_panels(_files(folder, name), drawn)
    _save_pictures(folder, subject.shown)


def _save_pictures(folder: Path, shown: Shown) -> None:
    if shown.originals is not None and shown.generations:
        strips = [
            Strip(name, shown.reconstructions.get(name), made[: len(shown.originals)])
            for name, made in shown.generations.items()
            if name in shown.of_set and (name in shown.reconstructions or shown.lacks_encoder(name))
        ]
        if strips:
            save_mosaic(folder / "table2.png", shown.originals, strips)
    _save_stack(folder / "interpolations.png", {n: way.images for n, way in shown.ways.items()})
    columns = {
        name: np.concatenate([one.samples[None], one.neighbours.swapaxes(0, 1)])
        for name, one in shown.nearest.items()
    }
    _save_stack(folder / "neighbours.png", columns)
    stems = distinct_stems(list(shown.conditional))
    for stem, one in zip(stems, shown.conditional.values(), strict=True):
        _save_labelled(folder / f"figure4-{stem}.png", one.generated, one.names)
        if one.edited is not None:
            labels = ["original", "reconstruction", *one.names]
            path = folder / f"figure4-{stem}-edits.png"
            _save_labelled(path, one.edited.swapaxes(0, 1), labels)


def _save_stack(path: Path, parts: Mapping[str, np.ndarray]) -> None:
    """Grids of (lines, columns, H, W, C) below each other, the name of each before it."""
    if not parts:
        return
    drawn = [
        grids.grid(part.reshape(-1, *part.shape[2:]), part.shape[1]) for part in parts.values()
    ]
    height, width, channels = (max(one.shape[side] for one in drawn) for side in range(3))
    drawn = [np.broadcast_to(one, (*one.shape[:2], channels)) for one in drawn]  # grey as colours
    blank = [((0, height - one.shape[0]), (0, width - one.shape[1]), (0, 0)) for one in drawn]
    padded = [
        np.pad(one, sides, constant_values=255) for one, sides in zip(drawn, blank, strict=True)
    ]
    picture = grids.enlarge(np.concatenate(padded))
    grids.save_png(path, grids.with_row_labels(picture, list(parts)))


def _save_labelled(path: Path, lines: np.ndarray, labels: tuple[str, ...] | list[str]) -> None:
    picture = grids.enlarge(grids.grid(lines.reshape(-1, *lines.shape[2:]), lines.shape[1]))
    grids.save_png(path, grids.with_row_labels(picture, list(labels)))


def _files(folder: Path, name: str) -> list[Path]:
    return [folder / f"{name}.{ending}" for ending in ("png", "svg")]

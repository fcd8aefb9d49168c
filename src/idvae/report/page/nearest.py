"""Does it memorise? Samples beside the training images that are nearest to them."""

from __future__ import annotations

import numpy as np

from idvae.pictures.chart import Bar, Bars
from idvae.pictures.grids import grid
from idvae.report.page import svg
from idvae.report.page.album import Album, encoded
from idvae.report.page.html import Html, join, tag
from idvae.report.page.subject import Shown
from idvae.report.page.tables import table

MOST = 5 << 18  # bytes
LOW = 5  # percent of test images that are nearer: what is nearer than that is suspicious
REAL = "Real test images"


def chart(shown: Shown) -> Bars | None:
    """Median distances to the nearest training image; None where they are not known."""
    if shown.test_distances is None or not shown.nearest:
        return None
    found = {REAL: shown.test_distances}
    found |= {name: one.distances for name, one in shown.nearest.items()}
    bars = []
    for name, distances in found.items():
        low, middle, high = (float(np.percentile(distances, p)) for p in (LOW, 50, 100 - LOW))
        bars.append(Bar(name, middle, low, high, f"{middle:.3f}"))
    note = (
        f"Bars: median over {len(shown.test_distances):,} test images and "
        f"{len(next(iter(shown.nearest.values())).distances):,} samples of each model, to the "
        f"nearest of {shown.training_images:,} training images; lines: from the {LOW}th to the "
        f"{100 - LOW}th percentile."
    )
    return Bars("distance to the nearest training image", tuple(bars), note)


def section(shown: Shown, album: Album) -> Html | None:
    """Distances as bars and table, then pictures; None where there is nothing."""
    bars = chart(shown)
    if bars is None:
        return None
    limit = float(np.percentile(shown.test_distances, LOW))
    rows = [[REAL, *_cells(shown.test_distances, limit)]]
    rows += [[name, *_cells(one.distances, limit)] for name, one in shown.nearest.items()]
    # A column a sample: itself above, its neighbours below.
    grids = []
    for one in shown.nearest.values():
        columns = np.concatenate([one.samples[None], one.neighbours.swapaxes(0, 1)])
        grids.append(grid(columns.reshape(-1, *columns.shape[2:]), columns.shape[1]))
    figures = [
        tag(
            "figure",
            tag("figcaption", tag("strong", name), ": samples above, their nearest below"),
            album.show(picture, f"{name}: samples and nearest training images"),
        )
        for name, picture in zip(shown.nearest, encoded(grids, MOST), strict=True)
    ]
    told = (
        "A model that copies its training images draws samples that lie nearer to them than other "
        "real images do. Distances are of pixels: root mean square a pixel and channel, values in "
        "[−1, 1]. Blurred samples lie nearer too, without being copies: look at the pictures."
    )
    head = ["Images", "Nearest", "Median", f"Nearer than {100 - LOW}% of test images"]
    return join(
        tag("p", told),
        tag("figure", svg.bars(bars), tag("figcaption", bars.note), class_="narrow"),
        table(head, rows, "Distances to the nearest training image"),
        tag("div", figures, class_="gallery"),
    )


def _cells(distances: np.ndarray, limit: float) -> list[str]:
    share = 100.0 * float((distances < limit).mean())
    return [f"{distances.min():.3f}", f"{np.median(distances):.3f}", f"{share:.1f}%"]

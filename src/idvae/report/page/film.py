"""Samples as training goes on: a slider moves all runs to the same step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from idvae.errors import UserError
from idvae.report.page.album import Album, encoded, reduced, webp
from idvae.report.page.html import Html, join, tag
from idvae.report.rows import Row, seed_of
from idvae.training.run import Run

MOST = 4 << 20  # bytes of all frames
FRAMES = (12, 8, 5, 3)  # of a run: as many as fit
PIXELS = 1 << 24  # of a picture that is opened


def section(rows: Sequence[Row], album: Album) -> tuple[Html | None, list[str]]:
    """The slider and a film of each run that kept samples.

    Returns:
        None where no run did; and what is told of files that could not be read.
    """
    films, told = [], []
    for row in rows:
        for run in row.runs:
            try:
                frames = _frames(run)
            except UserError as error:
                told.append(str(error))
                continue
            if frames:
                films.append((f"{row.name}, seed {seed_of(run)}", frames))
    if not films:
        return None, told
    count = _fitting([frames for _, frames in films])
    films = [(name, _spread(frames, count)) for name, frames in films]
    flat = [_read(path) for _, frames in films for _, path in frames]
    pictures = iter(encoded(flat, MOST))
    figures = []
    for name, frames in films:
        drawn: list[tuple[int, bytes]] = []
        for step, _ in frames:
            picture = next(pictures)
            if not drawn or picture != drawn[-1][1]:  # else the one before it stays
                drawn.append((step, picture))
        shown = [
            album.show(
                picture,
                f"{name}: samples at step {step:,}",
                class_="frame",
                data_step=step,
                hidden=step != drawn[-1][0],
            )
            for step, picture in drawn
        ]
        place = tag("span", f"step {drawn[-1][0]:,}", class_="at")
        caption = tag("figcaption", name, " · ", place)
        figures.append(tag("figure", caption, shown, class_="film"))
    steps = sorted({step for _, frames in films for step, _ in frames})
    return join(_slider(steps), tag("div", figures, class_="films")), told


def _fitting(films: Sequence[list[tuple[int, Path]]]) -> int:
    """How many frames of each film fit, by the size of the last ones; the least if none do."""
    sizes = [(len(frames), len(webp(reduced(_read(frames[-1][1]))))) for frames in films]
    for count in FRAMES:
        if sum(min(count, there) * size for there, size in sizes) <= MOST:
            return count
    return FRAMES[-1]


def _slider(steps: Sequence[int]) -> Html:
    last = len(steps) - 1
    return tag(
        "div",
        tag("label", "Training step ", tag("output", f"{steps[-1]:,}", for_="step"), for_="step"),
        tag(
            "input",
            type="range",
            id="step",
            min=0,
            max=last,
            step=1,
            value=last,
            data_steps=" ".join(map(str, steps)),
            aria_valuetext=f"step {steps[-1]:,}",
        ),
        class_="slider",
    )


def _frames(run: Run) -> list[tuple[int, Path]]:
    """Steps and their pictures, by step.

    Raises:
        UserError: one of them is no picture that training leaves.
    """
    found = []
    for path in sorted((run.path / "samples").glob("[0-9]*.png")):
        if not path.stem.isdigit():
            continue
        try:
            with Image.open(path, formats=("PNG",)) as opened:
                fits = opened.width * opened.height <= PIXELS
        except Exception as error:  # whatever Pillow's parser raises of a damaged file
            raise UserError(f"No samples of {run.path}: {path} is no picture") from error
        if not fits:
            raise UserError(f"No samples of {run.path}: {path} is too large")
        found.append((int(path.stem), path))
    return found


def _spread(frames: list[tuple[int, Path]], count: int) -> list[tuple[int, Path]]:
    """At most `count` of them, the first and the last always."""
    if len(frames) <= count:
        return frames
    return [frames[round(i * (len(frames) - 1) / (count - 1))] for i in range(count)]


def _read(path: Path) -> np.ndarray:
    """uint8 (H, W, C).

    Raises:
        UserError: the file is damaged.
    """
    try:
        with Image.open(path, formats=("PNG",)) as opened:
            image = opened.convert("L" if opened.mode == "L" else "RGB")
    except Exception as error:  # whatever Pillow's parser raises of a damaged file
        raise UserError(f"{path} is damaged; remove it") from error
    pixels = np.asarray(image)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels

"""Images to be scored, wherever they come from: what a user names or holds, as a source."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from idvae.errors import UserError
from idvae.evaluate.sources.drawn import Sampler, Stream
from idvae.evaluate.sources.source import Range, Source
from idvae.evaluate.sources.stored import Array, Folder
from idvae.io.arrays import ArrayFile


def open_images(what: Any, value_range: Range | None = None) -> Source:
    """The source for what a user names or holds.

    Args:
        what: a folder, an .npz or .npy file, an array, an iterable of arrays, or a callable
            (n, seed) → images.
        value_range: what black and white are in arrays of floats.

    Raises:
        UserError: no such place, or nothing there that can be read as images.
    """
    if isinstance(what, Source):
        return what
    if isinstance(what, str | os.PathLike):
        path = Path(what)
        if (path / "config.yaml").is_file():  # its curves are pictures too
            raise UserError(
                f"{path} is a run, and no images; give what draws its samples, "
                f"idvae.load({str(path)!r}).sample"
            )
        if path.is_dir():
            return Folder(path)
        if path.suffix in (".npz", ".npy"):
            return Array(_images_of(path), str(path), value_range)
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
        raise UserError(f"{path} is no folder, .npz or .npy, so no images are read from it")
    if isinstance(what, np.ndarray):
        return Array(what, "array", value_range)
    if callable(what):
        return Sampler(what, getattr(what, "__name__", "sampler"), value_range)
    if isinstance(what, Iterable):
        return Stream(what, "iterable", value_range)
    raise UserError(
        "images come from a place, an array, an iterable or a callable, such as the sample of a "
        f"model, not from a {type(what).__name__}"
    )


def _images_of(path: Path) -> np.ndarray:
    file = ArrayFile(path)
    for name in ("images", "array", "arr_0"):
        if name in file.names:
            return file.read(name)
    if len(file.names) == 1:
        return file.read(file.names[0])
    raise UserError(
        f"{path} holds {', '.join(sorted(file.names)) or 'nothing'}; images are read from an array "
        "named images"
    )

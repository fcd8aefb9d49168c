"""Reference features kept on disk, found by what they were made of, never by a name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from idvae import __version__
from idvae.errors import UserError
from idvae.evaluate.features import Features
from idvae.evaluate.metrics.neighbours import Balls
from idvae.evaluate.metrics.statistics import PartStatistics, load_statistics
from idvae.io.arrays import ALONE, ArrayFile
from idvae.io.files import atomic_file
from idvae.io.places import cache_folder


def key(facts: Mapping[str, Any]) -> str:
    """The sha256 of facts: of weights, resize, images, their number and their choice."""
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def versions() -> dict[str, str]:
    """Of what decodes, resizes and computes: others may give other features."""
    return {
        "idvae": __version__,
        "torch": version("torch").split("+")[0],
        "numpy": version("numpy"),
        "pillow": version("pillow"),
    }


def place(facts: Mapping[str, Any]) -> Path:
    """The .npz of these facts; a .json beside it holds them in words."""
    return cache_folder() / "statistics" / f"{key(facts)[:32]}.npz"


def load(facts: Mapping[str, Any]) -> Features | None:
    """Features kept for exactly these facts, or None; a damaged file counts as none."""
    path = place(facts)
    try:
        if json.loads(path.with_suffix(".json").read_text(encoding="utf-8")) != facts:
            return None
        statistics = load_statistics(path)
        if isinstance(statistics, PartStatistics):
            return Features(statistics, None)
        rows = statistics.rows
        if rows is None:
            rows = ArrayFile(path).read("chosen")
    except (OSError, ValueError, KeyError, UserError):
        return None
    return Features(statistics, rows)


def balls(points: np.ndarray, k: int) -> Balls:
    """Balls of real points, which take longer to find than all else that is asked of them.

    Their radii are kept under what they are of, and found anew where the file is damaged.
    """
    rows = np.ascontiguousarray(points)
    facts = {"points": hashlib.sha256(rows).hexdigest(), "type": str(rows.dtype), "k": k}
    path = place({"format": 1, "balls": facts, "shape": list(rows.shape)}).with_suffix(".npy")
    try:
        found = ArrayFile(path).read(ALONE)
        if found.shape == (len(points),) and found.dtype == np.float64:
            return Balls(points, k, np.array(found))
    except UserError:
        pass
    made = Balls(points, k)
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        np.save(file, made.squared_radii.numpy(), allow_pickle=False)
    return made


def save(facts: Mapping[str, Any], features: Features) -> Path:
    """Keep features; other tools read `mu` and `sigma` from the .npz."""
    path = place(facts)
    extra: dict[str, np.ndarray] = {}
    if features.rows is not None and features.statistics.rows is None:
        extra["chosen"] = features.rows
    features.statistics.save(path, extra)
    with atomic_file(path.with_suffix(".json")) as temporary:
        text = json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    return path

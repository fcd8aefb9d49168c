"""Where things that can be made again are kept: prepared sets, weights, statistics."""

import os
from pathlib import Path

from platformdirs import user_cache_path


def data_folder() -> Path:
    """Where prepared sets lie: $IDVAE_DATA, or idvae in the user's cache folder."""
    return _place("IDVAE_DATA", "idvae")


def cache_folder() -> Path:
    """Where weights and statistics lie: $IDVAE_CACHE, or idvae-evaluate beside the sets."""
    return _place("IDVAE_CACHE", "idvae-evaluate")


def _place(variable: str, name: str) -> Path:
    if own := os.environ.get(variable):
        return Path(own).expanduser()
    place = user_cache_path(name, appauthor=False)
    # Earlier versions kept to ~/.cache on every system.
    before = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / name
    return before if before.is_dir() and not place.exists() else place

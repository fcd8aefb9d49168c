"""What `idvae judge` wrote into a run: conditions.json."""

import json
from pathlib import Path
from typing import Any

from idvae.errors import UserError
from idvae.io.files import read_bounded

NAME = "conditions.json"
MOST = 1 << 24  # bytes of it


def read(folder: Path) -> dict[str, Any] | None:
    """Its values, of which `facts` is a mapping; None where the run was not judged.

    Raises:
        UserError: it is too large, or damaged.
    """
    file = folder / NAME
    if not file.is_file():
        return None
    try:
        values = json.loads(read_bounded(file, MOST))
        if not isinstance(values["facts"], dict):
            raise ValueError("its facts are no mapping")
        return values
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise misshapen(file, error) from error


def misshapen(file: Path, error: Exception) -> UserError:
    """What a reader of the values is told where they have other shapes than idvae gives them."""
    return UserError(f"{file} is no conditions.json of idvae judge ({error})")

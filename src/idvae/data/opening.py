"""The one place where prepared sets are opened: single files, or shards."""

import json
import os
from pathlib import Path

from idvae.data.prepared import META, PreparedSet
from idvae.data.shards.address import is_address

__all__ = ["is_address", "is_prepared", "opened"]


def is_prepared(path: Path) -> bool:
    """Whether a folder looks like a prepared set."""
    return (path / META).is_file()


def opened(place: str | os.PathLike[str]) -> PreparedSet:
    """A prepared set by its path, or by the address of its shards.

    Raises:
        UserError: there is none, it is damaged, or it cannot be reached.
    """
    if is_address(place):
        return _far(str(place))
    path = Path(place)
    text = _text(path / META)
    if text is None:
        return PreparedSet(path)  # which says what is wrong
    from idvae.data.shards import index, sharded, shelf

    return sharded.ShardedSet(shelf.Folder(path), index.parse_index(text, path / META))


def _far(address: str) -> PreparedSet:
    from idvae.data.shards import index, remote, sharded

    shelf = remote.Remote(address)
    where = f"{shelf.address}/{META}"
    made = sharded.ShardedSet(shelf, index.parse_index(shelf.index(), where))
    shelf.cache.check(made.together(), made.address)
    return made


def _text(file: Path) -> str | None:
    """The text of an index of shards; None where it is anything else."""
    try:
        text = file.read_text(encoding="utf-8")
        meta = json.loads(text)
    except (OSError, ValueError, RecursionError):
        return None
    return text if isinstance(meta, dict) and "shards" in meta else None

"""Where the shards of a set lie: a folder here; `remote.py` has the others."""

from pathlib import Path
from typing import Protocol

from idvae.data.shards.index import damaged


class Shelf(Protocol):
    """A place of shards.

    Attributes:
        address: what opens the set again.
        path: the folder that shards are read from.
        is_far: whether shards have to come here first.
    """

    address: str
    path: Path
    is_far: bool

    def reads_ahead(self, needed: int) -> bool:
        """Whether shards should come before they are asked for, where so many bytes are kept."""

    def shard(self, name: str, length: int, sha256: str) -> Path:
        """A whole shard as a file here.

        Raises:
            UserError: it is not there, cannot be reached, or is not the one of the index.
        """


class Folder:
    """Shards in a folder: read in their place, trusted but for their lengths."""

    is_far = False

    def __init__(self, path: Path) -> None:
        self.path, self.address = path, str(path.resolve())

    def reads_ahead(self, needed: int) -> bool:
        """As `Shelf.reads_ahead`."""
        return False

    def shard(self, name: str, length: int, sha256: str) -> Path:
        """As `Shelf.shard`."""
        file = self.path / name
        if not file.is_file():
            raise damaged(file, "it is missing")
        if (found := file.stat().st_size) != length:
            raise damaged(file, f"it has {found:,} bytes, not {length:,}")
        return file

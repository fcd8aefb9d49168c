"""Shards that came through a network are kept here, up to a limit: those used last.

A file is named by its sha256, so it is of whatever set; it is checked when it arrives, appears
whole or not at all, and several processes may read, fetch and remove at the same time: a file that
is removed while it is open stays readable.
"""

import hashlib
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from idvae.errors import UserError
from idvae.io.files import atomic_file, clear_left_over, is_left_over
from idvae.io.locks import alone
from idvae.io.places import cache_folder

VARIABLE = "IDVAE_SHARD_CACHE"
DEFAULT = 20.0  # GiB
GIB = 1 << 30


def limit() -> int:
    """Bytes that may be kept: $IDVAE_SHARD_CACHE in GiB.

    Raises:
        UserError: it is no number above 0.
    """
    text = os.environ.get(VARIABLE) or str(DEFAULT)
    try:
        size = float(text)
    except ValueError:
        size = math.nan
    if not 0 < size < math.inf:
        raise UserError(f"{VARIABLE}={text} is no size; it is a number of GiB above 0")
    return int(size * GIB)


class Cache:
    """The shards that are kept.

    Args:
        most: bytes that may be kept; `limit()` if not given.
    """

    def __init__(self, most: int | None = None) -> None:
        self.folder = cache_folder() / "shards"
        self.most = limit() if most is None else most

    def check(self, needed: int, name: str) -> None:
        """Refuse a limit below what is read at the same time.

        Raises:
            UserError: shards would be fetched again and again.
        """
        if needed > self.most:
            raise UserError(
                f"{name}: the shards that are read at the same time have {needed / GIB:.2f} GiB, "
                f"more than {VARIABLE} lets be kept ({self.most / GIB:.2f} GiB); raise it, or "
                "make smaller shards with idvae data shard --shard-size"
            )

    def get(self, length: int, sha256: str, fetch: Callable[[BinaryIO], None], name: str) -> Path:
        """The file of a shard, fetched where it is not there.

        Args:
            length, sha256: of the file.
            fetch: writes `length` bytes.
            name: what messages call it.

        Raises:
            UserError: what was fetched is not it, or whatever `fetch` raises.
        """
        file = self.folder / f"{sha256}.npy"
        if _used(file, length):
            return file
        locks = self.folder / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        # Of processes that want the same one fetches. Few locks serve all names.
        with alone(locks / sha256[:2], f"{name} is being fetched", patience=math.inf):
            if _used(file, length):
                return file
            with atomic_file(file) as temporary, temporary.open("r+b") as opened:
                with alone(locks / "room", "never said", patience=math.inf):
                    self._make_room(length)
                    os.truncate(temporary, length)  # so that others count it
                fetch(opened)
                opened.seek(0)
                if hashlib.file_digest(opened, "sha256").hexdigest() != sha256:
                    raise UserError(
                        f"{name} is damaged: its sha256 is not that of the index; nothing of it "
                        "was kept. Fetch it again, or make the set again with idvae data shard"
                    )
        return file

    def _make_room(self, length: int) -> None:
        """Remove what was used least recently, until so many bytes more are within the limit."""
        there = []
        for file in self.folder.glob("*.npy"):
            try:
                facts = file.stat()
            except FileNotFoundError:  # another process removed it
                continue
            if is_left_over(file.name) and clear_left_over(file):  # its process was killed
                continue
            there.append((facts.st_mtime_ns, facts.st_size, file))
        total = sum(size for _, size, _ in there) + length
        for _, size, file in sorted(there):
            if total <= self.most:
                return
            if not file.name.startswith("."):  # else it is on its way
                file.unlink(missing_ok=True)
                total -= size


def _used(file: Path, length: int) -> bool:
    """Whether a file is there, whole; then it counts as used now."""
    try:
        if file.stat().st_size == length:
            os.utime(file)
            return True
        file.unlink()
    except FileNotFoundError:
        pass
    return False

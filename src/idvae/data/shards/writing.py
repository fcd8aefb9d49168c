"""Cuts a prepared set into shards: several at a time, and going on where a killed call stopped.

A shard appears whole or not at all, and the index last, so nothing opens what is not finished. A
journal says which shards are done and their sha256; who comes next with the same set and the same
sizes keeps those that are as it says. The bytes are functions of the set and the sizes alone.
"""

import hashlib
import json
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from idvae.data.order import WINDOW
from idvae.data.prepared import FOLDER, META, PreparedSet, Split
from idvae.data.shards.index import FORMAT, MIB, Column, columns_of
from idvae.errors import UserError
from idvae.io.destination import Destination
from idvae.io.files import atomic_file, is_left_over, is_plain_name
from idvae.io.locks import alone
from idvae.io.places import cache_folder
from idvae.io.progress import progress

PIECE = 16 * MIB  # bytes of rows that are read and written at a time
THREADS = 8
JOURNAL, LOCK = "journal", "lock"

Pieces = Callable[[], Iterator[bytes]]


class Target(Protocol):
    """A place that shards are written to."""

    def has(self, name: str, length: int, sha256: str) -> bool:
        """Whether a shard of an earlier call is there."""

    def put(self, name: str, pieces: Pieces) -> None:
        """Write a file, whole or not at all; `pieces` may be asked for again."""


class InFolder:
    """Shards that are gathered in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, name: str, length: int, sha256: str) -> bool:
        """As `Target.has`; the file is read."""
        file = self.folder / name
        if not file.is_file() or file.stat().st_size != length:
            return False
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest() == sha256

    def put(self, name: str, pieces: Pieces) -> None:
        """As `Target.put`."""
        with atomic_file(self.folder / name) as temporary, temporary.open("wb") as file:
            for piece in pieces():
                file.write(piece)


def write_folder(prepared: PreparedSet, path: Path, shard_bytes: int, overwrite: bool) -> None:
    """Write shards into a folder that appears once they are whole.

    Raises:
        UserError: something is there that is not to be replaced, another process writes the same,
            or the set cannot be read.
    """
    destination = Destination(path, overwrite, FOLDER, (prepared.path,))
    destination.check()
    part = path.absolute().with_name(f".{path.absolute().name}.idvae-shards")
    part.mkdir(parents=True, exist_ok=True)
    with alone(part / LOCK, f"{part} is being written by another process; wait for it"):
        for rest in part.glob(".*"):
            if is_left_over(rest.name):  # of a killed call
                rest.unlink()
        meta, written = write_shards(prepared, path.name, InFolder(part), part, shard_bytes)
        (part / META).write_text(meta, encoding="utf-8")  # while a full disk can be gone on from
        with destination.folder() as folder:
            for name in (*written, META):  # a call with other sizes may have left more
                (part / name).rename(folder / name)
        shutil.rmtree(part)


def write_bucket(prepared: PreparedSet, address: str, shard_bytes: int) -> None:
    """Write shards to a bucket; what is done so far is noted in the cache folder of this machine.

    Raises:
        UserError: a set is there, another process here writes the same, or it cannot be reached.
    """
    from idvae.data.shards.remote import Bucket

    bucket = Bucket(address)
    if bucket.length(META) is not None:
        raise UserError(f"{bucket.address} holds a set already; name another place, or remove it")
    place = hashlib.sha256(bucket.address.encode()).hexdigest()[:16]
    notes = cache_folder() / "sharding" / place
    notes.mkdir(parents=True, exist_ok=True)
    with alone(notes / LOCK, f"{address} is being written by another process; wait for it"):
        name = bucket.address.rpartition("/")[2]
        meta, _ = write_shards(prepared, name, bucket, notes, shard_bytes)
        bucket.put(META, lambda: iter([meta.encode()]))
        shutil.rmtree(notes)


def write_shards(
    prepared: PreparedSet, name: str, target: Target, notes: Path, shard_bytes: int
) -> tuple[str, list[str]]:
    """Write all shards that are not there.

    Args:
        prepared: the set.
        name: what the new set is called, where that can be a name.
        target: where shards go.
        notes: a folder for the journal, which the caller holds the lock of.
        shard_bytes: of a shard, without its header.

    Returns:
        the text of the index, for the caller to write, and the names of all shards.
    """
    columns = list(columns_of(prepared, shard_bytes))
    work = [(column, k) for column in columns for k in range(column.shards)]
    journal = _Journal(notes / JOURNAL, f"{prepared.checksum} {shard_bytes} {FORMAT}")
    splits = {column.split: prepared.split(column.split) for column in columns}

    def one(column: Column, k: int) -> str:
        file = column.file(k)
        known = journal.done.get(file)
        if known is not None and target.has(file, column.length(k), known):
            advance(1)
            return known
        digest = hashlib.sha256()

        def pieces() -> Iterator[bytes]:
            nonlocal digest
            digest = hashlib.sha256()
            for piece in _pieces(column, k, splits[column.split]):
                digest.update(piece)
                yield piece

        target.put(file, pieces)
        journal.note(file, digest.hexdigest())
        advance(1)
        return digest.hexdigest()

    if journal.done:
        print(f"continuing after {len(journal.done):,} shards", file=sys.stderr)
    with (
        journal,
        progress(len(work), "writing shards") as advance,
        ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool,
    ):
        waiting = [pool.submit(one, *each) for each in work]
        try:
            found = [each.result() for each in waiting]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    digests: dict[str, list[str]] = {column.key: [] for column in columns}
    for (column, _), digest in zip(work, found, strict=True):
        digests[column.key].append(digest)
    return _index(prepared, name, shard_bytes, digests), [c.file(k) for c, k in work]


def _pieces(column: Column, k: int, split: Split) -> Iterator[bytes]:
    """The bytes of a shard, a few rows at a time."""
    yield column.header(k)
    first, last = column.rows(k)
    read = getattr(split, column.name if column.name in ("labels", "attributes") else "gather")
    step = max(1, PIECE * column.per_shard // max(1, column.length(0)))
    for start in range(first, last, step):
        rows: np.ndarray = read(np.arange(start, min(start + step, last)))
        yield np.ascontiguousarray(rows, column.dtype).tobytes()


def _index(
    prepared: PreparedSet, name: str, shard_bytes: int, digests: dict[str, list[str]]
) -> str:
    meta: dict[str, Any] = {**prepared.meta, "format": FORMAT}
    meta["name"] = name if is_plain_name(name) else prepared.name
    meta["shards"] = {"bytes": shard_bytes, "window": WINDOW, "sha256": digests}
    return json.dumps(meta, indent=1, ensure_ascii=False) + "\n"


class _Journal:
    """Shards that are done, a line each, in a file that is only ever added to.

    Args:
        path: the file; one that tells of another set or of other sizes is begun anew.
        key: of the set and the sizes.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.done: dict[str, str] = {}
        self._path, self._lock = path, threading.Lock()
        lines = path.read_text(encoding="utf-8").split("\n") if path.is_file() else []
        if lines[:1] == [key]:
            # The last one has no end where a kill cut it.
            told = [line.split(" ") for line in lines[1:-1]]
            self.done = {words[0]: words[1] for words in told if len(words) == 2}
        text = "".join(f"{name} {sha256}\n" for name, sha256 in self.done.items())
        with atomic_file(path) as temporary:
            temporary.write_text(f"{key}\n{text}", encoding="utf-8")

    def __enter__(self) -> "_Journal":
        self._file = self._path.open("a", encoding="utf-8")
        return self

    def note(self, name: str, sha256: str) -> None:
        """One more is whole."""
        with self._lock:
            self._file.write(f"{name} {sha256}\n")
            self._file.flush()

    def __exit__(self, *_: object) -> None:
        self._file.close()


def check_size(shard_size: int) -> int:
    """Bytes of a `--shard-size` in MiB.

    Raises:
        UserError: it is out of range.
    """
    if not isinstance(shard_size, int) or not 1 <= shard_size <= 1 << 20:
        raise UserError(f"--shard-size {shard_size} is out of range; it is 1 to {1 << 20} MiB")
    return shard_size * MIB

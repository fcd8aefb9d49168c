"""Writing that outlives its process: rows gather in a hidden folder beside the set to be.

A note in that folder says how many rows are whole and their checksum. Who comes next with the
same facts checks these rows and goes on after them, so the set has the same bytes as one that was
written at once; where anything differs, all is written anew.
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from idvae.data.rows import Tables
from idvae.data.source import Resume
from idvae.io.files import atomic_file
from idvae.io.locks import alone

NOTE_EVERY = 2000  # rows


@contextmanager
def unfinished(
    path: Path, meta: dict[str, Any], resume: Resume, originals: tuple[Path, ...] = ()
) -> Iterator[Tables]:
    """Yield the whole set's tables, written or continued; afterwards their folder is removed.

    Whatever ends the writing early leaves what was noted for the next time.

    Args:
        path: the set to be.
        meta: facts of the set; only rows of the same facts are continued.
        resume: makes the batches from a row on.
        originals: what they are read from; only those of the same sizes and times are continued.

    Raises:
        UserError: another process writes the same set.
    """
    folder = path.with_name(f".{path.name}.idvae-part")
    folder.mkdir(parents=True, exist_ok=True)
    kept = [(original.name, *_state(original)) for original in originals]
    key = hashlib.sha256(json.dumps([meta, kept], sort_keys=True).encode()).hexdigest()
    busy = f"{folder} is being written by another process; wait for it, or pass --name"
    with alone(folder / "lock", busy):
        tables, done = _begun(folder, meta["kind"], key), False
        try:
            noted = first = sum(tables.counts.values())
            if first:
                print(f"continuing {path.name} after {first:,} images", file=sys.stderr)
            for batch in resume(first):
                tables.append(batch)
                total = sum(tables.counts.values())
                if total - noted >= NOTE_EVERY:
                    noted = total
                    _note(folder, {"key": key, **tables.state()})
            yield tables
            done = True
        finally:
            tables.close()
            if done or not (folder / "note.json").is_file():
                shutil.rmtree(folder)


def _state(original: Path) -> tuple[int, int]:
    found = original.stat()
    return found.st_size, found.st_mtime_ns


def _begun(folder: Path, kind: str, key: str) -> Tables:
    """Tables that go on where an earlier process stopped, or empty ones."""
    tables = Tables(folder, kind)
    try:
        state = json.loads((folder / "note.json").read_text(encoding="utf-8"))
        if state["key"] == key and tables.restore(state):
            return tables
    except (OSError, ValueError, KeyError, TypeError):  # no note, or a damaged one
        pass
    tables.close()
    (folder / "note.json").unlink(missing_ok=True)
    return Tables(folder, kind)


def _note(folder: Path, state: dict[str, Any]) -> None:
    with atomic_file(folder / "note.json") as temporary:
        temporary.write_text(json.dumps(state), encoding="utf-8")

"""Writes a prepared set row after row, never holding more than a batch of it."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from idvae.data.prepared import FOLDER, FORMAT
from idvae.data.resuming import unfinished
from idvae.data.rows import Tables
from idvae.data.source import Batch, Resume
from idvae.errors import UserError
from idvae.io.destination import Destination


def write_set(
    path: Path,
    meta: dict[str, Any],
    batches: Iterable[Batch],
    overwrite: bool,
    late: dict[str, Any],
    resume: Resume | None = None,
    inputs: tuple[Path, ...] = (),
) -> None:
    """Write `path` whole or not at all.

    Args:
        path: the folder to make.
        meta: facts for meta.json; counts, checksum and format are added.
        batches: rows, split after split in the order train, validation, test.
        overwrite: replace a set that is there.
        late: facts for meta.json that `batches` fills in while it is read.
        resume: makes the batches from a row on; with it, a write that was killed is continued
            by the next one of the same facts.
        inputs: what `batches` reads from.

    Raises:
        UserError: no image at all, none to train on, another process writes the same set, or
            what is there is not to be replaced.
    """
    destination = Destination(path, overwrite, FOLDER, inputs)
    destination.check()
    if resume is not None:
        with unfinished(path, meta, resume) as tables:
            checksum = tables.finish()
            tables.close()
            with destination.folder() as folder:
                for name in tables.files:
                    (tables.folder / f"{name}.npy").rename(folder / f"{name}.npy")
                _describe(folder, {**meta, **late}, tables, checksum)
        return
    with destination.folder() as folder:
        tables = Tables(folder, meta["kind"])
        try:
            for batch in batches:
                tables.append(batch)
            checksum = tables.finish()
        finally:
            tables.close()
        _describe(folder, {**meta, **late}, tables, checksum)


def _describe(folder: Path, facts: dict[str, Any], tables: Tables, checksum: str) -> None:
    if tables.counts["train"] < 1:
        raise UserError(
            f"{facts['name']}: there is no image to train on, of {sum(tables.counts.values())} "
            "in all; take more images"
        )
    whole = {"format": FORMAT, **facts, "counts": tables.counts, "checksum": checksum}
    text = json.dumps(whole, indent=1, ensure_ascii=False)
    (folder / "meta.json").write_text(text + "\n", encoding="utf-8")

"""Writes a prepared set row after row, never holding more than a batch of it."""

import json
from pathlib import Path
from typing import Any

from idvae.data.prepared import FOLDER, FORMAT, META
from idvae.data.resuming import unfinished
from idvae.data.rows import Tables
from idvae.data.source import Plan
from idvae.errors import UserError
from idvae.io.destination import Destination


def write_set(
    path: Path,
    meta: dict[str, Any],
    plan: Plan,
    overwrite: bool,
    inputs: tuple[Path, ...] = (),
) -> None:
    """Write `path` whole or not at all.

    Args:
        path: the folder to make.
        meta: facts for meta.json; counts, checksum and format are added.
        plan: its batches are rows, split after split in the order train, validation, test. Where
            it can resume, a write that was killed is continued by the next one of the same facts.
        overwrite: replace a set that is there.
        inputs: what the plan reads from.

    Raises:
        UserError: no image at all, none to train on, a name that cannot be written, another
            process writes the same set, or what is there is not to be replaced.
    """
    try:
        _json(meta).encode()
    except UnicodeEncodeError as error:
        raise UserError(
            f"{meta['name']}: a name among its classes or places is not UTF-8 "
            f"({error.object[max(error.start - 20, 0) : error.end + 20]!a}); rename it"
        ) from error
    destination = Destination(path, overwrite, FOLDER, inputs)
    destination.check()
    if plan.resume is not None:
        with unfinished(path, meta, plan.resume, plan.originals) as tables:
            checksum = tables.finish()
            tables.close()
            # All is written before anything leaves: after a full disk it can be gone on with.
            _describe(tables.folder, {**meta, **plan.late}, tables, checksum)
            with destination.folder() as folder:
                for name in (*(f"{name}.npy" for name in tables.files), META):
                    (tables.folder / name).rename(folder / name)
        return
    with destination.folder() as folder:
        tables = Tables(folder, meta["kind"])
        try:
            for batch in plan.batches:
                tables.append(batch)
            checksum = tables.finish()
        finally:
            tables.close()
        _describe(folder, {**meta, **plan.late}, tables, checksum)


def _describe(folder: Path, facts: dict[str, Any], tables: Tables, checksum: str) -> None:
    if tables.counts["train"] < 1:
        raise UserError(
            f"{facts['name']}: there is no image to train on, of {sum(tables.counts.values())} "
            "in all; take more images"
        )
    whole = {"format": FORMAT, **facts, "counts": tables.counts, "checksum": checksum}
    (folder / META).write_text(_json(whole) + "\n", encoding="utf-8")


def _json(facts: dict[str, Any]) -> str:
    return json.dumps(facts, indent=1, ensure_ascii=False)

"""The run folder: where a training writes what it is and what it did.

    config.yaml          everything that made the run: method, options, networks, data, versions,
                         processes
    conditions.npy       conditions of the training split, where the run has one
    metrics.jsonl        one line every `log_every` steps
    checkpoints/STEP/    weights and optimizer state (checkpoints.py)
    samples/, reconstructions/   grids at intervals

Read without torch: reports are made from these files alone.
"""

import json
import math
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from idvae import pretrained
from idvae.data.prepared import SPLITS
from idvae.errors import UserError, exists_already
from idvae.hub.contents import WEIGHTS as WEIGHTS  # of a released model, without checkpoints
from idvae.io import strict_yaml
from idvae.io.arrays import ALONE, ArrayFile
from idvae.io.destination import Destination, Kind
from idvae.io.files import atomic_file, clear_rests, read_bounded
from idvae.io.locks import alone_in, is_held
from idvae.training import judgement, run_config

MOST_METRICS = 1 << 28  # bytes: a million lines and more
MOST_CONDITIONS = 1 << 27


class Run:
    """A run folder that exists.

    Attributes:
        path: the folder.
        config: what config.yaml holds.
    """

    def __init__(self, path: Path, config: dict[str, Any]) -> None:
        self.path = path
        self.config = config

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        config: Mapping[str, Any],
        overwrite: bool = False,
        inputs: tuple[Path, ...] = (),
        fill: Callable[["Run"], None] = lambda run: None,
    ) -> "Run":
        """Make a new run folder; a run that it replaces is removed once the new one is there.

        Args:
            path: the folder.
            config: for config.yaml.
            overwrite: replace a run that is there.
            inputs: what the training reads.
            fill: writes what else the run is to hold from its first moment.

        Raises:
            UserError: as `check_new`.
        """
        path = Path(path)
        destination = cls.check_new(path, overwrite, inputs)
        whole = {"format": run_config.FORMAT, **config}
        if destination is None:  # made by the user, who may stand in it or have mounted it
            fill(cls(path, whole))
            cls(path, whole).write_config()  # last: without it the folder is no run
        else:
            with destination.folder() as folder:
                cls(folder, whole).write_config()
                fill(cls(folder, whole))
        return cls(path, whole)

    @classmethod
    def check_new(
        cls, path: Path, overwrite: bool, inputs: tuple[Path, ...] = ()
    ) -> Destination | None:
        """Where a run can be made at `path`; None for an empty folder, which is taken as it is.

        Raises:
            UserError: it exists and holds anything, and `overwrite` is false, or it holds more
                than a run, or is, holds or lies within an input, and so is not ours to overwrite.
        """
        if path.is_dir() and not any(path.iterdir()):
            return None
        if os.path.lexists(path) and not overwrite:
            raise exists_already(path, f"go on with --resume {path}, choose another --out,")
        destination = Destination(path, overwrite, FOLDER, inputs)
        destination.check()
        cls(path, {}).check_idle()
        return destination

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "Run":
        """Open a run folder, a pretrained model by its name, or one of the hub by its address.

        Raises:
            UserError: no such folder, name or address, not a run, or a config.yaml that cannot be
                read or holds what no run's does.
        """
        if not isinstance(path, str | os.PathLike):
            raise UserError(f"a run is opened by its path or its name, not by {path!r}")
        path = pretrained.find(path)
        file = path / "config.yaml"
        if not path.is_dir():
            raise UserError(f"{path}: no such run folder{pretrained.hint(path)}")
        if not file.is_file():
            raise UserError(f"{path} is not a run folder: it has no config.yaml")
        config = strict_yaml.read_mapping(file)
        run_config.check(config, file)
        return cls(path, config)

    def alone(self) -> AbstractContextManager[None]:
        """Hold the folder while training in it; another process that does so is a UserError."""
        return alone_in(self.path, self._busy)

    def check_idle(self) -> None:
        """Raise UserError where another process trains in the folder."""
        if is_held(self.path):
            raise UserError(self._busy)

    @property
    def _busy(self) -> str:
        return f"another process trains {self.path}; wait for it, or stop it"

    @property
    def is_released(self) -> bool:
        """Whether it is a released model: to be used, and not trained or written to."""
        return bool(self.config.get("released"))

    def write_config(self) -> None:
        with atomic_file(self.path / "config.yaml") as temporary:
            temporary.write_text(strict_yaml.dump(self.config), encoding="utf-8")

    def write_conditions(self, rows: np.ndarray) -> None:
        """Keep conditions to draw from when sampling, shape (N, Y)."""
        with atomic_file(self.path / "conditions.npy") as temporary, temporary.open("wb") as file:
            np.save(file, rows.astype(np.int8), allow_pickle=False)

    def conditions(self) -> np.ndarray:
        """What `write_conditions` kept, float32 (N, Y).

        Raises:
            UserError: it is gone or damaged.
        """
        file = self.path / "conditions.npy"
        wide = len(self.config["condition"]["names"])
        try:
            rows = ArrayFile(file).read(ALONE)
            if rows.dtype != np.int8 or rows.ndim != 2 or rows.shape[1] != wide or not len(rows):
                raise UserError(f"it holds {rows.dtype} of shape {rows.shape}")
            if rows.nbytes > MOST_CONDITIONS:
                raise UserError(f"it holds {len(rows):,} rows")
            return rows.astype(np.float32)
        except UserError as error:
            raise UserError(f"{file} cannot be read ({error}); train the run again") from error

    def processes(self, step: int) -> int:
        """How many processes made a step together; 1 where an older version did not note it."""
        return next(count for last, count in self.processes_until() if step <= last)

    def batch(self, step: int) -> int:
        """Images of a step, of all processes together.

        An older version gave each process a batch of its own.
        """
        size = self.config["options"]["batch_size"]
        return size if self.config.get("batch_of_all") else size * self.processes(step)

    def processes_until(self) -> list[tuple[float, int]]:
        """Last steps and the processes that made all up to them; the last of them is infinite.

        Raises:
            UserError: config.yaml holds what no training writes there.
        """
        now, earlier = self.config.get("processes", 1), self.config.get("processes_until", {})
        numbers = [now, *earlier, *earlier.values()] if isinstance(earlier, dict) else [None]
        if not all(type(number) is int and 0 < number < 2**31 for number in numbers):
            file = self.path / "config.yaml"
            raise UserError(f"{file} is damaged: processes or processes_until is no count")
        return [*sorted(earlier.items()), (math.inf, now)]

    def change_processes(self, step: int, count: int) -> None:
        """Note that the steps after `step` are made by `count` processes."""
        before = self.processes(step)
        if before != count:
            until = {last: n for last, n in self.processes_until() if last < step}
            self.config["processes_until"] = {**until, step: before} if step else until
        self.config["processes"] = count

    @property
    def metrics_file(self) -> Path:
        return self.path / "metrics.jsonl"

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Add one line; it reaches the disk whole or, after a kill, as a cut last line."""
        with self.metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """All lines written so far; a last line cut by a kill is left out.

        Raises:
            UserError: the file is too large, or holds a line that no training writes.
        """
        if not self.metrics_file.exists():
            return []
        rows = []
        data = read_bounded(self.metrics_file, MOST_METRICS)
        for number, line in enumerate(data.split(b"\n"), 1):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                break
            if not _is_row(row):
                raise UserError(
                    f"{self.metrics_file}, line {number}: it is no row of metrics, a step and "
                    "numbers by name; remove that line"
                )
            rows.append(row)
        return rows

    def clear_rests(self) -> None:
        """Remove what a killed call left half-written there; what a living one holds stays."""
        clear_rests(self.path, FOLDER.names)

    def rewind_metrics(self, step: int) -> None:
        """Drop the lines after `step`, which a resumed run writes again."""
        rows = [row for row in self.metrics() if row["step"] <= step]
        if self.metrics_file.exists():
            with atomic_file(self.metrics_file) as temporary:
                temporary.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def checkpoint_steps(folder: Path) -> list[int]:
    """Steps of the checkpoints there, oldest first; half-written ones have other names."""
    if not folder.is_dir():
        return []
    names = (p.name for p in folder.iterdir() if p.is_dir())
    return sorted(int(name) for name in names if name.isascii() and name.isdigit())


def _is_run(folder: Path) -> bool:
    try:
        Run.open(folder)
    except UserError:
        return False
    return True


MODES = "modes.json"  # of `idvae train` on points

# What the training itself and the commands write there unasked.
FOLDER = Kind(
    "a run folder",
    "config.yaml",
    (
        "config.yaml",
        "conditions.npy",
        "metrics.jsonl",
        "checkpoints",
        "checkpoints/[0-9]*[0-9]",
        "frozen.safetensors",
        "samples",
        "samples/[0-9]*[0-9].png",
        "reconstructions",
        "reconstructions/[0-9]*[0-9].png",
        "tensorboard",
        "tensorboard/events.out.tfevents.*",
        "curves.png",
        MODES,
        "scores.json",
        *(f"scores-{split}.json" for split in SPLITS),
        "probe.json",
        judgement.NAME,
        "conditions.md",
    ),
    _is_run,
)


def _is_row(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and type(row.get("step")) is int
        and row["step"] >= 0
        and all(type(v) is float or (type(v) is int and abs(v) < 2**63) for v in row.values())
    )

"""The run folder: where a training writes what it is and what it did.

    config.yaml          everything that made the run: method, options, networks, data, versions
    conditions.npy       conditions of the training split, where the run has one
    metrics.jsonl        one line every `log_every` steps
    checkpoints/STEP/    weights and optimizer state (checkpoints.py)
    samples/, reconstructions/   grids at intervals

Read without torch: reports are made from these files alone.
"""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from idvae.errors import UserError
from idvae.files import atomic_file

FORMAT = 1


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
        cls, path: str | os.PathLike[str], config: Mapping[str, Any], overwrite: bool = False
    ) -> "Run":
        """Make a new run folder.

        Raises:
            UserError: the folder exists and holds anything, and `overwrite` is false, or it is
                not a run and so is not ours to overwrite.
        """
        path = Path(path)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            if not overwrite:
                raise UserError(
                    f"{path} exists already; go on with --resume {path}, choose another --out, "
                    "or pass --overwrite"
                )
            if not (path / "config.yaml").is_file():
                raise UserError(f"{path} is not a run folder, so --overwrite leaves it alone")
            shutil.rmtree(path)
        path.mkdir(parents=True, exist_ok=True)
        run = cls(path, {"format": FORMAT, **config})
        run.write_config()
        return run

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "Run":
        """Open a run folder.

        Raises:
            UserError: no such folder, not a run, or a config.yaml that cannot be read.
        """
        path = Path(path)
        file = path / "config.yaml"
        if not path.is_dir():
            raise UserError(f"{path}: no such run folder")
        if not file.is_file():
            raise UserError(f"{path} is not a run folder: it has no config.yaml")
        try:
            config = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise UserError(f"{file} is damaged: {error}") from error
        missing = {"format", "method", "data", "options"} - set(config or ())
        if not isinstance(config, dict) or missing:
            raise UserError(f"{file} is damaged: it lacks {', '.join(sorted(missing))}")
        if config["format"] != FORMAT:
            raise UserError(f"{file} has format {config['format']}; this version reads {FORMAT}")
        return cls(path, config)

    def write_config(self) -> None:
        with atomic_file(self.path / "config.yaml") as temporary:
            text = yaml.safe_dump(self.config, sort_keys=False, allow_unicode=True)
            temporary.write_text(text, encoding="utf-8")

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
        try:
            rows = np.load(file, allow_pickle=False)
            return rows.astype(np.float32).reshape(
                len(rows), len(self.config["condition"]["names"])
            )
        except (OSError, ValueError, EOFError, TypeError) as error:
            raise UserError(f"{file} cannot be read ({error}); train the run again") from error

    @property
    def metrics_file(self) -> Path:
        return self.path / "metrics.jsonl"

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Add one line; it reaches the disk whole or, after a kill, as a cut last line."""
        with self.metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """All lines written so far; a last line cut by a kill is left out."""
        if not self.metrics_file.exists():
            return []
        rows = []
        for line in self.metrics_file.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                break
        return rows

    def rewind_metrics(self, step: int) -> None:
        """Drop the lines after `step`, which a resumed run writes again."""
        rows = [row for row in self.metrics() if row["step"] <= step]
        if self.metrics_file.exists():
            with atomic_file(self.metrics_file) as temporary:
                temporary.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")

"""What a page is about: runs, their rows, and what models made for it. Arrays, and no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from idvae.evaluate.scores import Scores
from idvae.report.rows import Entry, Row, rows_of
from idvae.report.table import Table, table
from idvae.training.run import Run


@dataclass(frozen=True)
class Ways:
    """Images on ways between codes.

    Attributes:
        images: uint8 (ways, steps, H, W, C); where `real`, the first and last are originals.
        real: whether the ways lead from image to image; else from one random code to another.
    """

    images: np.ndarray
    real: bool


@dataclass(frozen=True)
class Nearest:
    """Samples and the training images that are nearest to them.

    Attributes:
        samples: uint8 (S, H, W, C), those that are shown.
        neighbours: uint8 (S, K, H, W, C), nearest first.
        distances: of all samples that were looked at to their nearest, root mean square a pixel
            and channel, values in [−1, 1].
    """

    samples: np.ndarray
    neighbours: np.ndarray
    distances: np.ndarray


@dataclass(frozen=True)
class Conditional:
    """What a conditional model makes of what it is asked for: the paper's Figure 4.

    Attributes:
        names: of classes or attributes.
        generated: uint8 (names, n, H, W, C): the same codes under each.
        edited: uint8 (images, 2 + names, H, W, C): originals, reconstructions, edits; None of a
            model without an encoder.
        judgement: the table of `idvae judge`, in Markdown; None where it was not judged.
    """

    names: tuple[str, ...]
    generated: np.ndarray
    edited: np.ndarray | None = None
    judgement: str | None = None


@dataclass
class Shown:
    """What models made for the page, by the name of the row; told: what is missing, and why.

    Attributes:
        originals: test images, uint8 (n, H, W, C); None where the data are not at hand.
        of_set: the rows that were trained on their set.
        reconstructions, generations: of them, and samples.
        ways: interpolations.
        nearest: neighbours of samples.
        test_distances: of test images to their nearest training image, as those of samples.
        training_images: how many were searched for neighbours.
        conditional: of conditional rows.
    """

    originals: np.ndarray | None = None
    of_set: set[str] = field(default_factory=set)
    reconstructions: dict[str, np.ndarray] = field(default_factory=dict)
    generations: dict[str, np.ndarray] = field(default_factory=dict)
    ways: dict[str, Ways] = field(default_factory=dict)
    nearest: dict[str, Nearest] = field(default_factory=dict)
    test_distances: np.ndarray | None = None
    training_images: int = 0
    conditional: dict[str, Conditional] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    def lacks_encoder(self, name: str) -> bool:
        """Whether the model of a row is known to have none: its ways are between random codes."""
        return name in self.ways and not self.ways[name].real


@dataclass(frozen=True)
class Subject:
    """All that a page shows.

    Attributes:
        rows: of runs, whether they were scored or not.
        entries: what was scored, one by one.
        scored: rows that have scores, also those of no run.
        table: Table 1; None where nothing was scored.
        against: the row that was chosen before its scores were seen.
        metric: of Table 1.
        preparations: commands that prepare the data.
        command: the line that makes the page again.
        shown: what models made.
        points: what Table 1 is for runs on mixtures of Gaussians, in Markdown.
    """

    rows: tuple[Row, ...]
    entries: tuple[Entry, ...]
    scored: tuple[Row, ...]
    table: Table | None
    against: str | None
    metric: str
    preparations: tuple[str, ...]
    command: str
    shown: Shown
    points: str | None = None

    @property
    def unscored_words(self) -> list[str]:
        """A sentence for each run that has no scores; none for runs on points."""
        scored = {entry.run.path for entry in self.entries if entry.run is not None}
        return [
            f"No scores of {place_of(run)}: it was not evaluated; run: idvae evaluate "
            f"{place_of(run)}."
            for row in self.rows
            for run in row.runs
            if self.points is None and run.path not in scored
        ]

    @property
    def colours(self) -> dict[str, int]:
        """The number of each row's colour, the same in all charts of the page."""
        names = dict.fromkeys([*(r.name for r in self.rows), *(r.name for r in self.scored)])
        return {name: number for number, name in enumerate(names)}


def place_of(run: Run) -> str:
    """What a run is called in commands: its folder, or the name of a released model."""
    return run.path.name if run.is_released else str(run.path)


def grouped(
    entries: Sequence[Entry], blank: Sequence[Entry], ignore: Sequence[str]
) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Rows of all runs, and rows of what was scored; a row has one name in both.

    Args:
        entries: scored ones.
        blank: of runs that were not scored.
        ignore: facts that may differ, as `rows_of` takes them.

    Raises:
        UserError: as `rows_of`.
    """
    runs = [Entry(Scores(e.scores.name, {}, {}), e.run, e.title) for e in entries if e.run]
    whole = rows_of([*runs, *blank], ignore) if runs or blank else []
    named = {run.path: row.name for row in whole for run in row.runs}
    scored = [
        replace(row, scores=replace(row.scores, name=named[row.runs[0].path])) if row.runs else row
        for row in (rows_of(entries, ignore) if entries else [])
    ]
    return tuple(whole), tuple(scored)


def table_of(scored: Sequence[Row], metric: str) -> Table | None:
    """Table 1; None where nothing was scored."""
    return table(scored, metric) if scored else None

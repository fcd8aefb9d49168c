"""What `compare` and `report` are given: runs and scores, and the row that was chosen before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from idvae.cli.parser import Parser
from idvae.errors import UserError

if TYPE_CHECKING:
    from idvae.report.rows import Entry
    from idvae.training.run import Run


def add_comparing(parser: Parser) -> None:
    """What may differ between runs, which row is tested, and where all of it goes."""
    parser.add_argument(
        "--ignore",
        default="",
        metavar="FACTS",
        help="facts that may differ, joined by commas; data is the training data of runs",
    )
    parser.add_argument(
        "--against",
        metavar="METHOD",
        help="test this row against each other one, if it was chosen before its scores were seen; "
        "else the best is, which takes more seeds",
    )
    parser.add_argument("--device", default="cpu", help="where pictures are made: cpu, cuda or mps")
    parser.add_argument("--out", metavar="DIR", required=True, help="a folder for all of it")
    parser.add_argument("--overwrite", action="store_true", help="replace DIR if it is there")


def entry(place: str) -> Entry:
    """The scores of a run or file, and the run where they are of one.

    Raises:
        UserError: nothing there, not scored yet, or damaged.
    """
    from idvae.report.rows import Entry, open_entry

    scores, run = open_entry(Path(place))
    return Entry(scores) if run is None else Entry(scores, run, title_of(run))


def title_of(run: Run) -> str:
    """The title of a run's method."""
    from idvae import methods

    return methods.get(run.config["method"]).title


def runs_on_points(places: Sequence[str]) -> list[tuple[Run, str]]:
    """Runs on points with the titles of their methods; none where images are to be compared.

    Raises:
        UserError: some are on points and others not.
    """
    from idvae.training.run import Run

    runs = [Run.open(p) for p in places if (Path(p) / "config.yaml").is_file()]
    if not any(run.config["data"].get("kind") == "points" for run in runs):
        return []
    if len(runs) < len(places) or any(run.config["data"]["kind"] != "points" for run in runs):
        raise UserError("runs on points and on images cannot be compared; name one kind")
    return [(run, title_of(run)) for run in runs]


def row_named(asked: str | None, rows: Sequence[tuple[str, str | None]]) -> str | None:
    """The name of the row that `--against` names by itself or by its method.

    Args:
        asked: the flag.
        rows: names of rows of runs, and their methods.

    Raises:
        UserError: no row has that name or method, or several have the method.
    """
    if asked is None:
        return None
    found = [name for name, _ in rows if name == asked]
    found = found or [name for name, method in rows if method == asked]
    if len(found) != 1:
        names = ", ".join(repr(name) for name in found or [name for name, _ in rows])
        told = "is no row of runs" if not found else "means several rows"
        raise UserError(f"--against {asked!r} {told}; name one of {names}")
    return found[0]

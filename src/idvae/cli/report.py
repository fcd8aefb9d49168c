"""`idvae report`: one page of runs that opens from disk, and its figures beside it."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from idvae.cli.entries import add_comparing, entry, row_named, runs_on_points, title_of
from idvae.cli.parser import Parser
from idvae.errors import UserError
from idvae.io.destination import Destination, Kind
from idvae.options import listed

if TYPE_CHECKING:
    from idvae.report.page.subject import Subject
    from idvae.report.rows import Entry, Row
    from idvae.training.run import Run

PAGE = "report.html"
MARK = b'<meta name="generator" content="idvae report"'
DEPTH = 3  # folders below one that is given, in which runs are looked for


def run(argv: Sequence[str]) -> None:
    """Write the page, its figures and the options of each row."""
    options = _parser().parse_args(argv)
    given = tuple(Path(place) for place in options.runs)
    out = Destination(Path(options.out), options.overwrite, _kind(), given)
    out.check()
    found = (one for place in options.runs for one in _runs_in(place))
    places = list({Path(one).resolve(): one for one in found}.values())  # each once
    command = shlex.join(["idvae", "report", *argv])
    points = runs_on_points(places)
    subject = _on_points(points, options, command) if points else _of(places, options, command)

    from idvae.report.page import papers, repeat
    from idvae.report.page.document import page

    text = page(subject)
    with out.folder() as folder:
        (folder / PAGE).write_text(text, encoding="utf-8")
        papers.save(folder, subject)
        (folder / repeat.FOLDER).mkdir()
        for name, (_, content) in repeat.files(subject.rows).items():
            (folder / repeat.FOLDER / name).write_text(content, encoding="utf-8")
    print(f"wrote {out.path / PAGE}")


def _kind() -> Kind:
    from idvae.report.page import papers, repeat

    return Kind(
        "a report", PAGE, (PAGE, repeat.FOLDER, f"{repeat.FOLDER}/*.yaml", *papers.NAMES), _is_ours
    )


def _is_ours(folder: Path) -> bool:
    with (folder / PAGE).open("rb") as file:
        return MARK in file.read(2000)


def _parser() -> Parser:
    parser = Parser(
        "report",
        "Make one page of runs that opens from disk, with no server and no network: scores, where "
        "experts disagree, reconstructions, samples over steps, interpolations, the training "
        "images nearest to samples, curves, what the configurations differ in, and how to repeat "
        "it. Its figures lie beside it, for papers.",
    )
    parser.add_argument(
        "runs", metavar="RUN", nargs="+", help="a run, a folder of runs, or a scores.json"
    )
    parser.add_argument("--metric", default="fd", help="what the table of scores shows first")
    add_comparing(parser)
    return parser


def _runs_in(place: str) -> list[str]:
    """The runs that a place means: itself, or those that lie in it.

    Raises:
        UserError: a folder that is no run and holds none.
    """
    folder = Path(place)
    if not folder.is_dir() or (folder / "config.yaml").is_file():
        return [place]
    patterns = ("/".join(["*"] * depth) for depth in range(1, DEPTH + 1))
    found = sorted(
        file.parent for pattern in patterns for file in folder.glob(f"{pattern}/config.yaml")
    )
    if not found:
        raise UserError(f"{place} is no run and holds none; train one: idvae train METHOD")
    return [str(one) for one in found]


def _of(places: Sequence[str], options: Namespace, command: str) -> Subject:
    """What is to be told of runs on images."""
    from idvae.cli.shown import shown
    from idvae.report.page.subject import Subject, grouped, table_of

    entries, blank = [], []
    for place in places:
        one = _entry(place)
        (entries if one.scores.row else blank).append(one)
    ignore = listed(options.ignore)
    rows, scored = grouped(entries, blank, ignore)
    made = table_of(scored, options.metric)
    against = row_named(options.against, [(r.name, r.method) for r in scored if r.runs])
    return Subject(
        rows,
        tuple(entries),
        scored,
        made,
        against,
        options.metric,
        _preparations(rows),
        command,
        shown(rows, options.device),
    )


def _on_points(runs: Sequence[tuple[Run, str]], options: Namespace, command: str) -> Subject:
    """What is to be told of runs on mixtures of Gaussians: modes in the place of scores."""
    from idvae.evaluate.scores import Scores
    from idvae.report import modes
    from idvae.report.page.subject import Shown, Subject, grouped
    from idvae.report.rows import Entry

    counted = modes.modes_rows(runs)
    named = dict.fromkeys((row.name, row.method) for row in counted)
    text = modes.markdown(counted, row_named(options.against, list(named)))
    blank = [Entry(Scores(run.path.name, {}, {}), run, title) for run, title in runs]
    rows, _ = grouped([], blank, ["data"])
    preparations = _preparations(rows)
    return Subject(rows, (), (), None, None, "fd", preparations, command, Shown(), text)


def _entry(place: str) -> Entry:
    """A run with its scores, or with none where it was not evaluated; or scores of no run."""
    from idvae.evaluate.scores import Scores
    from idvae.report.rows import Entry
    from idvae.training.run import Run

    path = Path(place)
    if path.is_file() or (path / "scores.json").is_file():
        return entry(place)
    opened = Run.open(place)
    return Entry(Scores(opened.path.name, {}, {}), opened, title_of(opened))


def _preparations(rows: Sequence[Row]) -> tuple[str, ...]:
    """The commands that prepare the data of rows."""
    from idvae.training.start import data_of, how_to_prepare

    found = {}
    for row in rows:
        facts = {"source": None, **row.runs[0].config["data"]}
        with suppress(UserError):  # where the set is gone, what is asked for by default is taken
            facts["asked"] = data_of(row.runs[0]).meta.get("asked")
        found[how_to_prepare(facts)] = None
    return tuple(found)

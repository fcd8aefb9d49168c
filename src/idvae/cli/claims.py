"""`idvae claims`: what a paper claims, and what runs say of it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from glob import escape
from pathlib import Path

from idvae.cli.parser import Parser
from idvae.errors import UserError
from idvae.io.destination import Destination, Kind

TABLE, ENDINGS = "claims.csv", ("png", "svg")


def run(argv: Sequence[str]) -> None:
    """Print the table of claims, and write it with every comparison, its evidence and figures."""
    options = _parser().parse_args(argv)
    claims_folder, runs = Path(options.claims), Path(options.runs)
    out = Destination(
        Path(options.out), options.overwrite, _kind(Path(options.out)), (claims_folder, runs)
    )
    out.check()

    from idvae.pictures.intervals import save_intervals
    from idvae.report.claims import claim, evidence, page, verdict

    claims = claim.read(claims_folder)
    found = evidence.gather(runs, [part.plan for one in claims for part in one.parts])
    tested = [verdict.found_of(one, found) for one in claims]
    text = page.markdown(tested)
    with out.folder() as folder:
        (folder / "claims.md").write_text(text, encoding="utf-8")
        (folder / TABLE).write_text(page.as_csv(tested), encoding="utf-8")
        found.save(folder / evidence.FILE)
        for one in tested:
            if chart := page.chart(one):
                files = [folder / f"{one.claim.name}.{ending}" for ending in ENDINGS]
                save_intervals(files, chart)
    print(f"{text}\nwrote {out.path}")


def _kind(there: Path) -> Kind:
    """A folder of claims, whose figures bear the names of those in the table that is there."""
    names = []
    if (there / TABLE).is_file():
        try:
            with (there / TABLE).open(encoding="utf-8", newline="") as file:
                names = list(dict.fromkeys(row[0] for row in csv.reader(file) if row))
        except (ValueError, csv.Error) as error:
            raise UserError(f"{there / TABLE} is no table of claims ({error})") from error
    figures = (f"{escape(name)}.{ending}" for name in names for ending in ENDINGS)
    return Kind("a table of claims", "claims.md", ("claims.md", TABLE, "evidence.json", *figures))


def _parser() -> Parser:
    parser = Parser(
        "claims",
        "Say of each claim in a folder of YAML files whether runs make it hold, with tests over "
        "seeds, and how many seeds would decide it where they do not.",
    )
    parser.add_argument("claims", metavar="CLAIMS", help="a folder of claims, one a YAML file")
    parser.add_argument(
        "--runs",
        metavar="RUNS",
        required=True,
        help="a folder with one of runs for each plan, or an evidence.json",
    )
    parser.add_argument("--out", metavar="DIR", required=True, help="a folder for all of it")
    parser.add_argument("--overwrite", action="store_true", help="replace DIR if it is there")
    return parser

"""`idvae compare`: the paper's Table 1 from scores, and whether the experts agree."""

from collections.abc import Sequence
from pathlib import Path

from idvae.cli.parser import Parser
from idvae.errors import UserError
from idvae.files import atomic_folder


def run(argv: Sequence[str]) -> None:
    """Print Table 1 and write it as Markdown, CSV and LaTeX, with the experts' agreement."""
    parser = Parser("compare", "Put scores of several models beside each other.")
    parser.add_argument(
        "scores", metavar="RUN", nargs="+", help="a run that was evaluated, or a scores.json"
    )
    parser.add_argument("--metric", default="fd", help="what the table shows")
    parser.add_argument(
        "--ignore", default="", metavar="FACTS", help="facts that may differ, joined by commas"
    )
    parser.add_argument("--out", metavar="DIR", required=True, help="a folder for the tables")
    parser.add_argument("--overwrite", action="store_true", help="replace DIR if it is there")
    options = parser.parse_args(argv)
    out = Path(options.out)
    if out.exists() and not options.overwrite:
        raise UserError(f"{out} exists already; choose another --out or pass --overwrite")
    if out.exists() and not (out / "table.md").is_file():
        raise UserError(f"{out} is no comparison, so --overwrite leaves it alone")

    from idvae.evaluate.scores import METRICS, Scores
    from idvae.report import table

    scores = [Scores.load(_file(place)) for place in options.scores]
    ignore = [name.strip() for name in options.ignore.split(",") if name.strip()]
    made = table.table(scores, options.metric, ignore)
    words = table.agreement_words(scores, made)
    found = [m for m in METRICS if any(m in row for s in scores for row in s.row.values())]
    text = table.markdown(made)
    if rows := table.reconstructions(scores):
        text += f"\n{rows}"
    with atomic_folder(out, options.overwrite) as folder:
        (folder / "table.md").write_text(text, encoding="utf-8")
        (folder / "table.tex").write_text(table.latex(made), encoding="utf-8")
        everything = [table.as_csv(table.table(scores, m, ignore)) for m in found]
        header = everything[0].splitlines(keepends=True)[0]
        lines = [line for part in everything for line in part.splitlines(keepends=True)[1:]]
        (folder / "table.csv").write_text(header + "".join(lines), encoding="utf-8")
        (folder / "agreement.md").write_text(words, encoding="utf-8")
    print(f"{text}\n{words}\nwrote {out}")


def _file(place: str) -> Path:
    path = Path(place)
    if not path.is_dir():
        return path
    if not (path / "scores.json").is_file():
        raise UserError(f"{path} was not scored yet; run: idvae evaluate {path}")
    return path / "scores.json"

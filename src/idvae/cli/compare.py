"""`idvae compare`: the paper's Table 1, Figure 3 and Table 2 from runs that were evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from idvae.cli.entries import add_comparing, entry, row_named, runs_on_points
from idvae.cli.parser import Parser
from idvae.errors import UserError
from idvae.io.destination import Destination, Kind
from idvae.options import listed

if TYPE_CHECKING:
    from idvae.report.rows import Row
    from idvae.training.run import Run

FOLDER = Kind(
    "a comparison",
    "table.md",
    (
        "table.md",
        "table.tex",
        "table.csv",
        "agreement.md",
        "probe.csv",
        "figure3.png",
        "figure3.svg",
        "table2.png",
    ),
)


def run(argv: Sequence[str]) -> None:
    """Print Table 1 with all that belongs to it, and write it with its pictures."""
    options = _parser().parse_args(argv)
    inputs = tuple(Path(place) for place in options.scores)
    out = Destination(Path(options.out), options.overwrite, FOLDER, inputs)
    out.check()

    if points := runs_on_points(options.scores):
        _compare_modes(points, out, options.against)
        return

    from idvae.report import probe, reconstruction, rows, table, training

    ignore = listed(options.ignore)
    entries = [entry(place) for place in options.scores]
    grouped = rows.rows_of(entries, ignore)
    against = row_named(options.against, [(r.name, r.method) for r in grouped if r.runs])
    made = table.table(grouped, options.metric)
    parts = [table.markdown(made), *(f"{line}\n" for line in training.remarks(grouped))]
    words = table.agreement_words(grouped, made)
    measures = reconstruction.markdown(grouped)
    # What other data hold to be known says nothing of these.
    probed, unprobed = probe.probed_rows([] if "data" in ignore else grouped)
    with out.folder() as folder:
        if measures:
            figures = [folder / f"figure3.{ending}" for ending in ("png", "svg")]
            shown = reconstruction.save_figure(figures, grouped)
            parts += [measures, "![Reconstruction error](figure3.png)\n"] if shown else [measures]
        parts.append(table.significance_words(grouped, made, against))
        if probed:
            parts.append(probe.markdown(probed, unprobed))
            (folder / "probe.csv").write_text(probe.as_csv(probed), encoding="utf-8")
        parts += _table2(folder / "table2.png", grouped, options.device)
        text = "\n".join(parts)
        (folder / "table.md").write_text(text, encoding="utf-8")
        (folder / "table.tex").write_text(table.latex(made), encoding="utf-8")
        (folder / "table.csv").write_text(table.all_as_csv(grouped), encoding="utf-8")
        (folder / "agreement.md").write_text(words, encoding="utf-8")
    print(f"{text}\n{words}\nwrote {out.path}")


def _compare_modes(runs: Sequence[tuple[Run, str]], out: Destination, against: str | None) -> None:
    from idvae.report import modes

    rows = modes.modes_rows(runs)
    named = dict.fromkeys((row.name, row.method) for row in rows)
    text = modes.markdown(rows, row_named(against, list(named)))
    with out.folder() as folder:
        (folder / "table.md").write_text(text, encoding="utf-8")
        (folder / "table.csv").write_text(modes.as_csv(rows), encoding="utf-8")
    print(f"{text}\nwrote {out.path}")


def _parser() -> Parser:
    parser = Parser(
        "compare",
        "Put evaluated models beside each other: scores, cost, reconstructions and pictures. Runs "
        "that differ in their seed alone are one row.",
    )
    parser.add_argument(
        "scores", metavar="RUN", nargs="+", help="a run that was evaluated, or a scores.json"
    )
    parser.add_argument("--metric", default="fd", help="what the table shows")
    add_comparing(parser)
    return parser


def _table2(path: Path, grouped: Sequence[Row], device: str) -> list[str]:
    """Draw Table 2; returns what to write of it: the picture, and who is not in it and why."""
    runs = [row for row in grouped if row.runs]
    if not runs:
        return []
    from idvae.cli.shown import (
        OTHER_DATA,
        first_model,
        is_of,
        originals,
        reconstructed,
        with_test_images,
    )
    from idvae.pictures.mosaic import BLOCK, Strip, save_mosaic
    from idvae.training.distributed import torch_device
    from idvae.training.start import data_of

    torch_device(device)
    try:
        data = with_test_images(data_of(runs[0].runs[0]))
    except UserError as error:
        return [f"No Table 2: {error}.\n"]
    images, chosen = originals(data, BLOCK)
    told, strips = [], []
    for row in runs:
        if not is_of(row, data):
            told.append(f"Not in Table 2: {row.name} ({OTHER_DATA}).\n")
            continue
        try:
            model = first_model(row, device)
            made = reconstructed(model, data, images, chosen)
            strips.append(Strip(row.name, made, model.sample(len(images))))
        except UserError as error:
            told.append(f"Not in Table 2: {row.name} ({error}).\n")
    if not strips:
        return told
    save_mosaic(path, images, strips)
    return ["![Originals, reconstructions, generations](table2.png)\n", *told]

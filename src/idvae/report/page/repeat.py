"""How to repeat it: the commands, and the options of each row as a file."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from idvae.io import strict_yaml
from idvae.report.page.html import Html, join, tag
from idvae.report.page.subject import Subject, place_of
from idvae.report.page.tables import details
from idvae.report.rows import FREE, Entry, Row, newest_step, seed_of
from idvae.training.run_config import FIRST_PHASE

FOLDER = "configurations"  # beside the page
# What says where a run was made, and nothing of what it is; the seed, and the run that
# this one began from, are named in the command.
LEFT_OUT = (*FREE, FIRST_PHASE)


def distinct_stems(names: Sequence[str]) -> list[str]:
    """For each name of a row one for files, without an ending; no two are the same."""
    made: list[str] = []
    for name in names:
        stem = first = re.sub(r"[^\w.-]+", "-", name.lower()).strip("-.")[:60] or "row"
        number = 2
        while stem in made:
            stem, number = f"{first}-{number}", number + 1
        made.append(stem)
    return made


def files(rows: Sequence[Row]) -> dict[str, tuple[Row, str]]:
    """The options of each row by the name of a file for --config."""
    made: dict[str, tuple[Row, str]] = {}
    for stem, row in zip(distinct_stems([row.name for row in rows]), rows, strict=True):
        run = row.runs[0]
        kept = {k: v for k, v in run.config["options"].items() if k not in LEFT_OUT}
        if "batch_size" in kept:  # older versions had that of one process
            kept["batch_size"] = run.batch(run.processes_until()[-1][0])
        made[f"{stem}.yaml"] = (row, strict_yaml.dump(kept))
    return made


def section(subject: Subject) -> Html:
    """Commands from the data to this page, and the files that they name."""
    scored = {entry.run.path: entry for entry in subject.entries if entry.run is not None}
    lines = list(subject.preparations)
    made = files(subject.rows)
    for file, (row, _) in made.items():
        for run in row.runs:
            config = run.config
            words = ["idvae", "train", config["method"], "--data", config["data"]["name"]]
            words += ["--no-recipe", "--config", f"{FOLDER}/{file}", "--seed", str(seed_of(run))]
            if first := config["options"].get(FIRST_PHASE):
                words += ["--pretrained", str(first)]
            words = _torchrun(run.processes_until()[-1][1], words)
            lines.append(shlex.join([*words, "--out", place_of(run)]))
            if run.path in scored:
                lines.append(shlex.join(_evaluation(scored[run.path])))
    lines.append(subject.command)
    shown = [details(file, tag("pre", tag("code", text))) for file, (_, text) in made.items()]
    told = (
        f"The files of options lie beside this page, in {FOLDER}/, and here, folded. The same "
        "versions on a processor of the same kind give the same bits. What scores do not keep, "
        "such as the files of one's own experts and weights, or --true-data, is to be added to "
        "idvae evaluate."
    )
    commands = tag("pre", tag("code", "\n".join(lines)), tabindex="0", role="group",
                   aria_label="commands")  # fmt: skip
    return join(tag("p", told), commands, shown)


def _torchrun(processes: int, words: list[str]) -> list[str]:
    if processes == 1:
        return words
    return ["torchrun", "--nproc-per-node", str(processes), "-m", *words]


def _other_reference(entry: Entry) -> str | None:
    """The real side of scores where that is not the set that the run was trained on."""
    told = entry.scores.about.get("reference")
    place = told.rpartition(", ")[0] if told and told.endswith(" split") else told
    return None if place == entry.run.config["data"]["name"] else place


def _evaluation(entry: Entry) -> list[str]:
    scores, facts = entry.scores, entry.scores.facts
    words = ["idvae", "evaluate", place_of(entry.run)]
    words += ["--experts", ",".join(facts.get("experts") or scores.row)]
    words += ["-n", str(facts["n"])] if "n" in facts else []
    reference, step = facts.get("reference") or {}, scores.about.get("step")
    for flag, value in (
        ("--step", None if step == newest_step(entry.run) else step),
        ("--reference", _other_reference(entry)),
        ("--split", reference.get("split")),
        ("--reference-n", reference.get("n")),
        ("--repeats", scores.about.get("repeats")),
        ("--seed", facts.get("seed")),
        ("--metrics", ",".join(dict.fromkeys(m for found in scores.row.values() for m in found))),
    ):
        words += [flag, str(value)] if value else []
    return words

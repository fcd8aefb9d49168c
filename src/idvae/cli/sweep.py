"""`idvae sweep`: many runs from one YAML file."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idvae.cli import evaluate, judge
from idvae.cli.launching import add_launcher, launcher_of
from idvae.cli.parser import Parser
from idvae.errors import ERROR, INTERRUPTED, UserError
from idvae.evaluate.scores import Scores
from idvae.options import listed
from idvae.training import judgement

if TYPE_CHECKING:
    from idvae.sweep.jobs import Job

USAGE = """idvae sweep FILE.yaml --out DIR [options]
       idvae sweep --status DIR"""


def run(argv: Sequence[str]) -> int:
    """Make every run that is not there; 1 where one failed, 130 where it was interrupted."""
    parser = Parser(
        "sweep",
        "Train methods × data × seeds from one YAML file, on this machine or as jobs of a cluster. "
        "What is finished is left alone, what was begun goes on; `idvae compare` puts the runs "
        "beside each other.",
        usage=USAGE,
    )
    parser.add_argument(
        "plan",
        metavar="FILE.yaml",
        nargs="?",
        help="methods, data, seeds, config, options, evaluate, and budget: multiply-adds of a "
        "training (7e12), from which each method's steps follow",
    )
    parser.add_argument("--out", metavar="DIR", help="a folder for all runs")
    parser.add_argument(
        "--status", metavar="DIR", help="print how far the runs there are, and make none"
    )
    parser.add_argument("--rows", metavar="NAMES", default="", help="these rows of the plan alone")
    parser.add_argument(
        "--seeds", metavar="NUMBERS", default="", help="these seeds of the plan alone"
    )
    add_launcher(parser)
    options = parser.parse_args(argv)
    if options.status is not None:
        if options.plan is not None or options.out is not None or options.rows or options.seeds:
            raise UserError("--status DIR stands alone; leave out the plan, --out, --rows, --seeds")
        from idvae.sweep import status

        print("\n".join(status.table(Path(options.status))))
        return 0
    if options.plan is None or options.out is None:
        raise UserError(
            "say which FILE.yaml and --out DIR, or --status DIR; see idvae sweep --help"
        )
    file = plan_file(options.plan)

    from idvae.sweep.jobs import jobs
    from idvae.sweep.plan import Plan

    plan = Plan.read(file).part(listed(options.rows), _numbers(options.seeds))
    launcher = launcher_of(options)
    out = Path(options.out)
    made = jobs(plan, out)
    check_scoring(made)
    warn_of_others(made)
    failed, undone = launcher.launch(made, out, tell)
    if undone:
        print(f"stopped, {len(undone)} runs are not finished; the same command goes on")
        return INTERRUPTED
    if failed:
        print(f"{ERROR}{len(failed)} runs failed; see the .log beside each", file=sys.stderr)
    return 1 if failed else 0


def _numbers(seeds: str) -> list[int]:
    if not all(seed.isascii() and seed.isdigit() for seed in listed(seeds)):
        raise UserError(f"--seeds {seeds} are no whole numbers joined by commas")
    return [int(seed) for seed in listed(seeds)]


def plan_file(place: str) -> Path:
    """The file of a plan.

    Raises:
        UserError: it is not there.
    """
    file = Path(place)
    if not file.is_file():
        raise UserError(f"{file}: no such file")
    return file


def check_scoring(jobs: Sequence["Job"]) -> None:
    """Check what is to be asked of `evaluate` and `judge`, before anything is trained.

    Raises:
        UserError: a flag that is not there or out of range, points that are to be scored, a step
            that is not reached, or a run without a condition that is to be judged.
    """
    from idvae.training import start

    for job in jobs[:1]:
        evaluate.check(evaluate.parser().parse_args([str(job.path), *job.scoring()]))
        judge.parser().parse_args([str(job.path), *job.judging()])
    for name in {job.data for job in jobs if job.evaluate is not None and job.left}:
        if start.open_data(name).kind == "points":
            raise UserError(
                f"{name} holds points, which experts do not look at; leave out evaluate"
            )
    for job in jobs:
        if (step := (job.evaluate or {}).get("step")) is not None and step > job.steps:
            raise UserError(
                f"evaluate, step {step:,}: {job.path.name} has {job.steps:,} steps; leave it out"
            )
        if job.judge is not None and job.settings.train.condition is None:
            raise UserError(
                f"{job.path.name} has no condition to be judged by; give it one, or leave out judge"
            )


def warn_of_others(jobs: Sequence["Job"]) -> None:
    """Tell of runs there that are not as the plan would make and score them."""
    remarks = [line for job in jobs for line in job.remarks]
    for line in (*remarks, *scored_otherwise(jobs), *judged_otherwise(jobs)):
        print(f"idvae: warning: {line}", file=sys.stderr)


def scored_otherwise(jobs: Sequence["Job"]) -> Iterator[str]:
    """A line where finished runs were scored with other flags than the plan has now.

    They are left alone: someone may have scored them so by hand.
    """
    scored = [job for job in jobs if job.evaluate is not None and job.goal.is_scored]
    asked: dict[str, Any] = {}
    for job in scored:
        try:
            asked[job.path.name] = Scores.load(job.scores).about.get("asked")
        except UserError:  # compare tells it
            continue
    if scored:  # the flags of a plan are those of all its runs
        flags = [str(scored[0].path), *scored[0].scoring()]
        wanted = evaluate.asked_of(evaluate.parser().parse_args(flags))
        yield from _asked_otherwise(asked, wanted, "scored", "evaluate")


def judged_otherwise(jobs: Sequence["Job"]) -> Iterator[str]:
    """The same of what judged them."""
    judged = [job for job in jobs if job.judge is not None and job.goal.is_judged]
    asked: dict[str, Any] = {}
    for job in judged:
        try:
            found = judgement.read(job.path) or {"facts": {}}
        except UserError:  # the card and the report tell it
            continue
        asked[job.path.name] = found["facts"].get("asked")
    if judged:
        flags = [str(judged[0].path), *judged[0].judging()]
        wanted = judge.asked_of(judge.parser().parse_args(flags))
        yield from _asked_otherwise(asked, wanted, "judged", "judge")


def _asked_otherwise(
    found: Mapping[str, Any], wanted: Mapping[str, Any], done: str, command: str
) -> Iterator[str]:
    """A line for each set of flags that differ: the run names that were `done` so before.

    Args:
        found: what was asked then, by the name of the run.
        wanted: what the plan asks.
        done: "scored" or "judged".
        command: of idvae, that does it again.
    """
    others: dict[str, list[str]] = {}
    for name, asked in found.items():
        # Those of before say nothing, and no stranger's word is taken for a mapping.
        if isinstance(asked, dict) and asked != wanted:
            differ = [flag for flag in wanted if asked.get(flag) != wanted[flag]]
            others.setdefault(", ".join(differ), []).append(name)
    for flags, names in others.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield (
            f"{names[0]}{more}: {done} before with another {flags} than the plan has; idvae "
            f"{command} with --overwrite does it again"
        )


def tell(line: str) -> None:
    print(line, flush=True)

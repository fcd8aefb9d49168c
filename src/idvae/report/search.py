"""What a search found: every trial, and the best of each method as a file of options.

    search.json, search.md      every trial: options, steps, multiply-adds, scores
    best/METHOD.yaml            all options of a method's best trial, for --config

They are written anew from the run folders at every call.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from idvae.errors import UserError
from idvae.evaluate.scores import METRICS, Scores, differences
from idvae.io import strict_yaml
from idvae.io.files import atomic_file
from idvae.report.rows import FREE
from idvae.report.table import ERROR
from idvae.report.training import macs_of_steps, with_unit
from idvae.sweep.jobs import Job
from idvae.sweep.search import SPLIT, Search, Trial
from idvae.training.run import Run

FORMAT = 1


@dataclass(frozen=True)
class Result:
    """What came out of a trial.

    Attributes:
        method, trial: which; 0 is the defaults.
        options: those that were drawn.
        runs: its folders, within that of the search.
        state: done, failed (its training diverged, say), or unfinished.
        steps: of its training.
        macs: multiply-adds of one training; None where none was begun.
        score: the objective, the mean over seeds; None where it is not done: the worst.
        scores: of each seed.
        reconstruction: squared error an image, of a method that encodes.
    """

    method: str
    trial: int
    options: dict[str, Any]
    runs: list[str]
    state: Literal["done", "failed", "unfinished"]
    steps: int
    macs: int | None
    score: float | None
    scores: list[float]
    reconstruction: float | None


def results(
    search: Search, trials: Sequence[Trial], out: Path, failed: Sequence[Job] = ()
) -> list[Result]:
    """What came out of every trial, as far as it is finished.

    Args:
        search, trials: what was asked for.
        out: the folder of the search.
        failed: jobs that the launcher could not bring to their end.

    Raises:
        UserError: scores that do not hold the objective, or that cannot be compared.
    """
    found = {id(t): [Scores.load(job.scores) for job in t.jobs if not job.left] for t in trials}
    _check_comparable([(t, scores) for t in trials for scores in found[id(t)]])
    return [_result(search, trial, found[id(trial)], out, failed) for trial in trials]


def best(search: Search, results: Iterable[Result], method: str) -> Result | None:
    """The best trial of a method that is done; the earlier of two that are alike."""
    less = METRICS[search.metric][1]
    done = [(r.score, r) for r in results if r.method == method and r.score is not None]
    return min(done, key=lambda pair: pair[0] if less else -pair[0])[1] if done else None


def write(search: Search, trials: Sequence[Trial], found: Sequence[Result], out: Path) -> None:
    """Write search.json, search.md and best/.

    Raises:
        UserError: a file of one of these names is there that no search wrote, or another search.
    """
    file = out / "search.json"
    _check_ours(file, search)
    content = {
        "format": FORMAT,
        "data": search.plan.data[0],
        "split": SPLIT,
        "objective": {"expert": search.expert, "metric": search.metric},
        "budget": search.plan.budget,
        "seeds": search.plan.seeds,
        "trials": search.trials,
        "search_seed": search.seed,
        "best": {m: r.trial if (r := best(search, found, m)) else None for m in search.spaces},
        "results": [asdict(result) for result in found],
    }
    _save(file, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    _save(out / "search.md", _page(search, found))
    for method in search.spaces:
        if winner := best(search, found, method):
            (trial,) = (t for t in trials if (t.method, t.number) == (method, winner.trial))
            _save(out / "best" / f"{method}.yaml", _recipe(search, trial, winner, found))


def _result(
    search: Search, trial: Trial, scores: Sequence[Scores], out: Path, failed: Sequence[Job]
) -> Result:
    done = len(scores) == len(trial.jobs)
    values = [_objective(search, trial, one) for one in scores]
    errors = [one.reconstruction["values"][ERROR]["mean"] for one in scores if one.reconstruction]
    steps, run = max(max(j.steps, j.reached or 0) for j in trial.jobs), _run(trial)
    return Result(
        trial.method,
        trial.number,
        trial.options,
        [job.path.relative_to(out).as_posix() for job in trial.jobs],
        "done" if done else "failed" if any(j in failed for j in trial.jobs) else "unfinished",
        steps,
        macs_of_steps(run, steps) if run else None,
        sum(values) / len(values) if done else None,
        values,
        sum(errors) / len(errors) if done and len(errors) == len(scores) else None,
    )


def _run(trial: Trial) -> Run | None:
    return next((Run.open(job.path) for job in trial.jobs if job.reached is not None), None)


def _objective(search: Search, trial: Trial, scores: Scores) -> float:
    found = scores.row.get(search.expert, {}).get(search.metric)
    if found is None:
        there = ", ".join(f"{metric} by {e}" for e, row in scores.row.items() for metric in row)
        raise UserError(
            f"the scores of {trial.name} hold no {search.metric} by {search.expert}: {there}; "
            "change the objective, or remove those scores and call again"
        )
    return found.mean


def _check_comparable(scored: Sequence[tuple[Trial, Scores]]) -> None:
    """Versions may differ: a search goes on after an update."""
    for trial, scores in scored[1:]:
        first, one = scored[0]
        told = [name for name in differences(one, scores) if not name.startswith("versions.")]
        if told:
            raise UserError(
                f"{first.name} and {trial.name} were scored in different ways ({told[0]}); remove "
                "the scores of one, which are then made again"
            )


def _check_ours(file: Path, search: Search) -> None:
    if not file.exists():  # it is the first that a search writes
        for other in (file.with_name("search.md"), file.with_name("best")):
            if other.exists():
                raise UserError(f"{other} is not of a search; choose another --out")
        return
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        there = {name: found[name] for name in ("data", "search_seed")}
        methods = set(found["best"])
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{file} is not of a search; choose another --out") from error
    asked = {"data": search.plan.data[0], "search_seed": search.seed}
    differing = [
        f"{name}: {there[name]}, and the plan has {asked[name]}"
        for name in asked
        if there[name] != asked[name]
    ]
    if methods and not methods & set(search.spaces):
        differing.append(f"method: {min(methods)}, and the plan has none of that name")
    if differing:
        raise UserError(f"{file} is of another search ({differing[0]}); choose another --out")


def _save(file: Path, text: str) -> None:
    with atomic_file(file) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _finished(search: Search, found: Iterable[Result], method: str) -> str:
    over = sum(r.method == method and r.state != "unfinished" for r in found)
    return f"{over} of {search.trials}" if over < search.trials else f"{search.trials}"


def _recipe(search: Search, trial: Trial, winner: Result, found: Iterable[Result]) -> str:
    options = Run.open(trial.jobs[0].path).config["options"]  # with the fall of its rates
    kept = {name: value for name, value in options.items() if name not in FREE}
    asked = search.plan.options_of(trial.method, trial.options)
    # A first phase is each seed's own: the run has its seed's filled in.
    kept |= {k: v for k, v in asked.items() if k in kept and isinstance(v, str) and "{" in v}
    told = (
        f"# The best of {_finished(search, found, trial.method)} trials of {trial.method} on "
        f"{search.plan.data[0]}: {trial.name},\n# {search.metric} {winner.score:.4g} by "
        f"{search.expert} on the {SPLIT} split.\n"
    )
    return told + strict_yaml.dump(kept)


def _page(search: Search, found: Sequence[Result]) -> str:
    plan, title = search.plan, f"{search.metric} by {search.expert}"
    budget = f" of {with_unit(plan.budget)} multiply-adds" if plan.budget else ""
    less = "lower" if METRICS[search.metric][1] else "higher"
    lines = [
        f"# A search on {plan.data[0]}",
        "",
        f"{search.trials} trials of each method{budget}, the first with its defaults; seeds "
        f"{', '.join(map(str, plan.seeds))}. The objective is {title} on the {SPLIT} split, {less} "
        "is better; the error is the squared one of reconstructions, an image. A trial that failed "
        "counts as the worst.",
        "",
        f"| method | trials | best | {title} | its defaults | error | options |",
        "|---|---:|---|---:|---:|---:|---|",
    ]
    for method in search.spaces:
        winner = best(search, found, method)
        first = next(r for r in found if (r.method, r.trial) == (method, 0))
        told = [method, _finished(search, found, method), "–", "–", _number(first.score), "–", "–"]
        if winner:
            told[2:4] = f"t{winner.trial}", f"**{_number(winner.score)}**"
            told[5:] = _number(winner.reconstruction), _options(winner.options)
        lines.append(f"| {' | '.join(told)} |")
    for method in search.spaces:
        lines += ["", f"## {method}", ""]
        lines += [f"| trial | {title} | error | steps | multiply-adds | options |"]
        lines += ["|---|---:|---:|---:|---:|---|"]
        lines += [_line(result) for result in found if result.method == method]
    return "\n".join(lines) + "\n"


def _line(result: Result) -> str:
    cells = [
        f"t{result.trial}",
        _number(result.score) if result.state == "done" else result.state,
        _number(result.reconstruction),
        f"{result.steps:,}",
        with_unit(result.macs) if result.macs else "–",
        _options(result.options),
    ]
    return f"| {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _options(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in options.items()) or "defaults"

"""How far the runs of a sweep are, by their folders alone.

OUT/.sweep.yaml holds what the last call of a sweep asked for: which runs, how many steps, which
scores. Everything else is looked up in the folders when it is asked.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from idvae.errors import UserError
from idvae.io import strict_yaml
from idvae.io.files import atomic_file
from idvae.io.locks import is_held
from idvae.sweep.goal import Goal

FILE = ".sweep.yaml"  # hidden: a user's plan may lie there under the plain name
LOCK = ".lock"  # of the sweep that works in a folder
WORST_FIRST = ("failed", "running", "waiting", "finished", "scored")


def write(goals: Iterable[Goal], out: Path) -> None:
    """Note what is asked for of the runs in `out`."""
    runs = [
        {"path": goal.path.relative_to(out).as_posix(), "steps": goal.steps}
        | ({"scores": goal.scores} if goal.scores else {})
        | ({"step": goal.step} if goal.step is not None else {})
        | ({"judged": True} if goal.judged else {})
        | ({"counted": True} if goal.counted else {})
        for goal in goals
    ]
    with atomic_file(out / FILE) as temporary:
        temporary.write_text(strict_yaml.dump({"runs": runs}), encoding="utf-8")


def read(out: Path) -> list[Goal]:
    """What was asked for.

    Raises:
        UserError: no sweep began there, or the file holds what none writes.
    """
    file = out / FILE
    if not file.is_file():
        raise UserError(
            f"{out}: no sweep began there; idvae sweep FILE.yaml --out {out} begins one"
        )
    runs = strict_yaml.read_mapping(file).get("runs")
    if not isinstance(runs, list) or not all(_is_run(run) for run in runs):
        raise UserError(f"{file} is damaged; the sweep called again writes it anew")
    return [
        Goal(
            out / run["path"],
            run["steps"],
            run.get("scores"),
            run.get("step"),
            run.get("judged", False),
            run.get("counted", False),
        )
        for run in runs
    ]


def _is_run(run: Any) -> bool:
    if not isinstance(run, dict):
        return False
    path, scores = run.get("path"), run.get("scores", "x")
    return (
        isinstance(path, str)
        and not Path(path).is_absolute()
        and ".." not in Path(path).parts
        and Path(path).name != ""
        and isinstance(scores, str)
        and len(Path(scores).parts) == 1
        and type(run.get("steps")) is int
        and type(run.get("step", 0)) is int
        and type(run.get("judged", False)) is bool
        and type(run.get("counted", False)) is bool
    )


def table(out: Path) -> list[str]:
    """Lines: how many runs are in each state, then a line a run.

    Raises:
        UserError: as `read`, or a run there cannot be read.
    """
    goals = read(out)
    rows = [(goal, goal.state) for goal in goals]
    counts = Counter(state for _, state in rows)
    told = ", ".join(f"{counts[state]} {state}" for state in WORST_FIRST if counts[state])
    at_work = "a sweep works there" if is_held(out / LOCK) else "no sweep works there"
    names = {goal.path: goal.path.relative_to(out).as_posix() for goal in goals}
    wide = max(map(len, names.values()), default=0)
    lines = [f"{len(goals)} runs in {out}: {told}; {at_work}"]
    for goal, state in rows:
        steps = f"{goal.step_now:,}/{goal.steps:,}"
        why = f"  {goal.log.failure}" if state == "failed" else ""
        lines.append(f"{names[goal.path]:<{wide}}  {state:<8}  {steps:>15}{why}")
    return lines

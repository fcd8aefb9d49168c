"""The runs that a plan means: where each lies, its options, and what is left to do for it.

A run lies at OUT/DATA/METHOD-seedS. One that is finished is left alone, one that was begun goes
on from its newest checkpoint.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from idvae.data.conditions import Condition
from idvae.data.prepared import PreparedSet
from idvae.errors import UserError
from idvae.evaluate.scores import file_name
from idvae.networks import resolved
from idvae.options import flag_of
from idvae.sweep.goal import Goal, Left
from idvae.sweep.plan import Plan
from idvae.sweep.task import Task
from idvae.training import settings, start
from idvae.training.build import data_shape, planned_method
from idvae.training.flops import steps_within
from idvae.training.run import Run, checkpoint_steps
from idvae.training.run_config import FIRST_PHASE, OF_THE_MACHINE, OF_THE_RECORD
from idvae.training.settings import Settings

# Options that a run of a plan may have been made with otherwise.
MAY_CHANGE = ("steps", *OF_THE_MACHINE, *OF_THE_RECORD)


@dataclass
class Job:
    """One run of a sweep.

    Attributes:
        method, data, seed: what it is.
        path: the run folder; beside it lies a log of what its commands printed.
        settings: all its options.
        evaluate: flags of `idvae evaluate` by name; None where it is not to be scored.
        judge: the same of `idvae judge`.
        counted: whether its training counts modes, as on points.
        remarks: lines on what a run there has otherwise than the plan, and keeps.
    """

    method: str
    data: str
    seed: int
    path: Path
    settings: Settings
    evaluate: dict[str, Any] | None = None
    judge: dict[str, Any] | None = None
    counted: bool = False
    remarks: tuple[str, ...] = ()

    @property
    def steps(self) -> int:
        return self.settings.train.steps

    @property
    def goal(self) -> Goal:
        """What it is to reach, and how far it is."""
        asked = self.evaluate or {}
        scores = None if self.evaluate is None else file_name(asked.get("split"))
        judged = self.judge is not None
        return Goal(self.path, self.steps, scores, asked.get("step"), judged, self.counted)

    @property
    def reached(self) -> int | None:
        """The step of the newest checkpoint; 0 where there is none, None where there is no run."""
        return self.goal.reached

    @property
    def left(self) -> Left | None:
        """The command of idvae that brings it further; None where it is finished."""
        return self.goal.left

    @property
    def scores(self) -> Path:
        """Where its scores lie."""
        return self.path / file_name((self.evaluate or {}).get("split"))

    @property
    def task(self) -> Task:
        """The same as commands of idvae, for a launcher."""
        options = ("--data", self.data, "--out", str(self.path), "--overwrite", "--no-recipe")
        begin = (self.method, *options, *self._options())
        scoring, judging = self.scoring(), self.judging()
        threads = self.settings.train.threads
        return Task(self.goal, begin, tuple(scoring), tuple(judging), threads)

    def command(self, device: str, threads: int) -> list[str]:
        """What brings it further, as a person would type it; nothing where it is finished.

        Args:
            device, threads: of a training.
        """
        return self.task.command(device, threads)

    def scoring(self) -> list[str]:
        """The flags of its evaluation."""
        return _flags(self.evaluate)

    def judging(self) -> list[str]:
        """The flags of its judgement."""
        return _flags(self.judge)

    def _options(self) -> list[str]:
        """All its options, as flags of `idvae train`."""
        flags = []
        for name, value in self.settings.options().items():
            flag = "--" + name.replace("_", "-")
            if name in ("device", "threads") or value is None:
                continue
            flags.append(f"{flag}={json.dumps(value) if not isinstance(value, str) else value}")
        return flags


def jobs(plan: Plan, out: Path) -> list[Job]:
    """Every run of a plan, seeds outermost, so that a sweep that is cut compares something.

    Data sets are prepared here, once, where that is needed.

    Raises:
        UserError: a mistake in an option, or a run there that was made with others.
    """
    sets = {name: start.open_data(name) for name in plan.data}
    by_name: dict[str, str] = {}
    for asked, prepared in sets.items():  # a set's own name is that of its folder in a sweep
        if prepared.name in by_name:
            raise UserError(
                f"the data {by_name[prepared.name]} and {asked} of the plan are both named "
                f"{prepared.name}; leave one out"
            )
        by_name[prepared.name] = asked
    chosen = {
        (name, method): planned(options_of(plan, method, prepared), prepared, plan.budget)
        for name, prepared in sets.items()
        for method in plan.methods
    }
    made = [
        job(chosen[name, method], seed, name, prepared, out / prepared.name / method, plan)
        for seed in plan.seeds
        for name, prepared in sets.items()
        for method in plan.methods
    ]
    _check_first_phases_rest(made)
    return made


def _check_first_phases_rest(made: Sequence[Job]) -> None:
    """A run that is begun must not go on from a first one that the same plan trains further."""
    trained = {one.path.resolve() for one in made if one.left == "train"}
    for one in made:
        first = getattr(one.settings.method_config, FIRST_PHASE, None)
        if one.reached and first is not None and Path(first).resolve() in trained:
            raise UserError(
                f"{one.path} started from {first}, which this plan trains further; choose another "
                "--out, or remove that run"
            )


def options_of(
    plan: Plan, name: str, prepared: PreparedSet, tried: Mapping[str, Any] | None = None
) -> Settings:
    """All options of a method's runs on a set, with the first seed.

    Args:
        plan: which says them.
        name: the method's in the plan.
        prepared: what is trained on.
        tried: options on top.

    Raises:
        UserError: an unknown option, or a value of a wrong type or out of range.
    """
    method = plan.method_of(name)
    recipes = [] if plan.config_of(name) else start.recipes_of(method, prepared)
    asked = {**plan.options_of(name, tried), "seed": plan.seeds[0]}
    return settings.from_mapping(method, asked, recipes)


def planned(chosen: Settings, prepared: PreparedSet, budget: float | None) -> Settings:
    """The same with what the data decide, the steps that a budget allows, and all checked.

    Args:
        chosen: as `options_of` gives them.
        prepared: what is trained on.
        budget: multiply-adds of a training, which decide its steps; None leaves them.

    Raises:
        UserError: what only a built method can tell.
    """
    shape = data_shape(prepared, Condition.of(prepared, chosen.train.condition))
    chosen = replace(chosen, networks=resolved(chosen.networks, shape))
    method = planned_method(chosen, shape)
    if budget is not None:
        steps = steps_within(budget, method, chosen.train.batch_size)
        chosen = replace(chosen, train=replace(chosen.train, steps=steps))
    chosen.train.check(tuple(method.groups))
    return chosen


def job(
    chosen: Settings,
    seed: int,
    data: str,
    prepared: PreparedSet,
    place: Path,
    plan: Plan,
) -> Job:
    """The run with these options and a seed, at PLACE-seedS.

    Args:
        chosen: as `planned` gives them.
        seed: in place of theirs.
        data, prepared: the set, as the plan names it, and open.
        place: the run folder without its seed.
        plan: which says how it is scored and judged.

    Raises:
        UserError: a run is there that was made with other options or data.
    """
    chosen = replace(
        chosen,
        method_config=_of_run(chosen.method_config, prepared.name, seed),
        train=replace(chosen.train, seed=seed),
    )
    path = place.with_name(f"{place.name}-seed{seed}")
    counted = "modes" in prepared.meta
    made = Job(chosen.method, data, seed, path, chosen, plan.evaluate, plan.judge, counted)
    if made.reached is not None:
        made.remarks = tuple(_remarks(made, _checked_same(made, prepared.checksum)))
    return made


def _of_run(config: Any, data: str, seed: int) -> Any:
    """A method's options with {data} and {seed} filled in, in texts such as a first run's path."""
    texts = {f.name: getattr(config, f.name) for f in fields(config)}
    return replace(
        config,
        **{
            name: text.replace("{data}", data).replace("{seed}", str(seed))
            for name, text in texts.items()
            if isinstance(text, str)
        },
    )


def _checked_same(job: Job, checksum: str) -> dict[str, Any]:
    """A run that is there must be the one that the plan would make; more steps may be asked.

    Returns:
        its options.
    """
    reached = job.reached or 0
    if reached > job.steps:
        raise UserError(
            f"{job.path} is at step {reached:,}, beyond the plan's {job.steps:,}; choose "
            "another --out, or remove that run"
        )
    run = Run.open(job.path)
    if not reached and (results := sorted(job.path.glob("*.json"))):
        raise UserError(
            f"{job.path} has {results[0].name} and no checkpoint, so it would be trained anew and "
            "that lost; choose another --out, or remove that run"
        )
    if run.config["method"] != job.method:
        raise UserError(
            f"{job.path} was made by {run.config['method']}, not by the plan's {job.method}; "
            "choose another --out, or remove that run"
        )
    asked = job.settings.options()
    there = settings.completed(job.method, run.config["options"])
    for name in MAY_CHANGE:
        asked.pop(name)
    if asked["lr_steps"] is None:
        asked.pop("lr_steps")  # a run that went on with more steps notes how it was planned
    _check_first_phase(run)
    differing = [name for name in asked if asked[name] != there.get(name)]
    if run.config["data"]["checksum"] != checksum:
        differing.append("data")
    if differing:
        raise UserError(
            f"{job.path} was made with other {differing[0]} than the plan's; choose another --out, "
            "or remove that run"
        )
    return there


def _remarks(job: Job, there: Mapping[str, Any]) -> Iterator[str]:
    """Lines on options by which a run there stays, or goes on, and the plan has otherwise."""
    asked = job.settings.options()
    if asked["lr_steps"] is None and there["lr_steps"] not in (None, job.steps):
        yield (
            f"{job.path.name}: its learning rates fell over {there['lr_steps']:,} steps, and "
            f"those of a new run fall over all {job.steps:,}"
        )
    kept = [name for name in OF_THE_RECORD if asked[name] != there[name]]
    if job.left == "train" and kept:
        told = ", ".join(f"{flag_of(name)} {there[name]}" for name in kept)
        yield f"{job.path.name}: it goes on with its own {told}, not with the plan's"


def _check_first_phase(run: Run) -> None:
    """What a run started from must not have gone on meanwhile, as with a larger budget."""
    first, noted = run.config["options"].get(FIRST_PHASE), run.config.get("first_phase_step")
    if first is None or noted is None:  # an older version did not note it
        return
    step = max(checkpoint_steps(Path(first) / "checkpoints"), default=noted)
    if step != noted:
        raise UserError(
            f"{run.path} started from step {noted:,} of {first}, which is at step {step:,} now; "
            "choose another --out, or remove that run"
        )


def _flags(asked: Mapping[str, Any] | None) -> list[str]:
    return [part for pair in (asked or {}).items() for part in _flag(*pair)]


def _flag(name: str, value: Any) -> list[str]:
    flag = f"-{name}" if len(name) == 1 else "--" + name.replace("_", "-")
    if value is None or isinstance(value, bool):
        return [flag] if value else []
    if name == "weights" and isinstance(value, list):  # a flag that may be given again
        return [part for one in value for part in (flag, str(one))]
    return [flag, ",".join(map(str, value)) if isinstance(value, list) else str(value)]

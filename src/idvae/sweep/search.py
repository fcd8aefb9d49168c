"""A search: the same number of trials for every method, each a run that is trained and scored.

    methods:                       method → what is tried of its options (space.py)
      vae: {beta: {low: 0.01, high: 1, log: true}}
      gan: {lr: [1e-3, 5e-4]}
    trials: 8                      of each method; the first is its defaults
    objective: {expert: lite0@64, metric: fd}
    search_seed: 0                 of the draws
    data: [digits]                 one set, whose validation split the trials are scored against

and seeds, config, options, budget and evaluate as in the plan of a sweep. Only methods, trials and
data are needed. A trial lies at OUT/DATA/METHOD-tK-seedS.
"""

import reprlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from random import Random
from typing import Any

from idvae.data.prepared import PreparedSet
from idvae.errors import UserError
from idvae.evaluate.experts import parse
from idvae.evaluate.scores import DEFAULT_METRICS, METRICS
from idvae.io import strict_yaml
from idvae.options import fitted, listed
from idvae.seeds import TRIALS, checked_seed, seed_for
from idvae.sweep.jobs import Job, job, options_of, planned
from idvae.sweep.plan import Plan
from idvae.sweep.space import Space
from idvae.training import settings, start
from idvae.training.run_config import OF_THE_MACHINE, OF_THE_RECORD

SPLIT = "validation"
OBJECTIVE = {"expert": "lite0", "metric": "fd"}
OWN = ("trials", "objective", "search_seed")  # keys that the plan of a sweep does not have


@dataclass
class Search:
    """What a YAML file of a search holds.

    Attributes:
        plan: as of a sweep, with the options that every trial has.
        spaces: method → what is tried.
        trials: of each method.
        expert, metric: the objective.
        seed: of the draws.
    """

    plan: Plan
    spaces: dict[str, Space]
    trials: int
    expert: str
    metric: str
    seed: int

    @classmethod
    def read(cls, path: Path) -> "Search":
        """Read a YAML file.

        Raises:
            UserError: it cannot be read, lacks something, or holds what is not known.
        """
        values = strict_yaml.read_mapping(path)
        strict_yaml.check_keys(values, [*(f.name for f in fields(Plan)), *OWN], path)
        own = {key: values.pop(key) for key in OWN if key in values}
        plan = Plan.of(values, path)
        if len(plan.data) != 1:
            raise UserError(f"{path}: a search is on one data set, not {len(plan.data)}")
        if not isinstance(plan.methods, dict):
            raise UserError(f"{path}: the methods of a search are a mapping, method: what is tried")
        if "trials" not in own:
            raise UserError(f"{path}: trials is missing")
        trials = fitted(own["trials"], int, "trials")
        if trials < 1:
            raise UserError(f"{path}: trials {trials} is out of range; it is at least 1")
        spaces = {m: Space.of(plan.method_of(m), has) for m, has in plan.methods.items()}
        for method, space in spaces.items():
            for name in space.varied:
                if settings.option_name(name) in (*OF_THE_MACHINE, *OF_THE_RECORD):
                    raise UserError(
                        f"{path}: methods, {method}, {name}: no training learns otherwise by it; "
                        "give it one value"
                    )
        plan.methods = {m: space.fixed for m, space in spaces.items()}
        expert, metric = _objective(own.get("objective") or {}, path)
        plan.evaluate = _scoring(plan.evaluate or {}, expert, metric, path)
        seed = checked_seed(own.get("search_seed", 0), f"{path}: the search_seed")
        return cls(plan, spaces, trials, expert, metric, seed)


def _objective(asked: Any, path: Path) -> tuple[str, str]:
    if not isinstance(asked, dict) or not set(asked) <= set(OBJECTIVE):
        raise UserError(
            f"{path}: objective is {{expert: lite0, metric: fd}}, not {reprlib.repr(asked)}"
        )
    expert, metric = (str(value) for value in {**OBJECTIVE, **asked}.values())
    if metric not in METRICS:
        raise UserError(f"{path}: unknown metric {metric!r}; there are {', '.join(METRICS)}")
    return expert, metric


def _scoring(asked: dict[str, Any], expert: str, metric: str, path: Path) -> dict[str, Any]:
    """The flags of `idvae evaluate`, which give the objective on the validation split."""
    for flag in ("split", "reference", "out", "step"):
        if flag in asked:
            raise UserError(f"{path}: evaluate, {flag}: a search decides it; leave it out")
    found = {"experts": expert, **asked, "split": SPLIT}
    specs = [parse(text) for text in listed(str(found["experts"]))]
    names = [spec.name if spec.size is None else f"{spec.name}@{spec.size}" for spec in specs]
    if expert not in names:
        raise UserError(f"{path}: the objective's expert {expert} is none of {', '.join(names)}")
    metrics = listed(str(asked.get("metrics", ",".join(DEFAULT_METRICS))))
    if asked.get("infinity"):
        metrics.append("fd_infinity")
    if metric not in metrics:
        if "metrics" in asked:
            raise UserError(f"{path}: the objective {metric} is none of {asked['metrics']}")
        found["metrics"] = ",".join([*metrics, metric])
    return found


@dataclass
class Trial:
    """Options of a method that are tried.

    Attributes:
        method, number: 0 is the defaults.
        options: those that were drawn.
        jobs: one run a seed.
    """

    method: str
    number: int
    options: dict[str, Any]
    jobs: list[Job]

    @property
    def name(self) -> str:
        return f"{self.method}-t{self.number}"


def trials(search: Search, out: Path) -> list[Trial]:
    """Every trial of a search, first those of number 0, so that one that is cut compares something.

    More trials asked for later leave those before as they are.

    Raises:
        UserError: a mistake in an option, a space that is too small, a set without a validation
            split, or a run there that was made with others.
    """
    plan, (data,) = search.plan, search.plan.data
    prepared = start.open_data(data)
    if prepared.kind == "points":
        raise UserError(f"{prepared.name} holds points, which experts do not look at")
    if prepared.counts[SPLIT] < 2:
        raise UserError(f"{prepared.name} has no {SPLIT} split to score by; prepare more images")
    found = []
    for method in search.spaces:
        for number, tried in enumerate(_drawn(search, method, prepared)):
            chosen = planned(options_of(plan, method, prepared, tried), prepared, plan.budget)
            trial = Trial(method, number, tried, [])
            place = out / prepared.name / trial.name
            trial.jobs = [job(chosen, seed, data, prepared, place, plan) for seed in plan.seeds]
            found.append(trial)
    return sorted(found, key=lambda trial: trial.number)


def _drawn(search: Search, method: str, prepared: PreparedSet) -> Iterator[dict[str, Any]]:
    """The options of each trial of a method, no two the same, the first as they are."""
    space = search.spaces[method]

    def whole(tried: dict[str, Any]) -> dict[str, Any]:
        chosen = options_of(search.plan, method, prepared, tried)
        return start.resolved_for(chosen, prepared).options()

    for name, value in space.each():
        whole({name: value})
    stream = int.from_bytes(method.encode(), "big")  # methods that come or go change no other's
    random = Random(seed_for(search.seed, TRIALS, stream))
    seen: list[dict[str, Any]] = []
    tried: dict[str, Any] = {}
    misses = 0
    while len(seen) < search.trials:
        if (made := whole(tried)) not in seen:
            seen.append(made)
            yield tried
        elif (misses := misses + 1) > 100 * search.trials:
            raise UserError(
                f"methods, {method}: fewer than {search.trials} trials can be told apart, the "
                "defaults among them; give it more choices, or ask for fewer trials"
            )
        tried = space.draw(random)

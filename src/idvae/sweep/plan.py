"""Methods × data × seeds in one YAML file.

    methods: [idvae, vae]          or a mapping, method → options of its own; one of several runs
                                   of a method has a name of its own and says `method: idvae`;
                                   several values of an option are several rows (grid.py); one
                                   with a `config` of its own starts from that
    data: [digits]
    seeds: [0, 1, 2]
    config: fair                   a recipe or a YAML file for every run; else the data's recipes
    options: {steps: 2000}         for every run
    budget: 7e12                   multiply-adds of a training, in place of steps
    evaluate: {experts: lite0}     flags of `idvae evaluate`, where runs are to be scored
    judge: {n: 200}                flags of `idvae judge`, where conditional runs are to be judged

Only methods and data are needed.
"""

import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import NoneType
from typing import Any

from idvae import methods
from idvae.errors import UserError
from idvae.io import strict_yaml
from idvae.io.files import is_plain_name
from idvae.options import Within, fitted
from idvae.seeds import checked_seed
from idvae.sweep import grid
from idvae.training import settings

# Flags that a sweep sets, or that would keep it from knowing what is done.
DECIDED = {
    "evaluate": ("out", "probe", "probe_n", "overwrite", "help", "h"),
    "judge": ("overwrite", "help", "h"),
}
# Options of a training that a plan says in another way.
ELSEWHERE = {"seed": "say seeds: beside methods:", "device": "pass --devices"}


@dataclass
class Plan:
    """What a YAML file of a sweep holds.

    Attributes:
        methods: names, or a mapping of names to options of that method alone. A name that is no
            method's has its `method` among them; a `config` there takes the place of the plan's.
        data: names of prepared sets, or of sources that can be prepared unasked.
        seeds: one run each.
        config: a recipe's name or a YAML file that every run starts from; without it, the
            built-in recipes for the data set.
        options: of every run.
        budget: multiply-adds of a whole training: each method makes as many steps as they allow.
        evaluate: flags of `idvae evaluate` by name; None scores nothing.
        judge: flags of `idvae judge` by name; None judges nothing.
    """

    methods: list[str] | dict[str, dict[str, Any] | None]
    data: list[str]
    seeds: list[int] = field(default_factory=lambda: [0])
    config: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    budget: float | None = None
    evaluate: dict[str, Any] | None = None
    judge: dict[str, Any] | None = None

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """Read a YAML file.

        Raises:
            UserError: it cannot be read, lacks something, or holds what is not known.
        """
        values = strict_yaml.read_mapping(path)
        strict_yaml.check_keys(values, [f.name for f in fields(cls)], path)
        plan = cls.of(values, path)
        plan.methods = plan._grids()
        return plan

    @classmethod
    def of(cls, values: Mapping[str, Any], path: Path) -> "Plan":
        """The same of what the file holds."""
        types: dict[str, Any] = {
            "methods": (list, dict),
            "data": list,
            "seeds": list,
            "config": (str, NoneType),
            "options": dict,
            "evaluate": (dict, NoneType),
            "judge": (dict, NoneType),
        }
        for key, wanted in types.items():
            if key in ("methods", "data") and not values.get(key):
                raise UserError(f"{path}: {key} is missing")
            if key in values and not isinstance(values[key], wanted):
                raise UserError(f"{path}: {key} cannot be {reprlib.repr(values[key])}")
        plan = cls(**values)
        for key, named in (("methods", plan.methods), ("data", plan.data)):
            if not all(isinstance(name, str) for name in named):
                raise UserError(f"{path}: {key} are names, not {reprlib.repr(named)}")
        if not plan.seeds:
            raise UserError(f"{path}: seeds are whole numbers from 0, and there is none")
        plan.seeds = [checked_seed(seed, f"{path}: the seed") for seed in plan.seeds]
        for named in (plan.methods, plan.seeds, plan.data):
            if len(set(named)) < len(named):
                raise UserError(f"{path}: a method, a seed or a data set is named twice")
        if plan.budget is not None:  # 7e12 is text to many who write YAML
            plan.budget = fitted(plan.budget, float, "budget")
            if not Within(above=0).holds(plan.budget):
                raise UserError(f"{path}: the budget {plan.budget} is out of range; it is above 0")
        for name in plan.methods:
            if not is_plain_name(name):
                raise UserError(
                    f"{path}: {name!r} cannot name a row, whose runs are folders of that name; "
                    "leave out / and a dot in front"
                )
            methods.check(plan.method_of(name))
        for key, taken in DECIDED.items():
            asked = getattr(plan, key)
            for flag in asked or {}:
                if not isinstance(flag, str) or settings.option_name(flag) in taken:
                    raise UserError(f"{path}: {key}, {flag}: a sweep decides it; leave it out")
            setattr(plan, key, asked and settings.named(asked))
        if plan.evaluate and plan.evaluate.get("step") is not None:
            plan.evaluate = plan.evaluate | {
                "step": fitted(plan.evaluate["step"], int, "evaluate, step")
            }
        return plan

    def part(self, rows: Sequence[str] = (), seeds: Sequence[int] = ()) -> "Plan":
        """The same with some of its rows and seeds; () leaves all.

        Raises:
            UserError: the plan has no such row or seed.
        """
        for what, asked, there in (("row", rows, self.methods), ("seed", seeds, self.seeds)):
            if unknown := [one for one in asked if one not in there]:
                known = ", ".join(map(str, there))
                raise UserError(f"the plan has no {what} {unknown[0]}; there are {known}")
        kept: Any = self.methods
        if rows and isinstance(kept, dict):
            kept = {name: own for name, own in kept.items() if name in rows}
        elif rows:
            kept = [name for name in kept if name in rows]
        return replace(self, methods=kept, seeds=[s for s in self.seeds if not seeds or s in seeds])

    def method_of(self, name: str) -> str:
        """The method that a name of `methods` stands for."""
        return str(self._own(name).get("method", name))

    def config_of(self, name: str) -> str | None:
        """The recipe or file that a row starts from.

        Raises:
            UserError: its own is no text.
        """
        own = self._own(name).get("config", self.config)
        if not isinstance(own, str | None):
            raise UserError(f"methods, {name}: config cannot be {reprlib.repr(own)}")
        return own

    def _own(self, name: str) -> dict[str, Any]:
        own = self.methods.get(name) or {} if isinstance(self.methods, dict) else {}
        if not isinstance(own, dict):
            raise UserError(f"methods, {name}: options are a mapping, not {reprlib.repr(own)}")
        return own

    def _grids(self) -> list[str] | dict[str, dict[str, Any] | None]:
        """The same rows, with one for each of several values of an option."""
        if isinstance(self.methods, list):
            return self.methods
        found: dict[str, dict[str, Any] | None] = {}
        for name in self.methods:
            for row, own in grid.rows(name, self.method_of(name), self._own(name)).items():
                if row in found or (row != name and row in self.methods):
                    raise UserError(f"methods, {name}: another row is named {row} too; rename one")
                if not is_plain_name(row):
                    raise UserError(f"methods, {name}: {row[:60]}… is too long for a folder's name")
                found[row] = own
        return found

    def options_of(self, method: str, tried: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Those of every run, under those of the method alone, under those tried on top.

        Raises:
            UserError: options of the method are no mapping, or steps are asked for beside a budget.
        """
        given, config = self._own(method), self.config_of(method)
        own = {key: value for key, value in given.items() if key not in ("method", "config")}
        base = settings.named(settings.read_config(config)) if config else {}
        asked = settings.named(self.options) | settings.named(own) | settings.named(tried or {})
        for name, instead in ELSEWHERE.items():
            if name in asked:
                raise UserError(f"methods, {method}: {name} is no option of a plan; {instead}")
        if self.budget is not None and "steps" in asked:
            raise UserError(
                f"methods, {method}: budget and steps say the same in two ways; leave one out"
            )
        return {**base, **asked}

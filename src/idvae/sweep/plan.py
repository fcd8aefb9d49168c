"""Methods × data × seeds in one YAML file.

    methods: [idvae, vae]          or a mapping, method → options of its own
    data: [digits]
    seeds: [0, 1, 2]
    config: fair                   a recipe or a YAML file for every run; else the data's recipes
    options: {steps: 2000}         for every run
    evaluate: {experts: lite0}     flags of `idvae evaluate`, where runs are to be scored

Only methods and data are needed.
"""

import reprlib
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import NoneType
from typing import Any

from idvae import methods
from idvae.errors import UserError
from idvae.io import strict_yaml
from idvae.seeds import checked_seed
from idvae.training import settings


@dataclass
class Plan:
    """What a YAML file of a sweep holds.

    Attributes:
        methods: names, or a mapping of names to options of that method alone.
        data: names of prepared sets, or of sources that can be prepared unasked.
        seeds: one run each.
        config: a recipe's name or a YAML file that every run starts from; without it, the
            built-in recipes for the data set.
        options: of every run.
        evaluate: flags of `idvae evaluate` by name; None scores nothing.
    """

    methods: list[str] | dict[str, dict[str, Any] | None]
    data: list[str]
    seeds: list[int] = field(default_factory=lambda: [0])
    config: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    evaluate: dict[str, Any] | None = None

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """Read a YAML file.

        Raises:
            UserError: it cannot be read, lacks something, or holds what is not known.
        """
        values = strict_yaml.read_mapping(path)
        known = {f.name for f in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise UserError(f"{path}: unknown key {unknown[0]!r}; there are {', '.join(known)}")
        types: dict[str, Any] = {
            "methods": (list, dict),
            "data": list,
            "seeds": list,
            "config": (str, NoneType),
            "options": dict,
            "evaluate": (dict, NoneType),
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
        if len(set(plan.seeds)) < len(plan.seeds) or len(set(plan.data)) < len(plan.data):
            raise UserError(f"{path}: a seed or a data set is named twice")
        for name in plan.methods:
            methods.check(name)
        return plan

    def options_of(self, method: str) -> dict[str, Any]:
        """Those of every run, under those of the method alone."""
        own = self.methods.get(method) or {} if isinstance(self.methods, dict) else {}
        if not isinstance(own, dict):
            raise UserError(f"methods, {method}: options are a mapping, not {reprlib.repr(own)}")
        base = settings.read_config(self.config) if self.config else {}
        return {**base, **self.options, **own}

"""Methods × data × seeds from one YAML file: each run in a process of its own, none made twice.

    methods: [idvae, vae]          or a mapping, method → options of its own
    data: [digits]
    seeds: [0, 1, 2]
    config: fair                   a recipe or a YAML file for every run; else the data's recipes
    options: {steps: 2000}         for every run
    evaluate: {experts: lite0}     flags of `idvae evaluate`, where runs are to be scored

A run lies at OUT/DATA/METHOD-seedS. One that is finished is left alone, one that was begun goes
on from its newest checkpoint.
"""

import fcntl
import json
import os
import reprlib
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import NoneType
from typing import IO, Any

from idvae import methods
from idvae.errors import UserError
from idvae.io import strict_yaml
from idvae.networks import resolved
from idvae.seeds import checked_seed
from idvae.training import checkpoints, settings, start
from idvae.training.build import data_shape, planned_method
from idvae.training.run import Run
from idvae.training.settings import Settings
from idvae.training.signals import stop_signals

Tell = Callable[[str], None]


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


@dataclass
class Job:
    """One run of a sweep."""

    method: str
    data: str
    seed: int
    path: Path
    settings: Settings

    @property
    def steps(self) -> int:
        return self.settings.train.steps

    @property
    def flags(self) -> list[str]:
        """All its options, as flags of `idvae train`."""
        options = self.settings.options()
        flags = []
        for name, value in options.items():
            flag = "--" + name.replace("_", "-")
            if name in ("device", "threads") or value is None:
                continue
            flags.append(f"{flag}={json.dumps(value) if not isinstance(value, str) else value}")
        return flags

    @property
    def reached(self) -> int | None:
        """The step of the newest checkpoint; 0 where there is none, None where there is no run."""
        if not (self.path / "config.yaml").is_file():
            return None
        return max(checkpoints.steps(self.path / "checkpoints"), default=0)


def jobs(plan: Plan, out: Path) -> list[Job]:
    """Every run of a plan, seeds outermost, so that a sweep that is cut compares something.

    Data sets are prepared here, once, where that is needed.

    Raises:
        UserError: a mistake in an option, or a run there that was made with others.
    """
    sets = {name: start.open_data(name) for name in plan.data}
    made = []
    for seed in plan.seeds:
        for name, prepared in sets.items():
            for method in plan.methods:
                recipes = [] if plan.config else start.recipes_of(method, prepared)
                options = {**plan.options_of(method), "seed": seed}
                chosen = settings.from_mapping(method, options, recipes)
                shape = data_shape(prepared)
                if seed == plan.seeds[0]:  # options that only the built method can check
                    chosen.train.check(tuple(planned_method(chosen, shape).groups))
                networks = resolved(chosen.networks, shape)
                path = out / prepared.name / f"{method}-seed{seed}"
                job = Job(method, name, seed, path, replace(chosen, networks=networks))
                _check_same(job, prepared.checksum)
                made.append(job)
    return made


def _check_same(job: Job, checksum: str) -> None:
    """A run that is there must be the one that the plan would make; more steps may be asked."""
    if job.reached is None:
        return
    run = Run.open(job.path)
    asked = job.settings.options()
    there = settings.completed(job.method, run.config["options"])
    for name in ("steps", "device", "threads", "log_every", "grid_every", "save_every", "keep"):
        asked.pop(name)
    if asked["lr_steps"] is None:
        asked.pop("lr_steps")  # a run that went on with more steps notes how it was planned
    differing = [name for name in asked if asked[name] != there.get(name)]
    if run.config["data"]["checksum"] != checksum:
        differing.append("data")
    if differing:
        raise UserError(
            f"{job.path} was made with other {differing[0]} than the plan's; choose another --out, "
            "or remove that run"
        )


def sweep(
    plan: Plan, out: Path, *, devices: Sequence[str] = ("auto",), tell: Tell = print
) -> tuple[list[Job], list[Job]]:
    """Make every run of a plan that is not there yet, and score those that the plan wants scored.

    SIGINT and SIGTERM reach the runs, which save and end; calling again goes on.

    Args:
        plan: what is to be made.
        out: a folder for all runs.
        devices: one process is kept busy on each; ("cpu", "cpu") are two that share the cores.
        tell: is told what begins and what ends.

    Returns:
        the jobs that failed, whose last lines were told, and those that a signal left undone.

    Raises:
        UserError: a mistake in the plan, or another sweep still works in `out`.
    """
    everything = jobs(plan, out)
    out.mkdir(parents=True, exist_ok=True)
    with _alone(out) as lock, stop_signals() as stopped:
        waiting = [job for job in everything if _command(job, plan, "cpu", 1)]
        tell(f"{len(everything)} runs in {out}, {len(everything) - len(waiting)} of them finished")
        failed: list[Job] = []
        working: dict[int, _Working] = {}
        while (working or waiting) and not stopped.wait(0.2):
            for slot, device in enumerate(devices):
                if slot in working:
                    if working[slot].process.poll() is None:
                        continue
                    job = working[slot].job
                    if next_one := working.pop(slot).follow(plan, device, len(devices)):
                        working[slot] = next_one
                        continue
                    if _command(job, plan, device, 1):
                        failed.append(job)
                        tell(f"{job.path}: failed: {_last_line(_log(job))}")
                    else:
                        tell(f"{job.path}: done; {len(waiting)} wait")
                if waiting:
                    working[slot] = _begin(waiting.pop(0), plan, device, len(devices), lock)
        for one in working.values():
            one.process.send_signal(signal.SIGTERM)
        for one in working.values():
            one.process.wait()
        return failed, [*(one.job for one in working.values()), *waiting]


@contextmanager
def _alone(out: Path) -> Iterator[IO[bytes]]:
    """Hold a lock that the runs inherit: it is free when the last of a sweep's processes ended.

    So runs that outlive a sweep that was killed are not made a second time beside them.
    """
    with (out / ".lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UserError(
                f"another sweep, or a run that it began, still works in {out}; wait, or stop it"
            ) from error
        yield lock


@dataclass
class _Working:
    """A process of a job, and the command that it runs."""

    job: Job
    process: subprocess.Popen[bytes]
    command: list[str]
    lock: IO[bytes]

    def follow(self, plan: Plan, device: str, sharing: int) -> "_Working | None":
        """What the job needs next, where this command succeeded and something is left."""
        command = _command(self.job, plan, device, sharing)
        if self.process.returncode or not command or command[3] == self.command[3]:
            return None
        return _begin(self.job, plan, device, sharing, self.lock)


def _begin(job: Job, plan: Plan, device: str, sharing: int, lock: IO[bytes]) -> _Working:
    command = _command(job, plan, device, sharing)
    job.path.parent.mkdir(parents=True, exist_ok=True)
    with _log(job).open("ab") as log:
        log.write(f"$ idvae {shlex.join(command[3:])}\n".encode())
        log.flush()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=(lock.fileno(),),
            start_new_session=True,  # Ctrl-C comes to the sweep, which hands it on once
            env={**os.environ, "OMP_NUM_THREADS": str(_threads(job, sharing))},
        )
    return _Working(job, process, command, lock)


def _command(job: Job, plan: Plan, device: str, sharing: int) -> list[str]:
    """What brings a job further, as a person would type it; nothing where it is finished."""
    idvae = [sys.executable, "-m", "idvae"]
    where = ["--device", device, "--threads", str(_threads(job, sharing))]
    reached = job.reached
    if not reached:
        options = ["--data", job.data, "--out", str(job.path), "--overwrite", "--no-recipe"]
        return [*idvae, "train", job.method, *options, *where, *job.flags]
    if reached < job.steps:
        return [*idvae, "train", "--resume", str(job.path), "--steps", str(job.steps), *where]
    if plan.evaluate is None or (job.path / "scores.json").is_file():
        return []
    flags = [part for key, value in plan.evaluate.items() for part in _flag(key, value)]
    return [*idvae, "evaluate", str(job.path), *flags]


def _flag(name: str, value: Any) -> list[str]:
    flag = f"-{name}" if len(name) == 1 else "--" + name.rstrip("_").replace("_", "-")
    if isinstance(value, bool):
        return [flag] if value else []
    return [flag, str(value)]


def _threads(job: Job, sharing: int) -> int:
    """Processes with more threads than cores between them wait for each other."""
    return job.settings.train.threads or max(1, len(os.sched_getaffinity(0)) // sharing)


def _log(job: Job) -> Path:
    return job.path.with_name(job.path.name + ".log")


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "no word")

"""Start and go on with a run: what the command line and Python both call."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from idvae import __version__, data, methods
from idvae.data.conditions import Condition
from idvae.data.prepared import PreparedSet
from idvae.errors import UserError
from idvae.networks import resolved
from idvae.training import settings
from idvae.training.run import Run
from idvae.training.settings import Settings

CONDITIONS = 10_000  # rows of the training split's conditions that a run keeps to draw from

Quiet = Callable[[int, Mapping[str, float]], None]


def train(
    method: str,
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    on_log: Quiet = lambda step, row: None,
    **options: Any,
) -> Run:
    """Train a method on a prepared set, as `idvae train METHOD --data NAME --out DIR` does.

    Args:
        method: a registered name, such as "idvae".
        data: name or path of a prepared set, or of a source that can be prepared unasked.
        out: the run folder to make.
        overwrite: replace a run that is there.
        on_log: called with the step and the metrics at each line of metrics.jsonl.
        options: any option of `idvae train METHOD --help`, such as steps=2000, lambda_=5.

    Returns:
        the run; `idvae.load(run.path)` opens it.

    Raises:
        UserError: a mistake in the arguments.
        DivergedError: a loss stopped being finite.
    """
    methods.check(method)
    prepared = open_data(data)
    chosen = settings.from_mapping(method, options, recipes_of(method, prepared))
    trainer = start(chosen, prepared, Path(out), overwrite)
    trainer.fit(on_log)
    return trainer.run


def open_data(name: str | os.PathLike[str]) -> PreparedSet:
    """The prepared set of a name, prepared now where that needs nothing asked."""
    return data.resolve(name)


def recipes_of(method: str, prepared: PreparedSet) -> list[str]:
    """The built-in recipes for a method on a set; later ones win."""
    return settings.recipes_for(method, prepared.meta["source"], prepared.kind, prepared.size)


def start(
    chosen: Settings,
    prepared: PreparedSet,
    out: Path,
    overwrite: bool,
    inputs: tuple[Path, ...] = (),
) -> Any:
    """A trainer for a new run; the folder is made once everything else was found in order.

    Args:
        chosen: the options.
        prepared: the data.
        out: the run folder to make.
        overwrite: replace a run that is there.
        inputs: files that the options came from; a folder that holds them is not replaced.
    """
    from idvae.training import frozen
    from idvae.training.build import data_shape
    from idvae.training.flops import step_macs
    from idvae.training.loop import Trainer

    condition = Condition.of(prepared, chosen.train.condition)
    shape = data_shape(prepared, condition)
    chosen = replace(chosen, networks=resolved(chosen.networks, shape))
    config = {
        "method": chosen.method,
        "data": {
            "name": prepared.name,
            "path": str(prepared.path.resolve()),
            "source": prepared.meta["source"],
            "kind": prepared.kind,
            "shape": asdict(shape),
            "checksum": prepared.checksum,
        },
        "options": chosen.options(),
        "versions": {
            "idvae": __version__,
            "python": ".".join(map(str, sys.version_info[:3])),
            "torch": version("torch"),
            "numpy": version("numpy"),
        },
    }
    if condition is not None:
        config["condition"] = condition.config()
    trainer = Trainer(Run(out, config), chosen, prepared)
    frozen.pretrain(trainer.method)
    config["parameters"] = {
        name: sum(p.numel() for p in network.parameters())
        for name, network in trainer.method.named_children()
    }
    config["step_macs"] = step_macs(trainer.method)
    config["processes"] = trainer.processes.world
    if trainer.is_first:
        trainer.run = Run.create(out, config, overwrite, (prepared.path, *inputs))
        frozen.store(trainer.method, trainer.run)
        if condition is not None:
            split = prepared.split("train")
            some = np.linspace(0, len(split) - 1, min(CONDITIONS, len(split))).astype(np.int64)
            trainer.run.write_conditions(condition.rows(prepared, split, some))
    trainer.processes.barrier()
    return trainer


def resume(path: Path, changes: Mapping[str, Any], change_processes: bool = False) -> Any:
    """A trainer that goes on from a run's newest checkpoint.

    Args:
        path: the run folder.
        changes: options that may change between parts of a run: steps, lr_steps, device,
            threads; None leaves one as it is.
        change_processes: go on also by another number of processes than before: each step then
            sees another number of images, and others.

    Raises:
        UserError: no run there, its data are gone or were changed, its checkpoint is damaged, or
            it was trained by another number of processes.
    """
    from idvae.training.loop import Trainer

    run = Run.open(path)
    if run.is_released:
        raise UserError(
            f"{run.path} is a released model, whose training cannot go on; train a new one with "
            "the options in its README.md"
        )
    prepared = data_of(run)
    method, options = run.config["method"], run.config["options"]
    planned = settings.from_mapping(method, options)
    asked = {name: value for name, value in changes.items() if value is not None}
    chosen = settings.from_mapping(method, {**options, **asked})
    chosen = replace(chosen, train=chosen.train.after(planned.train))
    trainer = Trainer(run, chosen, prepared)
    if not change_processes:
        _check_processes(run, trainer)
    trainer.restore()
    if trainer.step >= chosen.train.steps:
        raise UserError(
            f"{path} has reached its {chosen.train.steps} steps; pass more with --steps to go on"
        )
    run.config["options"] = chosen.options()
    run.change_processes(trainer.step, trainer.processes.world)
    if trainer.is_first:
        run.write_config()
    return trainer


def _check_processes(run: Run, trainer: Any) -> None:
    before, now = run.processes(trainer.saving.newest), trainer.processes.world
    if before != now:
        batch = trainer.config.batch_size
        raise UserError(
            f"{run.path} was trained by {before} {'process' if before == 1 else 'processes'}, now "
            f"there {'is' if now == 1 else 'are'} {now}: go on with torchrun --nproc-per-node "
            f"{before}, or pass --change-processes, and each step sees {now} × {batch} images "
            f"instead of {before} × {batch}, and others"
        )


def data_of(run: Run) -> PreparedSet:
    """The prepared set that a run was trained on.

    Raises:
        UserError: it is gone, or its checksum is another.
    """
    facts = run.config["data"]
    if facts.get("path") is None:
        return _of_checksum(run)
    path = Path(facts["path"])
    prepared = data.open_set(path) if path.exists() else data.resolve(facts["name"])
    if prepared.checksum != facts["checksum"]:
        raise UserError(
            f"the data set {prepared.path} is not the one that {run.path} was trained on "
            "(its checksum differs); prepare it again with the options of then"
        )
    return prepared


def _of_checksum(run: Run) -> PreparedSet:
    """The same of a released model, whatever the set is called here."""
    facts = run.config["data"]
    for one in data.prepared():
        if one.checksum == facts["checksum"]:
            return one
    raise UserError(
        f"{run.path} was trained on {facts['name']}, and no prepared set has its checksum; "
        f"prepare it: {how_to_prepare(facts)}"
    )


def how_to_prepare(facts: Mapping[str, Any]) -> str:
    """The command for the set that a released model was trained on, as far as it is known."""
    asked, shape = facts.get("asked") or {}, facts.get("shape") or {}
    words = ["idvae data prepare", facts["source"] or facts["name"]]
    words += [f"--size {shape['size']}"] if shape.get("size") else []
    words += [f"--n {asked['n']}"] if asked.get("n") else []
    words += [f"--seed {asked['seed']}"] if asked.get("seed") else []
    words += [f"--crop {asked['crop']}"] if asked.get("crop") else []
    return " ".join([*words, "--source …"] if facts["source"] == "folder" else words)

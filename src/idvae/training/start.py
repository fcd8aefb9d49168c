"""Start and go on with a run: what the command line and Python both call."""

import os
import shlex
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
from idvae.fresh_torch import fresh_torch
from idvae.networks import resolved
from idvae.options import flag_of
from idvae.training import settings
from idvae.training.distributed import lost_process_told
from idvae.training.run import Run
from idvae.training.run_config import FIRST_PHASE, OF_THE_MACHINE
from idvae.training.settings import Settings

# Of the options of a run, those with which it may go on otherwise.
CHANGES = ("steps", "lr_steps", *OF_THE_MACHINE)
CONDITIONS = 10_000  # rows of the training split's conditions that a run keeps to draw from

Quiet = Callable[[int, Mapping[str, float]], None]


def train(
    method: str,
    data: str | os.PathLike[str] | PreparedSet,
    out: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    on_log: Quiet = lambda step, row: None,
    **options: Any,
) -> Run:
    """Train a method on a prepared set, as `idvae train METHOD --data NAME --out DIR` does.

    Args:
        method: a registered name, such as "idvae".
        data: name or path of a prepared set, one that is open, or a source that can be prepared
            unasked.
        out: the run folder to make.
        overwrite: replace a run that is there.
        on_log: called with the step and the metrics at each line of metrics.jsonl.
        options: any option of `idvae train METHOD --help`, such as steps=2000, lambda_=5.

    Returns:
        the run; `idvae.load(run.path)` opens it.

    Raises:
        UserError: a mistake in the arguments.
        DivergedError: a loss stopped being finite.
        KeyboardInterrupt: SIGINT or SIGTERM came; the run is saved, and `idvae.resume` goes on.
    """
    methods.check(method)
    place = _place_of(out)
    with fresh_torch():
        prepared = open_data(data)
        chosen = settings.from_mapping(method, options, recipes_of(method, prepared))
        return _fitted(start(chosen, prepared, place, overwrite), on_log)


def resume_run(
    path: str | os.PathLike[str],
    *,
    on_log: Quiet = lambda step, row: None,
    **changes: Any,
) -> Run:
    """Go on with a run, as `idvae train --resume DIR` does; `idvae.resume` in Python.

    Args:
        path: the run folder.
        on_log: as of `train`.
        changes: steps, lr_steps, device, graphs, threads, workers or patience; the rest stays as
            it is.

    Returns:
        the run.

    Raises:
        UserError: another change, or as `resume`.
        DivergedError: a loss stopped being finite.
        KeyboardInterrupt: as `train`.
    """
    if other := sorted(set(changes) - set(CHANGES)):
        raise UserError(f"a run goes on with its {other[0]}; {', '.join(CHANGES)} may change")
    with fresh_torch():
        return _fitted(resume(_place_of(path), changes), on_log)


def _place_of(path: Any) -> Path:
    try:
        return Path(path)
    except TypeError as error:
        raise UserError(f"{path!r} is no place of a run folder") from error


def _fitted(trainer: Any, on_log: Quiet) -> Run:
    """The run of a trainer that reached its last step; a program that was stopped ends."""
    if not trainer.fit(on_log):
        raise KeyboardInterrupt(f"{trainer.run.path} is saved at step {trainer.step}")
    return trainer.run


def open_data(name: str | os.PathLike[str] | PreparedSet) -> PreparedSet:
    """The prepared set of a name, prepared now where that needs nothing asked."""
    return data.resolve(name)


def recipes_of(method: str, prepared: PreparedSet) -> list[str]:
    """The built-in recipes for a method on a set; later ones win."""
    return settings.recipes_for(method, prepared.meta["source"], prepared.kind, prepared.size)


@lost_process_told()
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
    from idvae.training.flops import early_macs, step_macs
    from idvae.training.loop import Trainer

    condition = Condition.of(prepared, chosen.train.condition)
    shape = data_shape(prepared, condition)
    chosen = resolved_for(chosen, prepared)
    config = {
        "method": chosen.method,
        "data": {
            "name": prepared.name,
            "path": prepared.address,
            "source": prepared.meta["source"],
            "kind": prepared.kind,
            "shape": asdict(shape),
            "checksum": prepared.checksum,
            "order": prepared.ordering,
            "asked": _asked(prepared),
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
    _check_used(chosen, prepared, trainer)
    first_step = frozen.pretrain(trainer.method, condition)
    if first_step is not None:
        config["first_phase_step"] = first_step
    config["parameters"] = {
        name: sum(p.numel() for p in network.parameters())
        for name, network in trainer.method.named_children()
    }
    config["step_macs"] = step_macs(trainer.method)
    if trainer.method.early_steps:
        config["early_steps"] = trainer.method.early_steps
        config["early_macs"] = early_macs(trainer.method)
    config |= _notes_of(trainer)
    if trainer.is_first:

        def fill(run: Run) -> None:
            frozen.store(trainer.method, run)
            if condition is not None:
                run.write_conditions(_some_conditions(condition, prepared))

        inputs = (prepared.path, *inputs, *first_phase(chosen))
        trainer.run = Run.create(out, config, overwrite, inputs, fill)
    trainer.processes.barrier()
    return trainer


def _asked(prepared: PreparedSet) -> dict[str, Any] | None:
    """What a set was prepared by, for who has to do it again; older sets do not say it."""
    asked = prepared.meta.get("asked")
    names = ("n", "seed", "crop", "files", "attributes")
    return None if asked is None else {name: asked.get(name) for name in names}


def _check_used(chosen: Settings, prepared: PreparedSet, trainer: Any) -> None:
    """Refuse what would be taken and change nothing; runs that were begun with it may go on."""
    config, method = chosen.train, trainer.method
    if config.flip and prepared.kind == "points":
        raise UserError(f"--flip mirrors images, and {prepared.name} has points; leave it out")
    if config.lr_steps is not None and config.lr_final == 1:
        raise UserError(
            "--lr-steps is how long the learning rates fall, and with --lr-final 1 they do not; "
            "pass another --lr-final, or leave it out"
        )
    for group in method.groups:
        changes = config.lr_final < 1 or {"lr", f"lr.{group}"} & set(config.schedules)
        if changes and config.optimizer_of.get(group, config.optimizer) == "rprop":
            raise UserError(
                f"the learning rate of {group} changes (--lr-final, --schedules), and its "
                "optimizer, rprop, looks at it once, before its first step; leave the change out"
            )
    for group in config.betas_of:
        if "betas" not in trainer.updates.optimizers[group].defaults:
            name = config.optimizer_of.get(group, config.optimizer)
            raise UserError(
                f"--betas-of.{group}: {name}, the optimizer of {group}, has no betas; leave it out"
            )
    for name in method.counted:
        share = getattr(method.config, name)
        if share and not round(share * config.batch_size):
            raise UserError(
                f"{flag_of(name)} {share:g} of --batch-size {config.batch_size} is no image; one "
                f"is {1 / config.batch_size:g}"
            )


def _some_conditions(condition: Condition, prepared: PreparedSet) -> np.ndarray:
    split = prepared.split("train")
    some = np.linspace(0, len(split) - 1, min(CONDITIONS, len(split))).astype(np.int64)
    return condition.rows(prepared, split, some)


def first_phase(chosen: Settings) -> tuple[Path, ...]:
    """The folder of the run that a method starts from, where it starts from one."""
    place = getattr(chosen.method_config, FIRST_PHASE, None)
    return (Path(place),) if place else ()


def resolved_for(chosen: Settings, prepared: PreparedSet) -> Settings:
    """The same with all options of the networks filled in, for these data.

    Raises:
        UserError: a preset that does not fit them, or a size that is out of range.
    """
    from idvae.training.build import data_shape

    shape = data_shape(prepared, Condition.of(prepared, chosen.train.condition))
    return replace(chosen, networks=resolved(chosen.networks, shape))


@lost_process_told()
def begin_or_go_on(
    chosen: Settings,
    prepared: PreparedSet,
    out: Path,
    overwrite: bool,
    inputs: tuple[Path, ...] = (),
) -> Any:
    """As `start`; but a trainer that goes on, where this command began that run under torchrun."""
    from idvae.training.distributed import join_processes
    from idvae.training.restarts import has_begun

    config = chosen.train
    here = join_processes(config.device, config.precision, config.threads, config.patience)
    if has_begun(out, resolved_for(chosen, prepared), prepared, here):
        return resume(out, {}, again=True)
    return start(chosen, prepared, out, overwrite, inputs)


@lost_process_told()
def resume(path: Path, changes: Mapping[str, Any], again: bool = False) -> Any:
    """A trainer that goes on from a run's newest checkpoint, by any number of processes.

    Args:
        path: the run folder.
        changes: options that may change between parts of a run, of CHANGES; None leaves one as
            it is.
        again: whether a command begins anew that may have ended before it was told so: a run that
            has reached its steps is then no mistake. Where torchrun starts anew it is so anyway.

    Raises:
        UserError: no run there, its data are gone or were changed, its checkpoint is damaged, its
            batch cannot be shared by the processes, or it has reached its steps.
    """
    from idvae.training.loop import Trainer
    from idvae.training.restarts import is_restart

    run = Run.open(path)
    if run.is_released:
        raise UserError(
            f"{run.path} is a released model, whose training cannot go on; train a new one with "
            "the options in its README.md"
        )
    prepared = data_of(run)
    _check_order(run, prepared)
    method, options = run.config["method"], _of_one_batch(run)
    planned = settings.from_mapping(method, options)
    asked = {name: value for name, value in changes.items() if value is not None}
    chosen = settings.from_mapping(method, {**options, **asked})
    chosen = replace(chosen, train=chosen.train.after(planned.train))
    trainer = Trainer(run, chosen, prepared)
    again = is_restart(trainer.processes) or again
    trainer.restore()
    ends_here = asked.get("steps") == trainer.step < planned.train.steps
    if trainer.step >= chosen.train.steps and not (again or ends_here):
        raise UserError(
            f"{path} has reached its {chosen.train.steps} steps; pass more with --steps to go on"
        )
    trainer.remarks = _remarks(run, trainer)
    run.change_processes(trainer.step, trainer.processes.world)
    run.config |= {"options": chosen.options(), **_notes_of(trainer)}
    if trainer.is_first:
        run.write_config()
    return trainer


def _check_order(run: Run, prepared: PreparedSet) -> None:
    """The same rows in single files and in shards of any size come in different orders."""
    before, now = run.config["data"].get("order", PreparedSet.TABLE), prepared.ordering
    if before != now:
        raise UserError(
            f"{run.path} was trained on {run.config['data']['name']} in the order of {before}, and "
            f"{prepared.address} has that of {now}: put the set of then back, or train anew"
        )


def _notes_of(trainer: Any) -> dict[str, Any]:
    """What config.yaml says of the processes at work."""
    from idvae.training.restarts import torchrun_id

    notes = {"processes": trainer.processes.world, "batch_of_all": True}
    return notes | ({"torchrun": torchrun_id()} if torchrun_id() else {})


def _remarks(run: Run, trainer: Any) -> list[str]:
    """What is another training from here on: by other parts of a batch, or by other noise."""
    from idvae.training.shared_batch import normalises

    before, now = run.processes(trainer.step), trainer.processes.world
    batch, told = trainer.config.batch_size, []
    if before > 1 and not run.config.get("batch_of_all"):
        told.append(
            f"an older version gave each of {before} processes a batch of its own: from here on "
            f"it is one of {batch} images, as many as before, and their noise is drawn otherwise"
        )
    if before != now and not trainer.config.sync_norm and normalises(trainer.method):
        told.append(
            "without --sync-norm each process normalises its own part of a batch: from here on "
            f"{batch // now} images, not {batch // before}"
        )
    return told


def _of_one_batch(run: Run) -> dict[str, Any]:
    """The options of a run with a batch of all processes together.

    An older version gave each process a batch of its own.

    Raises:
        UserError: their number changed, so that no one batch is what the run was trained by.
    """
    options = run.config["options"]
    if run.config.get("batch_of_all"):
        return options
    sizes = [run.batch(step) for step, _ in run.processes_until()]
    if len(set(sizes)) > 1:
        raise UserError(
            f"{run.path} was trained by an older version and by a changing number of processes, "
            f"its batches held {' and '.join(map(str, dict.fromkeys(sizes)))} images, and a run "
            "now has one --batch-size; it can be used as it is, but not gone on with: train it anew"
        )
    return {**options, "batch_size": sizes[0]}


def data_of(run: Run) -> PreparedSet:
    """The prepared set that a run was trained on.

    Raises:
        UserError: it is gone, or its checksum is another.
    """
    facts = run.config["data"]
    if run.is_released or facts.get("path") is None:  # a released model names no place
        return _of_checksum(run)
    if data.is_there(facts["path"]):
        prepared = data.open_set(facts["path"])
    else:
        try:
            prepared = data.resolve(facts["name"])
        except UserError as error:
            raise UserError(
                f"{facts['name']}, the set that {run.path} was trained on, is not at "
                f"{facts['path']} any more; prepare it again, as data.asked in its config.yaml says"
            ) from error
    if prepared.checksum != facts["checksum"]:
        raise UserError(
            f"the data set {prepared.address} is not the one that {run.path} was trained on "
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
    source = facts.get("source")
    words = ["idvae", "data", "prepare", source or facts["name"]]
    words += ["--size", shape["size"]] if shape.get("size") else []
    for option in ("n", "seed", "crop"):
        words += [f"--{option}", asked[option]] if asked.get(option) else []
    command = shlex.join(map(str, words))  # a stranger may have written them
    return f"{command} --source …" if source in data.FROM_ANYWHERE else command

"""`idvae train`: start a run, or go on with one."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from idvae import methods
from idvae.cli.parser import Parser
from idvae.errors import INTERRUPTED, UserError

USAGE = """idvae train METHOD --data NAME [--out DIR] [options]
       idvae train --resume DIR [--steps N]"""


def run(argv: Sequence[str]) -> int:
    """Start or resume; the options of a method come after its name."""
    if argv and not argv[0].startswith("-"):
        return _start(argv[0], list(argv[1:]))
    return _resume(argv)


def _resume(argv: Sequence[str]) -> int:
    parser = Parser(
        "train",
        "Train a method on a data set, or go on with a run. `idvae train METHOD --help` lists the "
        f"options of a method; the methods are {', '.join(methods.names())}.",
        usage=USAGE,
    )
    parser.add_argument("--resume", type=Path, metavar="DIR", help="go on with this run")
    parser.add_argument(
        "--steps",
        type=int,
        help="train up to this step; learning rates that fell over the steps planned before stay "
        "at their last share",
    )
    parser.add_argument(
        "--lr-steps",
        type=int,
        metavar="N",
        help="let the learning rates fall over N steps instead; this can lift them again",
    )
    parser.add_argument("--device", help="auto, cpu, cuda, cuda:1 or mps")
    parser.add_argument(
        "--graphs",
        choices=("true", "false"),
        help="whether the step is recorded on a CUDA GPU; false to go on elsewhere",
    )
    parser.add_argument("--threads", type=int, help="CPU threads of torch; 0 takes them all")
    parser.add_argument(
        "--patience", type=int, help="seconds after which a process that does not answer is lost"
    )
    parser.add_argument(
        "--workers", type=int, help="threads that make batches ahead of the training"
    )
    # What was once needed to go on by another number of processes.
    parser.add_argument("--change-processes", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.resume is None:
        raise UserError(
            "say which METHOD to train, or which run to --resume; see idvae train --help"
        )
    for name in ("steps", "lr_steps", "workers", "patience"):
        value, flag = getattr(options, name), "--" + name.replace("_", "-")
        if value is not None and value < 1:
            raise UserError(f"{flag} {value} is out of range; it is at least 1")

    from idvae.training import start

    changes = {name: getattr(options, name) for name in start.CHANGES}
    changes["graphs"] = None if options.graphs is None else options.graphs == "true"
    return _fit(start.resume(options.resume, changes, again=_is_uncounted(options.resume)))


def _is_uncounted(path: Path) -> bool:
    """Whether a run on points, killed after its last checkpoint, still lacks its modes."""
    from idvae.sweep.goal import Goal
    from idvae.training import start
    from idvae.training.run import Run

    run = Run.open(path)
    if run.is_released or run.config["data"].get("kind") != "points":
        return False
    return "modes" in start.data_of(run).meta and not Goal(run.path, 0).is_counted


def _start(method: str, flags: list[str]) -> int:
    methods.check(method)
    parser = Parser(f"train {method}", "", add_help=False)
    parser.add_argument("--data", metavar="NAME")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--overwrite", action="store_true")
    parser.add_argument("--no-recipe", action="store_true")
    options, flags = parser.parse_known_args(flags)
    if "-h" in flags or "--help" in flags:
        print(_help(method))
        return 0

    from idvae.training import settings, start
    from idvae.training.run import Run

    if any(flag.startswith("--print_config") for flag in flags):
        flags = [flag for flag in flags if not flag.startswith("--print_config")]
        recipes = start.recipes_of(method, start.open_data(options.data)) if options.data else []
        chosen = settings.from_flags(method, flags, [] if options.no_recipe else recipes)
        settings.print_options(chosen)
        return 0
    asked = settings.from_flags(method, flags)  # a mistyped flag is told before any data are made
    if options.data is None:
        raise UserError("say which set to train on: --data NAME; see idvae data list")
    out = options.out or Path("runs") / f"{method}-{Path(options.data).name}"
    first = os.environ.get("RANK", "0") == "0"  # the others would find what it made
    inputs = settings.config_files(flags)
    begun = "TORCHELASTIC_RUN_ID" in os.environ and (out / "config.yaml").is_file()
    if first and not begun:  # else the processes find out together whether torchrun started anew
        reads = (*inputs, *start.first_phase(asked))
        Run.check_new(out, options.overwrite, reads)  # before any data are made
    prepared = start.open_data(options.data)
    recipes = [] if options.no_recipe else start.recipes_of(method, prepared)
    chosen = settings.from_flags(method, flags, recipes)
    trainer = start.begin_or_go_on(chosen, prepared, out, options.overwrite, inputs)
    if recipes and trainer.is_first:
        print(f"options start from the recipe {' + '.join(recipes)} (--no-recipe leaves it out)")
    return _fit(trainer)


def _help(method: str) -> str:
    from idvae.training import settings

    text = settings.parser(method).format_help().replace(f"usage: idvae train {method}", "", 1)
    return (
        f"usage: idvae train {method} --data NAME [--out DIR] [--overwrite] [options]\n\n"
        "  --data NAME           a prepared set, or a source that can be prepared unasked\n"
        f"  --out DIR             the run folder; runs/{method}-NAME if not given\n"
        "  --overwrite           replace a run that is there\n"
        "  --config FILE         a YAML file of options, or the name of a recipe\n"
        "  --no-recipe           do not start from the built-in recipe for the data set\n"
        f"\nall options:\n{text}"
    )


def _fit(trainer: Any) -> int:
    from idvae.training.display import watch
    from idvae.training.distributed import leave_processes, slower_in_bf16

    if not trainer.is_first:  # one process of several speaks
        try:
            trainer.fit()
        finally:
            leave_processes()
        return 0
    run = trainer.run
    total = sum(p.numel() for p in trainer.method.parameters())
    print(
        f"{trainer.method.title} on {run.config['data']['name']}: {total:,} parameters, "
        f"{trainer.processes.device}, steps {trainer.step:,} to {trainer.config.steps:,}, "
        f"{run.path}"
    )
    for remark in trainer.remarks:
        print(remark)
    if trainer.config.lr_final < 1 and trainer.config.fall < trainer.config.steps:
        print(
            f"learning rates fall until step {trainer.config.fall:,} and then stay at "
            f"{trainer.config.lr_final:g} of their first value (--lr-steps)"
        )
    if slower_in_bf16(trainer.processes.device, trainer.config.precision):
        print(
            "idvae: warning: this processor has no instructions for bf16 (AMX or AVX-512's): "
            "--precision bf16 is slower than 32 on it",
            file=sys.stderr,
        )
    try:
        with watch(trainer) as on_log:
            done = trainer.fit(on_log)
    finally:
        leave_processes()  # the others have ended by now
        finish(trainer)
    if done:
        return 0
    print(f"stopped at step {trainer.step:,}; go on with: idvae train --resume {run.path}")
    return INTERRUPTED if trainer.processes.world == 1 else 0  # torchrun would begin it anew


def finish(trainer: Any) -> None:
    """Draw the curves; for points count the modes; say where the pictures are."""
    from idvae.pictures.curves import save_curves
    from idvae.training import checkpoints

    run = trainer.run
    if run.metrics():
        save_curves(run.path / "curves.png", run.metrics(), trainer.method.title)
        print(f"curves: {run.path / 'curves.png'}")
    for kind in ("samples", "reconstructions"):
        if newest := sorted((run.path / kind).glob("*.png"))[-1:]:
            print(f"{kind}: {newest[0]}")
    if "modes" in trainer.data.meta and checkpoints.steps(run.path / "checkpoints"):
        _count_modes(trainer)


def _count_modes(trainer: Any) -> None:
    """Modes covered and share of good samples, of 10,000 samples from the newest checkpoint.

    After a divergence that is one of a step before.
    """
    from idvae.evaluate.metrics.modes import modes
    from idvae.model import Model
    from idvae.report.modes import save

    facts = trainer.data.meta["modes"]
    model = Model(trainer.run)
    samples = model.sample(10_000, trainer.config.seed)
    found = modes(samples, facts["centres"], facts["sigma"])
    print(
        f"modes covered at step {model.step:,}: {found.covered} of {len(found.counts)}; "
        f"{found.good_share:.1%} of {len(samples):,} samples within 3σ of a mode"
    )
    save(trainer.run, model.step, found, len(samples))

"""`idvae sweep`: many runs from one YAML file."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from idvae.cli import evaluate
from idvae.cli.parser import Parser
from idvae.errors import UserError

if TYPE_CHECKING:
    from idvae.sweep.jobs import Job


def run(argv: Sequence[str]) -> int:
    """Make every run that is not there; 1 where one failed, 130 where it was interrupted."""
    parser = Parser(
        "sweep",
        "Train methods × data × seeds from one YAML file. What is finished is left alone, what "
        "was begun goes on; `idvae compare` puts the runs beside each other.",
    )
    parser.add_argument(
        "plan",
        metavar="FILE.yaml",
        help="methods, data, seeds, config, options, evaluate, and budget: multiply-adds of a "
        "training (7e12), from which each method's steps follow",
    )
    parser.add_argument("--out", metavar="DIR", required=True, help="a folder for all runs")
    add_devices(parser)
    options = parser.parse_args(argv)
    file = plan_file(options.plan)

    from idvae.sweep.jobs import jobs
    from idvae.sweep.launchers.local import Local
    from idvae.sweep.plan import Plan

    plan = Plan.read(file)
    devices = devices_of(options.devices)
    out = Path(options.out)
    made = jobs(plan, out)
    check_scoring(made)
    failed, undone = Local(devices).launch(made, out, tell)
    if undone:
        print(f"stopped, {len(undone)} runs are not finished; the same command goes on")
        return 130
    if failed:
        print(f"idvae: error: {len(failed)} runs failed; see the .log beside each", file=sys.stderr)
    return 1 if failed else 0


def plan_file(place: str) -> Path:
    """The file of a plan.

    Raises:
        UserError: it is not there.
    """
    file = Path(place)
    if not file.is_file():
        raise UserError(f"{file}: no such file")
    return file


def add_devices(parser: Parser) -> None:
    """`--devices`, which `devices_of` reads."""
    parser.add_argument(
        "--devices",
        default="auto",
        help="one process on each, joined by commas: cuda:0,cuda:1, or cpu,cpu for two that share "
        "the cores; auto takes every GPU, or the CPU once",
    )


def devices_of(text: str) -> list[str]:
    """What each process is given.

    Raises:
        UserError: there is no such device.
    """
    devices = [part.strip() for part in text.split(",") if part.strip()]
    if devices != ["auto"]:
        from idvae.training.distributed import torch_device

        for device in devices:
            torch_device(device)
        return devices or ["auto"]
    import torch

    return [f"cuda:{i}" for i in range(torch.cuda.device_count())] or ["auto"]


def check_scoring(jobs: Sequence["Job"]) -> None:
    """Raise UserError for a flag of `evaluate` that is not there, before anything is trained."""
    if jobs:
        evaluate.parser().parse_args([str(jobs[0].path), *jobs[0].scoring()])


def tell(line: str) -> None:
    print(line, flush=True)

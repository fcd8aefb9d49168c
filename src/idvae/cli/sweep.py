"""`idvae sweep`: many runs from one YAML file."""

import sys
from collections.abc import Sequence
from pathlib import Path

from idvae.cli.parser import Parser
from idvae.errors import UserError


def run(argv: Sequence[str]) -> int:
    """Make every run that is not there; 1 where one failed, 130 where it was interrupted."""
    parser = Parser(
        "sweep",
        "Train methods × data × seeds from one YAML file. What is finished is left alone, what "
        "was begun goes on; `idvae compare` puts the runs beside each other.",
    )
    parser.add_argument("plan", metavar="FILE.yaml", help="methods, data, seeds, options, evaluate")
    parser.add_argument("--out", metavar="DIR", required=True, help="a folder for all runs")
    parser.add_argument(
        "--devices",
        default="auto",
        help="one process on each, joined by commas: cuda:0,cuda:1, or cpu,cpu for two that share "
        "the cores; auto takes every GPU, or the CPU once",
    )
    options = parser.parse_args(argv)
    plan_file = Path(options.plan)
    if not plan_file.is_file():
        raise UserError(f"{plan_file}: no such file")

    from idvae.sweep.jobs import jobs
    from idvae.sweep.launchers.local import Local
    from idvae.sweep.plan import Plan

    plan = Plan.read(plan_file)
    devices = _devices(options.devices)
    out = Path(options.out)
    failed, undone = Local(devices).launch(jobs(plan, out), out, _tell)
    if undone:
        print(f"stopped, {len(undone)} runs are not finished; the same command goes on")
        return 130
    if failed:
        print(f"idvae: error: {len(failed)} runs failed; see the .log beside each", file=sys.stderr)
    return 1 if failed else 0


def _devices(text: str) -> list[str]:
    devices = [part.strip() for part in text.split(",") if part.strip()]
    if devices != ["auto"]:
        from idvae.training.distributed import torch_device

        for device in devices:
            torch_device(device)
        return devices or ["auto"]
    import torch

    return [f"cuda:{i}" for i in range(torch.cuda.device_count())] or ["auto"]


def _tell(line: str) -> None:
    print(line, flush=True)

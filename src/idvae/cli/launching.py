"""Where runs are made: flags that a sweep and a search have in common."""

from argparse import Namespace
from typing import TYPE_CHECKING

from idvae.cli.parser import Parser
from idvae.errors import UserError
from idvae.options import listed

if TYPE_CHECKING:
    from idvae.sweep.launchers.launcher import Launcher

OF_A_CLUSTER = ("parallel", "time_limit", "gpus", "cores", "memory", "partition", "sbatch")


def add_launcher(parser: Parser) -> None:
    """`--launcher` and what each of them takes; `launcher_of` reads it."""
    parser.add_argument(
        "--launcher",
        choices=("local", "slurm", "submitit-local"),
        default="local",
        help="processes of this machine; jobs of Slurm, through submitit (the cluster extra); or "
        "processes that stand in for jobs, to try the same here",
    )
    parser.add_argument(
        "--devices",
        default="auto",
        help="of local: one process on each, joined by commas: cuda:0,cuda:1, or cpu,cpu for two "
        "that share the cores; auto takes every GPU, or the CPU once",
    )
    jobs = parser.add_argument_group("jobs of a cluster")
    jobs.add_argument(
        "--parallel",
        type=int,
        metavar="N",
        help="most jobs at once; without it as many as Slurm starts, one of submitit-local",
    )
    jobs.add_argument(
        "--time-limit",
        type=int,
        metavar="MINUTES",
        help="of a job, 240 without it; a run that needs longer saves and is queued again",
    )
    jobs.add_argument("--gpus", type=int, choices=(0, 1), help="of a job; none without it")
    jobs.add_argument("--cores", type=int, metavar="N", help="of a job; one without it")
    jobs.add_argument("--memory", type=float, metavar="GB", help="of a job")
    jobs.add_argument("--partition", metavar="NAME", help="of Slurm")
    jobs.add_argument(
        "--sbatch",
        action="append",
        metavar="NAME=VALUE",
        help="another flag of sbatch, such as account=vision; may be given several times",
    )


def launcher_of(options: Namespace) -> "Launcher":
    """The launcher that was asked for.

    Raises:
        UserError: a flag of another launcher, no such device, or submitit or Slurm is not there.
    """
    if options.launcher == "local":
        for name in OF_A_CLUSTER:
            if getattr(options, name) is not None:
                flag = "--" + name.replace("_", "-")
                raise UserError(
                    f"{flag} is of jobs of a cluster; pass --launcher slurm, or leave it"
                )
        from idvae.sweep.launchers.local import Local

        return Local(_devices(options.devices))
    if options.devices != "auto":
        raise UserError(f"--devices belongs to --launcher local; jobs of {options.launcher} have "
                        "--gpus 0 or 1")  # fmt: skip
    for name in ("parallel", "time_limit", "cores", "memory"):
        value = getattr(options, name)
        if value is not None and not 0 < value < 1e9:
            flag = "--" + name.replace("_", "-")
            raise UserError(f"{flag} {value} is out of range; it is above 0")
    from idvae.sweep.launchers.cluster import Cluster, Limits

    asked = {
        "minutes": options.time_limit,
        "gpus": options.gpus,
        "cores": options.cores,
        "memory": options.memory,
        "partition": options.partition,
        "sbatch": _flags(options.sbatch),
    }
    limits = Limits(**{name: value for name, value in asked.items() if value is not None})
    kind = "slurm" if options.launcher == "slurm" else "local"
    return Cluster(kind, limits, options.parallel)


def _flags(pairs: list[str] | None) -> dict[str, str]:
    found = {}
    for pair in pairs or []:
        name, equals, value = pair.removeprefix("--").partition("=")
        if not equals or not name or not value or "\n" in pair:
            raise UserError(f"--sbatch {pair}: it is NAME=VALUE, such as account=vision")
        found[name] = value
    return found


def _devices(text: str) -> list[str]:
    devices = listed(text)
    if devices != ["auto"]:
        from idvae.training.distributed import torch_device

        for device in devices:
            torch_device(device)
        return devices or ["auto"]
    import torch

    return [f"cuda:{i}" for i in range(torch.cuda.device_count())] or ["auto"]

"""`make replicate`: every plan of a size, then what its runs say of each claim.

Run: python replication/replicate.py [cpu | gpu-cifar10 | gpu-celeba]

What is there is left alone and what was begun goes on, so it can be stopped at any time and called
again. It calls the commands that a user would type, and prints them.
"""

import os
import shlex
import sys
from pathlib import Path

import torch

from idvae.cli import main as idvae
from idvae.evaluate.experts.domain import default_path
from idvae.sweep.plan import Plan
from idvae.training.start import open_data

HERE = Path(__file__).parent


def main(argv: list[str]) -> int:
    """Make the runs of a size below runs/, and its results below results/."""
    size = argv[0] if argv else "cpu"
    plans = sorted((HERE / size).glob("*.yaml"))
    if not plans:
        sizes = ", ".join(sorted(p.name for p in HERE.iterdir() if any(p.glob("images.yaml"))))
        print(f"idvae: error: no size {size}; there are {sizes}", file=sys.stderr)
        return 2
    runs, out = Path("runs/replication") / size, Path("results/replication") / size
    devices = "auto" if torch.cuda.is_available() else ",".join(["cpu"] * (os.cpu_count() or 1))
    for plan in plans:
        for command in [*experts(plan), ["sweep", str(plan), "--devices", devices]]:
            place = ["--out", str(runs / plan.stem)] if command[0] == "sweep" else []
            if status := shown([*command, *place]):
                return status
    for data in sorted((runs / "images").iterdir()):
        beside = [str(run) for run in sorted(data.glob("*-seed*")) if run.is_dir()]
        place = str(out.with_name(f"{size}-{data.name}"))
        if status := shown(["compare", *beside, "--out", place, "--overwrite"]):
            return status
    claims = str(HERE / "claims")
    return shown(["claims", claims, "--runs", str(runs), "--out", str(out), "--overwrite"])


def experts(plan: Path) -> list[list[str]]:
    """The trainings of the expert `domain` that a plan's scores need and that are not there."""
    read = Plan.read(plan)
    if "domain" not in str((read.evaluate or {}).get("experts")).split(","):
        return []
    sets = {name: open_data(name).checksum for name in read.data}
    return [
        ["experts", "train", name]
        for name, checksum in sets.items()
        if not default_path(checksum).is_file()
    ]


def shown(command: list[str]) -> int:
    print(f"\n$ idvae {shlex.join(command)}", flush=True)
    return idvae(command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

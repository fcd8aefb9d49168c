"""`idvae bench start`: seconds until the command line answers, and until training steps."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from idvae.bench.images import make_set
from idvae.bench.rounds import Figure, figure, rounds
from idvae.errors import UserError

PYTHON, TORCH = "python starts", "torch is imported"
HELP, FIRST = "idvae --help", "idvae train reaches its first step"


def measure(repeats: int, announce: Callable[[str], None]) -> list[Figure]:
    """Each in a process of its own, beside what Python and the imports alone take."""
    with tempfile.TemporaryDirectory() as place:
        images = make_set(Path(place) / "images", 512, 32)
        running = {
            HELP: lambda: seconds("-m", "idvae", "--help"),
            PYTHON: lambda: seconds("-c", "pass"),
            FIRST: lambda: first_step(images.path, Path(place) / "run"),
            TORCH: lambda: seconds("-c", "import torch"),
        }
        found = rounds(running, repeats, announce)
    return [
        figure(found, HELP, "s", PYTHON),
        figure(found, PYTHON, "s"),
        figure(found, FIRST, "s", TORCH),
        figure(found, TORCH, "s"),
    ]


def seconds(*arguments: str) -> float:
    """How long Python takes with these arguments."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def first_step(images: Path, run: Path) -> float:
    """From the start of `idvae train` to the metrics of its first step."""
    flags = ["--steps=1", "--log-every=1", "--grid-every=0", "--overwrite", "--out", str(run)]
    command = [sys.executable, "-m", "idvae", "train", "idvae", "--data", str(images), *flags]
    metrics, began = run / "metrics.jsonl", time.perf_counter()
    metrics.unlink(missing_ok=True)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=_alone())
    while not (metrics.exists() and metrics.stat().st_size):
        _check(process, command)
        time.sleep(0.005)
    taken = time.perf_counter() - began
    process.wait()
    return taken


def _check(process: subprocess.Popen[bytes], command: Sequence[str]) -> None:
    if process.poll() not in (None, 0):
        raise UserError(
            f"a training that is measured has failed; see what {' '.join(command)} says"
        )


def _alone() -> dict[str, str]:
    """The environment without torchrun's part of it."""
    ours = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
    return {k: v for k, v in os.environ.items() if k not in ours}

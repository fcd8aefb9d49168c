"""`idvae bench train --processes N`: N single-threaded processes beside one."""

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from idvae.bench.images import make_set
from idvae.bench.rounds import Figure, figure, rounds
from idvae.errors import UserError


def measure(
    count: int,
    size: int,
    steps: int,
    flags: Sequence[str],
    repeats: int,
    announce: Callable[[str], None],
) -> list[Figure]:
    """Images a second of `idvae train` by `count` processes, each with as many as --batch.

    Args:
        count: processes that train as one.
        size: side of the images.
        steps: training steps that are measured.
        flags: of `idvae train idvae`.
        repeats: rounds.
        announce: told of each round.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        batch = next((int(f.partition("=")[2]) for f in flags if f.startswith("--batch-size=")), 64)
        images = make_set(folder / "images", max(512, 2 * count * batch), size)

        def rate(world: int) -> float:
            command = ["train", "idvae", "--data", str(images.path), "--out", str(folder / "run")]
            shared = [*flags, f"--batch-size={batch * world}"]  # of all of them together
            return images_per_second(command, world, steps, shared, folder / "run")

        one, many = "1 process of 1 thread", f"{count} processes of 1 thread"
        found = rounds({many: lambda: rate(count), one: lambda: rate(1)}, repeats, announce)
    return [figure(found, many, "images/s", one), figure(found, one, "images/s")]


def images_per_second(
    command: Sequence[str], world: int, steps: int, flags: Sequence[str], run: Path
) -> float:
    """Train in `world` processes; the median rate of its rows of metrics after the first."""
    every = max(1, steps // 5)
    quiet = [f"--steps={6 * every}", f"--log-every={every}", "--grid-every=0", "--threads=1"]
    shutil.rmtree(run, ignore_errors=True)
    port = free_port()
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "idvae", *command, *flags, *quiet],
            env=os.environ | as_torchrun(rank, world, port),
            stdout=subprocess.DEVNULL,
        )
        for rank in range(world)
    ]
    if any([process.wait() for process in started]):
        raise UserError("a training that is measured has failed; its own message is above")
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return statistics.median(json.loads(line)["images_per_s"] for line in lines[1:])


def as_torchrun(rank: int, world: int, port: int) -> dict[str, str]:
    """What torchrun would set for one process of a single machine, of one thread."""
    places = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world}
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "GROUP_RANK": 0}
    return {n: str(value) for n, value in (places | meeting | {"OMP_NUM_THREADS": 1}).items()}


def free_port() -> int:
    """A port of this machine that nothing listens on, for the processes to meet at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

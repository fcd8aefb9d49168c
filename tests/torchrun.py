"""Starts the processes of `torchrun -m idvae`, without its launcher between them and a test."""

import os
import socket
import subprocess
import sys


def start_all(arguments, world=2):
    """The processes of `idvae ARGUMENTS` that work as one, by rank."""
    port = _free_port()
    return [_start(rank, world, port, arguments) for rank in range(world)]


def _start(rank, world, port, arguments):
    environment = os.environ | {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world),
        "LOCAL_WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
        "GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "test", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "idvae", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

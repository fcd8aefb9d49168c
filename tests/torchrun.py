"""Starts processes that work as one, as torchrun does, without its launcher between."""

import os
import subprocess
import sys

from idvae.bench.processes import as_torchrun, free_port


def start_all(arguments, program=("-m", "idvae"), world=2, cwd=None):
    """The processes of `python PROGRAM ARGUMENTS`, by rank, in a folder."""
    port = free_port()
    return [
        subprocess.Popen(
            [sys.executable, *program, *arguments],
            env=os.environ | as_torchrun(rank, world, port),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
        )
        for rank in range(world)
    ]

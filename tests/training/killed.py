"""Trains a run and kills its own process at a given moment: `python killed.py OUT DATA MOMENT`.

MOMENT is `update:N` (before the Nth update: in the middle of a step), `write:N` (after the Nth
file of checkpoints is written, before its folder is whole), or `rename:N` (just before the Nth
folder gets its name: the run first, then each checkpoint).
"""

import os
import signal
import sys

from idvae.training import checkpoints, start, updates

OPTIONS = {
    "steps": 40, "batch_size": 8, "width": 4, "z_dim": 3, "save_every": 8, "log_every": 4,
    "grid_every": 0, "ema": 0.9, "threads": 1, "seed": 5, "lr_final": 0.1,
}  # fmt: skip


def die_before(function, count):
    """`function`, but the process is gone when it is called for the `count`-th time."""
    calls = 0

    def counted(*arguments, **options):
        nonlocal calls
        calls += 1
        if calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)

    return counted


if __name__ == "__main__":
    out, data, moment = sys.argv[1:]
    what, _, count = moment.partition(":")
    if what == "update":
        updates.Updates.__call__ = die_before(updates.Updates.__call__, int(count))
    elif what == "write":
        checkpoints.save_file = die_before(checkpoints.save_file, int(count))
    elif what == "rename":
        os.rename = die_before(os.rename, int(count))
    start.train("idvae", data, out, **OPTIONS)

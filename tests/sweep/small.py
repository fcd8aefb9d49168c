"""Small sweeps: their options, and how far they got."""

from idvae.sweep.jobs import jobs
from idvae.sweep.launchers.local import Local
from idvae.sweep.plan import Plan
from idvae.training import checkpoints

OPTIONS = {"steps": 3, "batch_size": 8, "width": 8, "save_every": 100, "grid_every": 0}


def sweep(file, out, devices=("auto",), tell=print):
    """Make every run of a plan by processes of this machine."""
    return Local(devices).launch(jobs(Plan.read(file), out), out, tell)


def steps_of(path):
    return max(checkpoints.steps(path / "checkpoints"), default=None)

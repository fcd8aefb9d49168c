"""Runs and scores as `idvae train` and `idvae evaluate` leave them, without training."""

from idvae.evaluate.scores import Scores, Value
from idvae.report.rows import Entry
from idvae.training.run import Run

OPTIONS = {
    "omega": 1.0,
    "preset": "small",
    "width": 32,
    "z_dim": 64,
    "steps": 100,
    "batch_size": 10,
    "device": "cpu",
    "threads": 1,
}
TITLES = {
    "idvae": "IDVAE",
    "vae": "VAE",
    "vae-gan": "VAE-GAN",
    "gan": "GAN",
    "alpha-gan": "α-GAN",
    "rfgan": "RFGAN",
}


def value(*values):
    return Value.of(values)


def a_run(
    folder, method="idvae", seed=0, checksum="abc", parameters=None, processes=None, **options
):
    """A run folder with two lines of metrics."""
    config = {
        "method": method,
        "data": {"name": f"set-{checksum}", "path": "gone", "checksum": checksum},
        "options": {**OPTIONS, "seed": seed, **options},
        "parameters": parameters or {"trunk": 1000, "dec": 500},
        "step_macs": 2_000_000,
    }
    run = Run.create(folder, config | ({"processes": processes} if processes else {}))
    run.append_metrics({"step": 60, "images_per_s": 10.0})
    run.append_metrics({"step": 100, "images_per_s": 40.0})
    return run


def scored(name, fds, error=None, indices="x", facts=None, step=None):
    """Scores of sample sets by two experts, and a reconstruction error with its standard error."""
    about = {} if step is None else {"step": step}
    rows = {"a": {"fd": value(*fds)}, "b": {"fd": value(*(2 * fd for fd in fds))}}
    reconstruction = None
    if error is not None:
        values = {"squared_error": {"mean": error, "standard_error": 0.5}}
        reconstruction = {"facts": {"n": 100, "indices": indices}, "values": values}
    baseline = {"a": {"fd": value(0.5)}, "b": {"fd": value(0.7)}}
    return Scores(name, facts or {"n": 1}, rows, baseline, reconstruction, about)


def entry(folder, method="idvae", seed=0, fds=(1.0, 3.0), error=None, step=None, **options):
    """A run scored at a step, on disk and as an entry."""
    run = a_run(folder, method, seed, **options)
    scores = scored(folder.name, fds, error, step=step)
    scores.save(folder / "scores.json")
    return Entry(scores, run, TITLES[method])

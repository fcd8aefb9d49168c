"""torchrun starts a command anew after a lost process: it goes on, where a first start refuses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from idvae import data
from idvae.errors import UserError
from idvae.training import checkpoints, start
from idvae.training.distributed import Processes
from idvae.training.restarts import has_begun, torchrun_id
from idvae.training.run import Run

OPTIONS = {"steps": 4, "batch_size": 8, "width": 8, "log_every": 2, "grid_every": 0, "threads": 1}
ALONE = Processes(torch.device("cpu"))


@pytest.fixture
def ring(data_root):
    found = data_root / "ring"
    return data.open_set(found) if found.exists() else data.prepare(
        "gaussians-ring", n=100, set_name="ring"
    )  # fmt: skip


def chosen_for(ring, **options):
    chosen = start.settings.from_mapping(
        "idvae", OPTIONS | options, start.recipes_of("idvae", ring)
    )
    return start.resolved_for(chosen, ring)


def begun(ring, place, **options):
    return has_begun(place, chosen_for(ring, **options), ring, ALONE)


def test_a_first_start_leaves_what_is_there_alone(ring, tmp_path, monkeypatch):
    start.train("idvae", ring.path, tmp_path / "run", **OPTIONS)
    for name, value in (("COUNT", "0"), ("COUNT", "1")):
        monkeypatch.setenv(f"TORCHELASTIC_RESTART_{name}", value)
        assert begun(ring, tmp_path / "run") == (value == "1")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "0")
    chosen = start.settings.from_mapping("idvae", OPTIONS, start.recipes_of("idvae", ring))
    with pytest.raises(UserError, match="exists already"):
        start.begin_or_go_on(chosen, ring, tmp_path / "run", overwrite=False)


def test_only_the_very_command_goes_on(ring, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "2")
    assert not begun(ring, tmp_path / "none")
    start.train("idvae", ring.path, tmp_path / "run", **OPTIONS)
    assert begun(ring, tmp_path / "run")
    assert not begun(ring, tmp_path / "run", seed=1)
    assert not begun(ring, tmp_path / "run", steps=5)
    other = data.prepare("gaussians-grid", n=100, set_name="grid-restarts")
    assert not has_begun(tmp_path / "run", chosen_for(ring), other, ALONE)
    (tmp_path / "run" / "config.yaml").write_text("format: 9\n")
    assert not begun(ring, tmp_path / "run")


def test_nodes_that_come_later_know_the_run_by_the_name_of_their_torchrun(
    ring, tmp_path, monkeypatch
):
    """Where none was lost no restart is counted."""
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "job-7")
    run = start.train("idvae", ring.path, tmp_path / "run", **OPTIONS)
    assert run.config["torchrun"] == torchrun_id() == "job-7"
    assert begun(ring, run.path)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "job-8")
    assert not begun(ring, run.path)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")  # torchrun's own, which names nothing
    unnamed = start.train("idvae", ring.path, tmp_path / "unnamed", **OPTIONS)
    assert not begun(ring, unnamed.path)


def test_a_restart_of_what_had_reached_its_steps_is_no_mistake(ring, tmp_path, monkeypatch):
    """A process may die after the last checkpoint, and the others have ended well."""
    run = start.train("idvae", ring.path, tmp_path / "run", **OPTIONS)
    with pytest.raises(UserError, match="has reached its 4 steps"):
        start.resume(run.path, {})
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert start.resume(run.path, {}).fit()
    assert [row["step"] for row in Run.open(run.path).metrics()] == [2, 4]


@pytest.mark.slow
@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch has no distributed here")
def test_torchrun_goes_on_by_itself_after_a_kill(data_root, tmp_path):
    """One of two processes is gone in the middle: to the weights of a training left alone."""
    made = data.prepare("digits", n=200, set_name="digits-restarts")
    options = {
        "steps": 20, "save_every": 5, "batch_size": 8, "width": 4, "z_dim": 3, "log_every": 5,
        "grid_every": 0, "threads": 1, "precision": "64", "sync_norm": True, "ema": 0.9,
    }  # fmt: skip
    flags = [f"--{k.replace('_', '-')}={v}".replace("True", "true") for k, v in options.items()]
    out = tmp_path / "run"
    torchrun = [
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "--max-restarts",
        "1",
    ]
    program = [str(Path(__file__).with_name("killed_once.py")), "40"]  # three updates a step
    command = ["train", "idvae", "--data", made.name, "--out", str(out), *flags]
    tests = str(Path(__file__).parent.parent)
    path = os.pathsep.join([*os.environ.get("PYTHONPATH", "").split(os.pathsep), tests])
    done = subprocess.run(
        [sys.executable, *torchrun, *program, *command],
        check=False, capture_output=True, text=True, timeout=500,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "steps 0 to 20" in done.stdout
    assert "steps 10 to 20" in done.stdout
    alone = start.train("idvae", made.name, tmp_path / "alone", **options)
    a, b = (checkpoints.load(place / "checkpoints", "idvae") for place in (alone.path, out))
    assert a.step == b.step == 20
    for name, value in (a.model | a.average).items():
        torch.testing.assert_close((b.model | b.average)[name], value, rtol=0, atol=1e-8)
    assert [row["step"] for row in Run.open(out).metrics()] == [5, 10, 15, 20]

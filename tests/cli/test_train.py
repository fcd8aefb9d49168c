"""What is told when a training ends: of the weights that are there, also after a divergence."""

import json

import pytest
import torch

from idvae import data
from idvae.cli import main
from idvae.cli.train import finish
from idvae.errors import DivergedError
from idvae.evaluate.metrics.modes import modes
from idvae.model import load
from idvae.training import start

OPTIONS = {
    "steps": 40, "batch_size": 8, "width": 4, "z_dim": 3, "save_every": 8, "log_every": 4,
    "grid_every": 0, "threads": 1,
}  # fmt: skip


def diverged(out, at):
    """A trainer whose weights broke at a step."""
    ring = data.prepare("gaussians-ring", n=200, set_name="ring-told", overwrite=True)
    trainer = start.start(start.settings.from_mapping("vae", OPTIONS), ring, out, overwrite=False)

    def poison(step, row):
        if step == at:
            with torch.no_grad():
                next(trainer.method.dec.parameters()).fill_(float("nan"))

    with pytest.raises(DivergedError):
        trainer.fit(poison)
    return trainer


def test_after_a_divergence_modes_are_of_the_step_that_they_name(tmp_path, capsys):
    trainer = diverged(tmp_path / "run", at=20)
    finish(trainer)
    found = json.loads((tmp_path / "run" / "modes.json").read_text())
    assert (found["step"], trainer.step) == (16, 24)
    facts = trainer.data.meta["modes"]
    samples = load(tmp_path / "run", step=found["step"]).sample(found["n"], 0)
    again = modes(samples, facts["centres"], facts["sigma"])
    assert (found["covered"], found["good_share"]) == (again.covered, again.good_share)
    assert "modes covered at step 16: " in capsys.readouterr().out


def test_a_run_that_was_killed_before_its_modes_were_counted_is_resumed_for_that(tmp_path):
    run = tmp_path / "run"
    command = ["train", "vae", "--data", "gaussians-ring", "--steps", "2", "--out", str(run)]
    assert main(command) == 0
    counted = (run / "modes.json").read_bytes()
    (run / "modes.json").unlink()
    assert main(["train", "--resume", str(run)]) == 0
    assert (run / "modes.json").read_bytes() == counted
    assert main(["train", "--resume", str(run)]) == 2  # it has reached its steps
    (run / "modes.json").write_bytes(counted.replace(b'"step": 2', b'"step": 1'))  # of one before
    assert main(["train", "--resume", str(run)]) == 0
    assert (run / "modes.json").read_bytes() == counted


def test_without_a_checkpoint_there_is_nothing_to_count(tmp_path):
    """And no other error takes the place of the divergence."""
    trainer = diverged(tmp_path / "run", at=4)
    (tmp_path / "run" / "checkpoints").mkdir()
    finish(trainer)
    assert not (tmp_path / "run" / "modes.json").exists()

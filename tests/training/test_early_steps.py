"""Methods whose first steps are others: which they are, and runs that go on across the switch."""

import pytest
import torch

from idvae import data, methods
from idvae.training import checkpoints, start
from methods.test_contract import early_options, with_early_steps

OPTIONS = {
    "steps": 12, "lr_final": 1.0, "batch_size": 8, "width": 4, "z_dim": 3, "log_every": 2,
    "save_every": 100, "grid_every": 0, "ema": 0.9, "threads": 1, "seed": 5,
}  # fmt: skip


@pytest.fixture(scope="module")
def digits(data_root):
    return str(data.resolve("digits").path)


@pytest.fixture
def made(name, monkeypatch):
    """Which steps were made, in order: "early_step" or "step"; not those within another."""
    found, within = [], []
    for kind in ("early_step", "step"):
        noted(methods.get(name), kind, found, within, monkeypatch)
    return found


def noted(cls, kind, found, within, monkeypatch):
    work = getattr(cls, kind)

    def step(self, *args, **noise):
        if not within:
            found.append(kind)
        within.append(kind)
        work(self, *args, **noise)
        within.pop()

    monkeypatch.setattr(cls, kind, step)


def final(run):
    return checkpoints.load(run.path / "checkpoints", run.config["method"])


@pytest.mark.parametrize("name", with_early_steps())
@pytest.mark.parametrize("stop", [4, 6, 8])
def test_a_run_goes_on_across_the_switch_to_the_bit(name, stop, digits, tmp_path, made):
    options = OPTIONS | early_options(name, 6)
    whole = start.train(name, digits, tmp_path / "whole", **options)
    kinds = ["early_step"] * 6 + ["step"] * 6
    del made[: -len(kinds)]  # multiply-adds were counted before the training
    assert made == kinds
    start.train(name, digits, tmp_path / "part", **{**options, "steps": stop})
    made.clear()
    trainer = start.resume(tmp_path / "part", {"steps": OPTIONS["steps"]})
    trainer.fit()
    assert made == kinds[stop:]
    one, other = final(whole), final(trainer.run)
    for part in ("model", "average", "optimizers"):
        assert set(getattr(one, part)) == set(getattr(other, part))
        for key, value in getattr(one, part).items():
            assert torch.equal(getattr(other, part)[key], value), key
    for row, again in zip(whole.metrics(), trainer.run.metrics(), strict=True):
        assert row | {"images_per_s": 0} == again | {"images_per_s": 0}


@pytest.mark.parametrize("name", with_early_steps())
def test_without_any_every_step_is_the_method_s(name, digits, tmp_path, made):
    start.train(name, digits, tmp_path / "run", **{**OPTIONS, **early_options(name, 0), "steps": 3})
    assert made[-3:] == ["step"] * 3
    assert "early_step" not in made

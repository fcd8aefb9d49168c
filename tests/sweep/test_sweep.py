"""Sweeps: what is finished is left alone, what was begun goes on, what fails is told."""

import json
import signal
import subprocess
import sys
import time

import pytest
import yaml

from idvae import data
from idvae.cli import main
from idvae.errors import UserError
from idvae.sweep.jobs import Plan, jobs, sweep
from idvae.training import checkpoints

SMALL = {"steps": 3, "batch_size": 8, "width": 8, "save_every": 100, "grid_every": 0}


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.setenv("IDVAE_DATA", str(tmp_path / "data"))
    data.prepare("gaussians-ring", n=200)

    def write(**values):
        path = tmp_path / "plan.yaml"
        filled = {"methods": ["vae"], "data": ["gaussians-ring"], "options": SMALL, **values}
        path.write_text(yaml.safe_dump({k: v for k, v in filled.items() if v is not None}))
        return path

    return write


def steps_of(path):
    return max(checkpoints.steps(path / "checkpoints"), default=None)


def test_every_run_is_made_once(plan, tmp_path):
    file = plan(methods={"vae": {"beta": 0.5}, "age": None}, seeds=[0, 3])
    told = []
    assert sweep(Plan.read(file), tmp_path / "out", devices=("cpu", "cpu"), tell=told.append) == (
        [],
        [],
    )
    places = sorted(p for p in (tmp_path / "out" / "gaussians-ring").iterdir() if p.is_dir())
    assert [p.name for p in places] == ["age-seed0", "age-seed3", "vae-seed0", "vae-seed3"]
    assert {steps_of(p) for p in places} == {3}
    config = yaml.safe_load((places[3] / "config.yaml").read_text())
    assert (config["options"]["beta"], config["options"]["seed"]) == (0.5, 3)
    # The recipe for points, under the plan's own options.
    assert (config["options"]["ema"], config["options"]["batch_size"]) == (0.999, 8)
    before = {p: (p / "config.yaml").stat().st_mtime_ns for p in places}
    told.clear()
    sweep(Plan.read(file), tmp_path / "out", tell=told.append)
    assert told == [f"4 runs in {tmp_path / 'out'}, 4 of them finished"]
    assert before == {p: (p / "config.yaml").stat().st_mtime_ns for p in places}


def test_a_sweep_that_was_stopped_goes_on(plan, tmp_path):
    file = plan(options={**SMALL, "steps": 200_000, "save_every": 200_000})
    out = tmp_path / "out"
    command = [sys.executable, "-m", "idvae", "sweep", str(file), "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    run = out / "gaussians-ring" / "vae-seed0"
    deadline = time.monotonic() + 60
    while not (run / "metrics.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    with pytest.raises(UserError, match=r"another sweep.*still works in"):
        sweep(Plan.read(file), out)
    process.send_signal(signal.SIGTERM)
    words, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on" in words
    reached = steps_of(run)
    assert 0 < reached < 200_000
    shorter = Plan.read(plan(options={**SMALL, "steps": reached + 5}))
    assert sweep(shorter, out) == ([], [])
    assert steps_of(run) == reached + 5
    assert json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["step"] == reached + 5


def test_a_run_that_fails_is_told_and_the_others_are_made(plan, tmp_path, capsys):
    file = plan(methods={"vae": {"lr": 1e30}, "gan": None}, options={**SMALL, "steps": 40})
    assert main(["sweep", str(file), "--out", str(tmp_path / "out")]) == 1
    printed = capsys.readouterr()
    assert "vae-seed0: failed: idvae: error: training stopped near step" in printed.out
    assert "1 runs failed" in printed.err
    assert steps_of(tmp_path / "out" / "gaussians-ring" / "gan-seed0") == 40


def test_a_run_made_with_other_options_is_not_taken_for_this_one(plan, tmp_path):
    out = tmp_path / "out"
    sweep(Plan.read(plan()), out)
    with pytest.raises(UserError, match="vae-seed0 was made with other lr than the plan's"):
        jobs(Plan.read(plan(options={**SMALL, "lr": 0.5})), out)
    data.prepare("gaussians-ring", n=300, overwrite=True)
    with pytest.raises(UserError, match="made with other data"):
        jobs(Plan.read(plan()), out)


def test_an_option_of_none_is_not_one_of_0(plan, tmp_path):
    out = tmp_path / "out"
    none, zero = ({"alpha-gan": {"lambda_dec": value}} for value in (None, 0.0))
    sweep(Plan.read(plan(methods=none)), out)
    with pytest.raises(UserError, match="was made with other lambda_dec than the plan's"):
        jobs(Plan.read(plan(methods=zero)), out)
    config = out / "gaussians-ring" / "alpha-gan-seed0" / "config.yaml"
    older = yaml.safe_load(config.read_text())
    for name in ("lambda_dec", "clip"):  # as a version wrote it that did not have them
        del older["options"][name]
    config.write_text(yaml.safe_dump(older))
    assert len(jobs(Plan.read(plan(methods=none)), out)) == 1
    with pytest.raises(UserError, match="other lambda_dec"):
        jobs(Plan.read(plan(methods=zero)), out)


def test_a_plan_with_more_steps_goes_on_with_its_runs_once(plan, tmp_path):
    """A run that went on notes the fall of its learning rates: it is still the plan's run."""
    out = tmp_path / "out"
    for steps in (3, 5):
        longer = Plan.read(plan(options={**SMALL, "lr_final": 0.1, "steps": steps}))
        assert sweep(longer, out) == ([], [])
    told = []
    assert sweep(longer, out, tell=told.append) == ([], [])
    (place,) = {job.path for job in jobs(longer, out)}
    assert (steps_of(place), told) == (5, [f"1 runs in {out}, 1 of them finished"])


def test_the_fair_preset_is_one_for_all(plan):
    data.prepare("digits", size=16, n=60)
    file = plan(methods=["vae", "gan", "idvae"], data=["digits-16"], config="fair", options=None)
    made = jobs(Plan.read(file), file.parent)
    assert len({str(job.settings.networks) for job in made}) == 1
    assert len({str(job.settings.train) for job in made}) == 1
    assert made[0].settings.train.lr_final == 0.1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"methods": ["vea"]}, "did you mean vae"),
        ({"methods": None}, "methods is missing"),
        ({"data": ["digit"]}, "did you mean digits"),
        ({"seeds": [-1]}, "the seed -1 is out of range"),
        ({"seeds": [2**63]}, "the seed 9223372036854775808 is out of range"),
        ({"seeds": []}, "seeds are whole numbers"),
        ({"seeds": [1, 1]}, "named twice"),
        ({"seeds": 3}, "seeds cannot be 3"),
        ({"methods": [3]}, "methods are names"),
        ({"methods": [{"vae": None}]}, "methods are names"),
        ({"data": [{"a": 1}]}, "data are names"),
        ({"config": 3}, "config cannot be 3"),
        ({"evaluate": "lite0"}, "evaluate cannot be 'lite0'"),
        ({"sedes": [1]}, "unknown key 'sedes'"),
        ({"options": {"stepz": 3}}, "stepz"),
        ({"methods": {"vae": {"gamma": 3}}}, "gamma"),
        ({"methods": {"vae": 3}}, "options are a mapping"),
        ({"config": "nowhere.yaml"}, "nowhere.yaml"),
        ({"options": {"steps": 0}}, "--steps 0 is out of range"),
    ],
)
def test_a_mistake_in_the_plan_is_one_line(plan, tmp_path, capsys, values, words):
    out = tmp_path / "out"
    assert main(["sweep", str(plan(**values)), "--out", str(out), "--devices", "cpu"]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not out.exists()

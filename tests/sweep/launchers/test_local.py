"""Processes: what is finished is left alone, what was begun goes on, what fails is told."""

import errno
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import yaml

from idvae.cli import main
from idvae.errors import UserError
from idvae.sweep.jobs import jobs
from idvae.sweep.launchers.work import Work
from idvae.sweep.plan import Plan
from sweep.small import OPTIONS, steps_of, sweep


def test_every_run_is_made_once(plan, tmp_path):
    file = plan(methods={"vae": {"beta": 0.5}, "age": None}, seeds=[0, 3])
    told = []
    assert sweep(file, tmp_path / "out", devices=("cpu", "cpu"), tell=told.append) == (
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
    sweep(file, tmp_path / "out", tell=told.append)
    assert told == [f"4 runs in {tmp_path / 'out'}, 4 of them finished"]
    assert before == {p: (p / "config.yaml").stat().st_mtime_ns for p in places}


@pytest.mark.slow
def test_a_sweep_that_was_stopped_goes_on(plan, tmp_path):
    file = plan(options={**OPTIONS, "steps": 200_000, "save_every": 200_000})
    out = tmp_path / "out"
    command = [sys.executable, "-m", "idvae", "sweep", str(file), "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    run = out / "gaussians-ring" / "vae-seed0"
    deadline = time.monotonic() + 180
    while not (run / "metrics.jsonl").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "no step within three minutes"
        time.sleep(0.1)
    with pytest.raises(UserError, match=r"another sweep.*still works in"):
        sweep(file, out)
    process.send_signal(signal.SIGTERM)
    words, _ = process.communicate(timeout=180)
    assert process.returncode == 130
    assert "the same command goes on" in words
    reached = steps_of(run)
    assert 0 < reached < 200_000
    shorter = plan(options={**OPTIONS, "steps": reached + 5})
    assert sweep(shorter, out) == ([], [])
    assert steps_of(run) == reached + 5
    assert json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["step"] == reached + 5


def test_a_run_that_fails_is_told_and_the_others_are_made(plan, tmp_path, capsys):
    file = plan(methods={"vae": {"lr": 1e30}, "gan": None}, options={**OPTIONS, "steps": 40})
    assert main(["sweep", str(file), "--out", str(tmp_path / "out")]) == 1
    printed = capsys.readouterr()
    assert "vae-seed0: failed: idvae: error: training stopped near step" in printed.out
    assert "1 runs failed" in printed.err
    assert steps_of(tmp_path / "out" / "gaussians-ring" / "gan-seed0") == 40


def test_where_no_process_can_be_started_the_others_are_made(plan, tmp_path, capsys, monkeypatch):
    started = subprocess.Popen

    def refused(command, **options):
        if "gan" in command:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return started(command, **options)

    file = plan(methods={"gan": None, "vae": None})
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", refused)
        assert main(["sweep", str(file), "--out", str(tmp_path / "out")]) == 1
    told = "gan-seed0: failed: no process could be started: Resource temporarily unavailable"
    assert told in capsys.readouterr().out
    ring = tmp_path / "out" / "gaussians-ring"
    assert steps_of(ring / "vae-seed0") == OPTIONS["steps"]
    assert main(["sweep", str(file), "--out", str(tmp_path / "out")]) == 0
    assert steps_of(ring / "gan-seed0") == OPTIONS["steps"]


def test_where_a_log_cannot_be_written_the_others_are_made(plan, tmp_path, capsys):
    file, ring = plan(methods={"gan": None, "vae": None}), tmp_path / "out" / "gaussians-ring"
    (ring / "gan-seed0.log").mkdir(parents=True)
    assert main(["sweep", str(file), "--out", str(tmp_path / "out")]) == 1
    assert "gan-seed0: failed: [Errno 21] Is a directory" in capsys.readouterr().out
    assert steps_of(ring / "vae-seed0") == OPTIONS["steps"]
    assert main(["sweep", "--status", str(tmp_path / "out")]) == 0


def test_nothing_works_on_where_a_launcher_ends_by_an_error(plan, tmp_path, monkeypatch):
    begin, begun = Work.begin, []

    def once(*arguments):
        if begun:
            raise MemoryError
        begun.append(begin(*arguments))
        return begun[0]

    monkeypatch.setattr(Work, "begin", once)
    file = plan(methods={"gan": None, "vae": None}, options={**OPTIONS, "steps": 200_000})
    with pytest.raises(MemoryError):
        sweep(file, tmp_path / "out", devices=("cpu", "cpu"))
    assert begun[0].process.returncode is not None


def test_modules_are_not_looked_for_where_one_calls_from(plan, tmp_path, monkeypatch):
    (tmp_path / "queue.py").write_text("raise SystemExit('a stranger')")
    monkeypatch.chdir(tmp_path)
    assert sweep(plan(), tmp_path / "out") == ([], [])


def test_a_plan_with_more_steps_goes_on_with_its_runs_once(plan, tmp_path):
    """A run that went on notes the fall of its learning rates: it is still the plan's run."""
    out = tmp_path / "out"
    for steps in (3, 5):
        longer = plan(options={**OPTIONS, "lr_final": 0.1, "steps": steps})
        assert sweep(longer, out) == ([], [])
    told = []
    assert sweep(longer, out, tell=told.append) == ([], [])
    (place,) = {job.path for job in jobs(Plan.read(longer), out)}
    assert (steps_of(place), told) == (5, [f"1 runs in {out}, 1 of them finished"])

"""`idvae search` from its plan to its winners: trained, scored, resumed, and what fails."""

import json
import signal
import subprocess
import sys
import time

import pytest
import yaml

from evaluate import onnx_files
from idvae import data
from idvae.cli import main
from idvae.sweep.launchers import local
from idvae.sweep.launchers.launcher import Outcome

PLAN = {
    "methods": {"vae": {"lr": [1e30]}, "gan": {"z_dim": [4]}},
    "data": ["digits-16"],
    "trials": 2,
    "options": {"steps": 40, "batch_size": 8, "width": 4, "grid_every": 0, "save_every": 20},
    "objective": {"expert": "mine@16", "metric": "fd"},
    "evaluate": {"experts": "mine=net.onnx@16", "n": 20, "repeats": 1},
}


class Here:
    """A launcher that runs all commands in this process, which is quicker."""

    def __init__(self, devices):
        pass

    def launch(self, jobs, out, tell):
        failed = []
        for job in jobs:
            while job.left:
                if main(job.command("cpu", 1)[3:]):
                    failed.append(job)
                    break
        return Outcome(failed, [])


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IDVAE_CACHE", str(tmp_path / "cache"))
    if not (data.root() / "digits-16").exists():
        data.prepare("digits", size=16, n=200)
    onnx_files.write("net.onnx")

    def write(**values):
        (tmp_path / "search.yaml").write_text(yaml.safe_dump(PLAN | values, sort_keys=False))

    write()
    return tmp_path, write


def test_a_trial_that_diverges_is_the_worst_and_sinks_no_other(place, monkeypatch, capsys):
    tmp_path, write = place
    monkeypatch.setattr(local, "Local", Here)
    call = ["search", "search.yaml", "--out", "found", "--devices", "cpu"]
    assert main(call) == 0
    told = capsys.readouterr().out
    assert "vae: the best is trial 0, fd" in told
    assert "1 runs failed and count as the worst" in told
    kept = json.loads((tmp_path / "found" / "search.json").read_text())
    states = {(r["method"], r["trial"]): r["state"] for r in kept["results"]}
    assert states == {("vae", 0): "done", ("gan", 0): "done", ("vae", 1): "failed",
                      ("gan", 1): "done"}  # fmt: skip
    assert kept["best"]["vae"] == 0
    scores = json.loads(
        (tmp_path / "found/digits-16/gan-t1-seed0/scores-validation.json").read_text()
    )
    assert scores["facts"]["reference"]["split"] == "validation"
    for method in ("vae", "gan"):
        best = f"found/best/{method}.yaml"
        train = ["train", method, "--data", "digits-16", "--config", best, "--steps", "1"]
        assert main([*train, "--out", f"again-{method}"]) == 0
    write(methods={"gan": {"z_dim": [4]}}, options={**PLAN["options"], "steps": 45})
    assert main(call) == 0  # more steps: trained on, and scored again
    longer = json.loads((tmp_path / "found" / "search.json").read_text())
    assert {r["steps"] for r in longer["results"]} == {45}
    old = {r["trial"]: r["score"] for r in kept["results"] if r["method"] == "gan"}
    assert all(r["score"] != old[r["trial"]] for r in longer["results"])


def test_a_method_without_a_finished_trial_is_an_error(place, monkeypatch, capsys):
    _, write = place
    monkeypatch.setattr(local, "Local", Here)
    write(methods={"vae": {"lr": 1e30}}, trials=1)
    assert main(["search", "search.yaml", "--out", "found", "--devices", "cpu"]) == 1
    assert "no trial of vae was finished" in capsys.readouterr().err


def test_a_mistake_is_one_line(place, capsys):
    tmp_path, write = place
    for values, words in (
        ({"trials": 0}, "trials 0 is out of range"),
        ({"evaluate": {**PLAN["evaluate"], "repeat": 3}}, "unrecognized arguments: --repeat"),
        ({"methods": {"vae": {"log-every": [1, 2]}}}, "vae, log-every: no training learns"),
    ):
        write(**values)
        assert main(["search", "search.yaml", "--out", "found", "--devices", "cpu"]) == 2
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1
    assert main(["search", "gone.yaml", "--out", "found"]) == 2
    assert not (tmp_path / "found").exists()


def test_what_another_search_found_is_left_alone(place, monkeypatch, capsys):
    tmp_path, write = place
    monkeypatch.setattr(local, "Local", Here)
    call = ["search", "search.yaml", "--out", "found", "--devices", "cpu"]
    write(methods={"gan": None}, trials=1)
    assert main(call) == 0
    kept = (tmp_path / "found" / "search.json").read_bytes()
    for values, words in (
        ({"methods": {"vae": None}}, "method: gan, and the plan has none of that name"),
        ({"methods": {"gan": None}, "search_seed": 1}, "search_seed: 0, and the plan has 1"),
    ):
        write(**values, trials=1)
        assert main(call) == 2
        assert f"search.json is of another search ({words})" in capsys.readouterr().err
    assert (tmp_path / "found" / "search.json").read_bytes() == kept
    write(methods={"gan": None}, trials=1, evaluate={**PLAN["evaluate"], "seed": 5})
    assert main(call) == 0
    assert "gan-t0-seed0: scored before with another seed than" in capsys.readouterr().err


@pytest.mark.slow
def test_a_search_that_was_killed_goes_on(place):
    tmp_path, write = place
    options = {**PLAN["options"], "steps": 60, "log_every": 10, "threads": 1}
    write(methods={"gan": {"z_dim": [4]}}, options=options)
    command = [sys.executable, "-m", "idvae", "search", "search.yaml", "--out", "found"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    first = tmp_path / "found" / "digits-16" / "gan-t0-seed0"
    deadline = time.monotonic() + 180
    while not (first / "metrics.jsonl").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    while (again := subprocess.run(command, capture_output=True, text=True)).returncode == 2:
        assert "still works in" in again.stderr  # the run that it began outlived it
        assert time.monotonic() < deadline
        time.sleep(1)
    assert again.returncode == 0, again.stderr
    kept = json.loads((tmp_path / "found" / "search.json").read_text())
    assert [r["state"] for r in kept["results"]] == ["done", "done"]
    rows = [json.loads(row)["step"] for row in (first / "metrics.jsonl").read_text().splitlines()]
    assert rows == sorted(set(rows))
    assert rows[-1] == 60

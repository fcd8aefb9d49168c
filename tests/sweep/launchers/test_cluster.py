"""Jobs through submitit's local executor: killed, preempted and failing ones, and what goes on."""

import signal
import subprocess
import sys
import time

import psutil
import pytest
import yaml
from safetensors.numpy import load_file

from idvae import data
from idvae.cli import main
from idvae.sweep import status
from idvae.sweep.jobs import jobs
from idvae.sweep.plan import Plan
from idvae.training.run import Run
from sweep.small import steps_of

pytest.importorskip("submitit", reason="jobs of a cluster need the cluster extra")

TINY = {"steps": 40, "batch_size": 8, "width": 4, "z_dim": 3, "log_every": 10, "save_every": 20}


@pytest.fixture
def write(tmp_path):
    if not (data.root() / "digits-16").exists():
        data.prepare("digits", size=16, n=60)

    def written(methods, **options):
        file = tmp_path / "plan.yaml"
        common = {**TINY, "grid_every": 0, "threads": 1, **options}
        values = {"methods": methods, "data": ["digits-16"], "config": None, "options": common}
        file.write_text(yaml.safe_dump(values, sort_keys=False))
        return file

    return written


def command(file, out, *flags):
    words = ["sweep", str(file), "--out", str(out), "--launcher", "submitit-local", *flags]
    return [sys.executable, "-m", "idvae", *words]


def wait_for(what, why, seconds=600):
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, why
        time.sleep(0.05)
    return found


def processes(run):
    """The training of a run, the job that began it, and that job's controller."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "train" in words and str(run) in words:
            task = process.parent()
            return process, task, task.parent()
    return None


def bits(run):
    """Every tensor of every checkpoint, and every row of metrics but its speed."""
    tensors = {
        (file.relative_to(run).as_posix(), name): (tensor.dtype.str, tensor.shape, tensor.tobytes())
        for file in sorted((run / "checkpoints").rglob("*.safetensors"))
        for name, tensor in load_file(file).items()
    }
    assert tensors
    rows = [{k: v for k, v in r.items() if k != "images_per_s"} for r in Run.open(run).metrics()]
    return tensors, rows


def undisturbed(file, out):
    """The same plan, one run after another in this process."""
    made = jobs(Plan.read(file), out)
    for job in made:
        main(job.command("cpu", 1)[3:])
    return made


@pytest.mark.slow
def test_a_run_that_is_preempted_saves_and_goes_on_in_the_same_job(write, tmp_path):
    """By SIGUSR2, which some Slurms send to all processes of a job."""
    file = write({"vae": None}, steps=100_000, save_every=100_000)
    out = tmp_path / "out"
    driver = subprocess.Popen(command(file, out), stdout=subprocess.PIPE, text=True)
    run = out / "digits-16" / "vae-seed0"
    try:
        wait_for((run / "metrics.jsonl").exists, "no step was made")
        training, task, controller = processes(run)
        training.send_signal(signal.SIGUSR2)
        task.send_signal(signal.SIGUSR2)
        wait_for(lambda: steps_of(run), "nothing was saved")
        wait_for(lambda: (found := processes(run)) and found[1] != task, "it did not go on")
        assert controller.is_running()
        assert "--resume" in processes(run)[0].cmdline()
        assert [line.split()[1:3] for line in status.table(out)[1:]] == [
            ["running", f"{status.read(out)[0].step_now:,}/100,000"]
        ]
    finally:
        driver.send_signal(signal.SIGTERM)
        told, _ = driver.communicate(timeout=300)
    assert driver.returncode == 130, told
    assert "1 runs are not finished; the same command goes on" in told
    assert processes(run) is None
    assert status.table(out)[1].split()[1] == "waiting"


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_of_20_jobs_three_killed_and_one_failing_19_finish_with_the_same_bits(write, tmp_path):
    victims = ["vae-beta0.1", "vae-beta0.2", "vae-beta0.3"]
    methods = {name: {"method": "vae", "beta": float(name[8:]), "steps": 1000} for name in victims}
    methods["vae"] = {"beta": [round(0.1 * k, 1) for k in range(4, 20)]}
    methods["gan"] = {"lr": 1e30}
    file = write(methods)
    out = tmp_path / "out"
    runs = {name: out / "digits-16" / f"{name}-seed0" for name in victims}
    first = subprocess.Popen(
        command(file, out, "--parallel", "3"), stdout=subprocess.PIPE, text=True
    )
    for number, run in enumerate(runs.values()):
        wait_for(lambda run=run: steps_of(run), f"{run} was not begun")
        found = processes(run)
        assert found is not None, "it was finished before it could be killed"
        for process in found[number::-1]:  # the training; its job, and it; the controller, and both
            process.kill()
    told, _ = first.communicate(timeout=3000)
    assert first.returncode == 1, told
    assert "20 runs in" in told
    states = {line.split()[0]: line.split()[1] for line in status.table(out)[1:]}
    assert len(states) == 20
    assert {f"digits-16/{name}-seed0" for name in (*victims, "gan")} == {
        name for name, state in states.items() if state != "finished"
    }
    assert all(steps_of(run) < 1000 for run in runs.values())

    second = subprocess.run(
        command(file, out, "--parallel", "3"), capture_output=True, text=True, timeout=3000
    )
    assert second.returncode == 1, second.stderr
    assert "20 runs in" in second.stdout
    assert "16 of them finished" in second.stdout
    assert "gan-seed0: failed: idvae: error: training stopped near step" in second.stdout
    assert "1 runs failed" in second.stderr
    again = {line.split()[0]: line.split()[1] for line in status.table(out)[1:]}
    assert sum(state == "finished" for state in again.values()) == 19
    assert again["digits-16/gan-seed0"] == "failed"

    expected = undisturbed(file, tmp_path / "alone")
    for job in expected:
        if not job.path.name.startswith("gan"):
            assert bits(out / "digits-16" / job.path.name) == bits(job.path), job.path.name

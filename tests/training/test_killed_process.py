"""One of two processes is killed in the middle of training: the other ends, and resume works."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from idvae import data
from idvae.training.run import Run
from torchrun import start_all

FLAGS = {
    "save-every": 10, "log-every": 5, "grid-every": 0, "batch-size": 8, "width": 16, "threads": 1,
}  # fmt: skip


def wait_for_checkpoint(folder, processes):
    until = time.monotonic() + 180
    while not list(folder.glob("[0-9]*/model.safetensors")):  # not one that is still written
        assert all(p.poll() is None for p in processes), processes[0].communicate()
        assert time.monotonic() < until, "no checkpoint within three minutes"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch has no distributed here")
@pytest.mark.parametrize("killed", [0, 1])
def test_the_other_process_ends_with_one_line_and_resume_works(killed, data_root, tmp_path):
    made = data.prepare("gaussians-ring", n=500, set_name=f"ring-killed-{killed}")
    out = tmp_path / "run"
    flags = [f"--{name}={value}" for name, value in FLAGS.items()]
    command = ["train", "idvae", "--data", made.name, "--out", str(out), "--steps=1000000", *flags]
    processes = start_all(command)
    try:
        wait_for_checkpoint(out / "checkpoints", processes)
        processes[killed].send_signal(signal.SIGKILL)
        output, errors = processes[1 - killed].communicate(timeout=180)
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert processes[1 - killed].returncode == 2, errors
    lines = [line for line in errors.splitlines() if line.startswith("idvae: error:")]
    assert len(lines) == 1, errors
    assert "another process of this training is gone" in lines[0]
    assert "Traceback" not in errors + output
    _goes_on(out)


def _goes_on(out: Path):
    """A run resumes for ten steps from its newest checkpoint, by one process and then by two."""
    there = max(int(p.name) for p in (out / "checkpoints").iterdir() if p.name.isdigit())
    steps = str(there + 10)
    command = [sys.executable, "-m", "idvae", "train", "--resume", str(out), "--steps", steps]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    assert Run.open(out).config["processes_until"] == {there: 2}
    for process in start_all([*command[3:-1], str(there + 20)]):
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    assert Run.open(out).config["processes_until"] == {there: 2, there + 10: 1}
    rows = [row["step"] for row in Run.open(out).metrics()]
    assert rows == list(range(5, there + 21, 5))

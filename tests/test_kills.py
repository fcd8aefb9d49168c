"""The short forms of benchmarks/kills.py and full_disk.py, whose tables are in docs."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def run(script, *flags):
    """The exit status of a benchmark, and what it printed."""
    command = [sys.executable, str(BENCHMARKS / script), *flags]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=580)
    assert "Traceback" not in ran.stderr, ran.stderr
    return ran.returncode, ran.stdout


@pytest.mark.slow
def test_killed_trainings_end_with_the_same_bytes():
    status, told = run("kills.py", "--kills=4", "--only=training,checkpointing", "--no-disk")
    assert status == 0, told
    row = next(line for line in told.splitlines() if line.startswith("| all |"))
    kills, resumed, identical, _ = (int(cell) for cell in row.split("|")[2:-1])
    assert kills == resumed == identical, told
    assert kills >= 4
    assert "half-written" not in told


@pytest.mark.slow
def test_a_full_disk_and_a_read_only_one_are_told_and_lose_nothing():
    status, told = run("full_disk.py", "--levels=2", "--only=train,sample")
    if "no disk could be mounted" in told:
        pytest.skip(told.strip().splitlines()[-1])
    assert status == 0, told
    for call in ("train | full", "train | read-only", "sample | full", "sample | read-only"):
        assert f"| {call} |" in told

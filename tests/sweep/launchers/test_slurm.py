"""What Slurm is asked for, and what its queue tells; small scripts stand in for its commands."""

import signal
import sys

import pytest

from idvae.cli import main
from idvae.errors import UserError
from idvae.sweep import status
from idvae.sweep.jobs import jobs
from idvae.sweep.launchers import cluster
from idvae.sweep.launchers.cluster import Cluster, Limits
from idvae.sweep.plan import Plan

pytest.importorskip("submitit", reason="jobs of a cluster need the cluster extra")


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A folder with what was submitted, whose `queue` is what squeue prints."""
    place = tmp_path / "slurm"
    place.mkdir()
    commands = {
        "srun": "",
        "sbatch": f'cp "$1" {place}/script; echo x >> {place}/calls; echo Submitted batch job 7',
        "squeue": f"cat {place}/queue",
    }
    for name, line in commands.items():
        (place / name).write_text(f"#!/bin/sh\n{line}\n")
        (place / name).chmod(0o755)
    (place / "queue").write_text("")
    monkeypatch.setenv("PATH", str(place), prepend=":")
    monkeypatch.setattr(cluster, "PERIOD", 0.01)
    monkeypatch.setattr(cluster, "LATE", 0.02)
    return place


def stop_at_once(line):
    signal.raise_signal(signal.SIGTERM)


def test_jobs_are_one_array_and_those_of_an_earlier_call_are_not_given_again(slurm, plan, tmp_path):
    out = tmp_path / "out"
    made = jobs(Plan.read(plan(methods={"vae": {"beta": [1, 2, 3]}})), out)
    limits = Limits(90, 1, 4, 7.5, "short", {"account": "vision"})
    launcher = Cluster("slurm", limits, most=2)
    failed, undone = launcher.launch(made, out, stop_at_once)
    assert (failed, undone) == ([], made)
    script = (slurm / "script").read_text().splitlines()
    for flag in ("array=0-2%2", "time=90", "gpus-per-node=1", "cpus-per-task=4", "mem=7680MB",
                 "partition=short", "account=vision", "requeue", "signal=USR2@120"):  # fmt: skip
        assert f"#SBATCH --{flag}" in script
    assert (out / ".submitit").stat().st_mode & 0o777 == 0o700

    (slurm / "queue").write_text("7_0\n7_2\n99\n")
    told = []
    launcher = Cluster("slurm", limits, most=3)

    def stop_once_told(line):
        told.append(line)
        if len(told) == 3:
            (slurm / "queue").write_text("")  # scancel, say

    failed, undone = launcher.launch(made, out, stop_once_told)
    assert told[1] == "2 of them are at work since an earlier call, or queued"
    assert (slurm / "calls").read_text() == "x\nx\n"
    assert "--array" not in (slurm / "script").read_text()  # the one that was left
    assert f"failed: its job ended early; see {out}/.submitit/7_0_log.err" in "\n".join(told)
    assert (sorted(job.path.name for job in failed), undone) == (
        ["vae-beta1-seed0", "vae-beta2-seed0", "vae-beta3-seed0"], []
    )  # fmt: skip
    assert [line.split()[1] for line in status.table(out)[1:]] == ["waiting"] * 3


def test_beside_jobs_at_work_no_array_is_longer_than_there_is_room(
    slurm, plan, tmp_path, monkeypatch
):
    """Slurm keeps the cap of an array when others have ended: one of 1 would stay one by one."""
    monkeypatch.setattr(cluster, "ARRAY", 2)
    made = jobs(Plan.read(plan(methods={"vae": {"beta": [1, 2, 3, 4]}})), tmp_path / "out")
    (slurm / "queue").write_text("7_1\n")  # the other of the first two has ended

    def stop_when_one_failed(line):
        if "failed" in line:
            signal.raise_signal(signal.SIGTERM)

    failed, undone = Cluster("slurm", Limits(), most=2).launch(
        made, tmp_path / "out", stop_when_one_failed
    )
    assert (slurm / "calls").read_text() == "x\nx\n"
    assert "--array" not in (slurm / "script").read_text()
    assert (len(failed), len(undone)) == (1, 3)


def test_a_cluster_that_does_not_answer_or_refuses_is_told(slurm, plan, tmp_path):
    made = jobs(Plan.read(plan()), tmp_path / "out")
    (slurm / "sbatch").write_text("#!/bin/sh\necho no such partition >&2; exit 1\n")
    with pytest.raises(UserError, match=r"did not take the jobs:.*no such partition"):
        Cluster("slurm").launch(made, tmp_path / "out")
    (slurm / "squeue").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(UserError, match="squeue does not answer"):
        Cluster("slurm").launch(made, tmp_path / "out")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--gpus", "1"], "--gpus is of jobs of a cluster; pass --launcher slurm"),
        (["--launcher", "slurm", "--devices", "cpu"], "--devices belongs to --launcher local"),
        (["--launcher", "slurm", "--time-limit", "0"], "--time-limit 0 is out of range"),
        (["--launcher", "slurm", "--memory", "nan"], "--memory nan is out of range"),
        (["--launcher", "slurm", "--sbatch", "account"], "--sbatch account: it is NAME=VALUE"),
        (["--launcher", "slurm", "--gpus", "2"], "invalid choice"),
    ],
)
def test_a_mistake_is_one_line(slurm, plan, tmp_path, capsys, flags, words):
    out = tmp_path / "out"
    assert main(["sweep", str(plan()), "--out", str(out), *flags]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_without_slurm_or_submitit_it_says_what_is_missing(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError, match="srun is not on the path"):
        Cluster("slurm")
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UserError, match=r"need submitit: pip install .*\[cluster\]"):
        Cluster("local")

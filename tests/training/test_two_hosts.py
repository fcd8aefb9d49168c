"""Two hosts train together, the cable between them is pulled: a clear end, and the same weights."""

import os
import subprocess
import sys
import time

import pytest
import torch

from idvae import data
from idvae.bench.processes import free_port
from idvae.training import checkpoints, start
from idvae.training.run import Run, checkpoint_steps
from training.hosts import missing, two_hosts

OPTIONS = {
    "save_every": 5, "log_every": 5, "batch_size": 8, "width": 4, "z_dim": 3, "grid_every": 0,
    "threads": 1, "precision": "64", "sync_norm": True, "lr_final": 1.0,
}  # fmt: skip
PATIENCE = 60  # seconds: a busy machine may need long to start both
WITHIN = 900  # seconds until anything that is waited for has happened, on a busy machine


@pytest.fixture(scope="module")
def hosts():
    if reason := missing():
        pytest.skip(reason)
    with two_hosts() as made:
        yield made


class Torchruns:
    """One torchrun on each host, which meet at the first one; what they print goes to files."""

    def __init__(self, hosts, folder, arguments):
        self.hosts, port = hosts, free_port()
        self.files = [folder / f"{host.name}-{port}.txt" for host in hosts]
        self.processes = [
            self.start(host, f"{hosts[0].address}:{port}", arguments, file)
            for host, file in zip(hosts, self.files, strict=True)
        ]

    def start(self, host, meeting, arguments, file):
        is_first = host is self.hosts[0]
        torchrun = [
            "--nnodes=2", "--nproc-per-node=1", "--max-restarts=0", "--rdzv-id=two-hosts",
            "--rdzv-backend=c10d", f"--rdzv-endpoint={meeting}",
            f"--rdzv-conf=is_host={int(is_first)}", f"--local-addr={host.address}",
        ]  # fmt: skip
        command = [sys.executable, "-m", "torch.distributed.run", *torchrun, "-m", "idvae"]
        environment = {"GLOO_SOCKET_IFNAME": host.cable, "OMP_NUM_THREADS": "1"}
        with file.open("w") as output:
            return subprocess.Popen(
                host.command(*command, *arguments),
                stdout=output,
                stderr=output,
                env=os.environ | environment,
            )

    def printed(self):
        return [file.read_text() for file in self.files]

    def end(self):
        """Kill what still runs: a torchrun that cannot reach the other one waits for long."""
        for host, process in zip(self.hosts, self.processes, strict=True):
            host.end_all()
            process.wait()


def wait_for(happened, torchruns, what):
    until = time.monotonic() + WITHIN
    while not happened():
        assert time.monotonic() < until, (what, torchruns.printed())
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch has no distributed here")
def test_a_host_that_is_cut_off_ends_the_training_and_both_go_on(hosts, data_root, tmp_path):
    made = data.prepare("digits", n=100, set_name="digits-hosts")
    out = tmp_path / "run"
    flags = [f"--{k.replace('_', '-')}={v}".replace("True", "true") for k, v in OPTIONS.items()]
    command = ["train", "idvae", "--data", made.name, "--out", str(out), *flags]
    together = Torchruns(hosts, tmp_path, [*command, "--steps=1000000", f"--patience={PATIENCE}"])
    try:
        wait_for(lambda: checkpoint_steps(out / "checkpoints"), together, "a checkpoint")
        hosts[1].plug("down")
        pulled = time.monotonic()
        line = "idvae: error: another process of this training is gone or does not answer"
        wait_for(lambda: all(line in text for text in together.printed()), together, "an end")
        took = time.monotonic() - pulled
        wait_for(lambda: together.processes[0].poll() is not None, together, "torchrun's end")
    finally:
        together.end()
        hosts[1].plug("up")
    assert took < 3 * PATIENCE
    for text in together.printed():
        assert text.count("idvae: error:") == 1
        assert "Traceback" not in text.partition("ChildFailedError")[0].partition(line)[0]
    assert "exitcode  : 2" in together.printed()[0]

    there = max(checkpoint_steps(out / "checkpoints"))
    again = Torchruns(hosts, tmp_path, ["train", "--resume", str(out), f"--steps={there + 10}"])
    try:
        wait_for(lambda: all(p.poll() is not None for p in again.processes), again, "the last step")
    finally:
        again.end()
    assert [p.returncode for p in again.processes] == [0, 0], again.printed()
    alone = start.train("idvae", made.name, tmp_path / "alone", **OPTIONS, steps=there + 10)
    a, b = (checkpoints.load(place / "checkpoints", "idvae") for place in (alone.path, out))
    assert a.step == b.step == there + 10
    for name, value in a.model.items():
        torch.testing.assert_close(b.model[name], value, rtol=0, atol=1e-5)
    assert Run.open(out).config["processes"] == 2

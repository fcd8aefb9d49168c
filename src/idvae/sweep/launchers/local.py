"""Processes on this machine: one is kept busy on each device."""

import os
import shlex
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from idvae.io.locks import alone
from idvae.sweep.jobs import Job
from idvae.sweep.launchers.launcher import Outcome, Tell
from idvae.training.signals import stop_signals


class Local:
    """A launcher of processes. SIGINT and SIGTERM reach them: they save and end.

    Args:
        devices: what each process is given; ("cpu", "cpu") are two that share the cores.
    """

    def __init__(self, devices: Sequence[str] = ("auto",)) -> None:
        self.devices = devices

    def launch(self, jobs: Sequence[Job], out: Path, tell: Tell = print) -> Outcome:
        """As `Launcher` says."""
        out.mkdir(parents=True, exist_ok=True)
        busy = f"another sweep, or a run that it began, still works in {out}; wait, or stop it"
        # The runs inherit the lock: those which outlive a killed sweep are not made again.
        with alone(out / ".lock", busy) as lock, stop_signals() as stopped:
            waiting = [job for job in jobs if job.left]
            tell(f"{len(jobs)} runs in {out}, {len(jobs) - len(waiting)} of them finished")
            failed: list[Job] = []
            working: dict[int, _Working] = {}
            while (working or waiting) and not stopped.wait(0.2):
                for slot, device in enumerate(self.devices):
                    if slot in working:
                        one = working[slot]
                        if one.process.poll() is None:
                            continue
                        if one.goes_on:
                            working[slot] = self._begin(one.job, device, lock)
                            continue
                        del working[slot]
                        if one.job.left:
                            failed.append(one.job)
                            tell(f"{one.job.path}: failed: {one.job.last_words}")
                        else:
                            tell(f"{one.job.path}: done; {len(waiting)} wait")
                    if waiting:
                        working[slot] = self._begin(waiting.pop(0), device, lock)
            for one in working.values():
                one.process.send_signal(signal.SIGTERM)
            for one in working.values():
                one.process.wait()
            return Outcome(failed, [*(one.job for one in working.values()), *waiting])

    def _begin(self, job: Job, device: str, lock: IO[bytes]) -> "_Working":
        # Processes with more threads than cores between them wait for each other.
        share = max(1, len(os.sched_getaffinity(0)) // len(self.devices))
        threads = job.settings.train.threads or share
        left, command = job.left, job.command(device, threads)
        job.path.parent.mkdir(parents=True, exist_ok=True)
        with job.log.open("ab") as log:
            log.write(f"$ idvae {shlex.join(command[3:])}\n".encode())
            log.flush()
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(lock.fileno(),),
                start_new_session=True,  # Ctrl-C comes to the sweep, which hands it on once
                env={**os.environ, "OMP_NUM_THREADS": str(threads)},
            )
        return _Working(job, left, process)


@dataclass
class _Working:
    """A process, and what was left to do for its job when it began."""

    job: Job
    left: str | None
    process: subprocess.Popen[bytes]

    @property
    def goes_on(self) -> bool:
        """Whether its process succeeded, and something else is left."""
        return self.process.returncode == 0 and self.job.left not in (None, self.left)

"""What a job of a cluster does on its node: it brings one run of a sweep to its end.

submitit starts it there, and tells it by SIGUSR2 that its time is up or that others need the node:
the run saves and ends, and the job goes back into the queue. Whoever calls it next goes on where
the run folder says, so nothing is handed on.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from submitit.helpers import DelayedSubmission

from idvae.io.machine import cores
from idvae.sweep.launchers.work import Work
from idvae.sweep.task import Task

PERIOD = 0.2  # seconds between looks at the process
# Seconds after SIGTERM for the SIGUSR2 that Slurm may send beside it where it preempts.
GRACE = 0.0 if os.environ.get("SUBMITIT_EXECUTOR") == "local" else 20.0


@contextmanager
def _blocked(*signals: signal.Signals) -> Iterator[None]:
    """Keep signals waiting meanwhile, and for good from processes that begin meanwhile.

    Slurm may send its signals to all processes of a job: SIGUSR2 would end the training unsaved.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@dataclass
class Submitted:
    """Called by submitit, which also calls `checkpoint` where the job is to leave.

    Attributes:
        task: the run.
        device, threads: for its training; 0 threads are as many as the job has cores.
    """

    task: Task
    device: str
    threads: int
    work: Work | None = field(default=None, repr=False)

    def __call__(self) -> None:
        """Make all that is left; the run folder and its log hold what came of it.

        Raises:
            UserError: another process works at that run.
            RuntimeError: a command failed, or SIGTERM ended it.
        """
        task, log = self.task, self.task.goal.log
        told: list[int] = []

        def save(number: int, frame: Any) -> None:
            told.append(number)

        before = signal.signal(signal.SIGTERM, save)
        threads = self.threads or cores()
        try:
            while task.left and not told:
                with _blocked(signal.SIGUSR1, signal.SIGUSR2):
                    self.work = Work.begin(task, self.device, threads)
                asked = False
                while not self.work.ended:
                    if told and not asked:
                        self.work.stop()
                        asked = True
                    time.sleep(PERIOD)
                if not (told or self.work.goes_on):
                    break
            if told and task.left:
                time.sleep(GRACE)
                raise RuntimeError(
                    f"{task.goal.path}: ended by SIGTERM; the sweep called again goes on"
                )
            if task.left:
                log.failed(self.work.process.returncode if self.work else 0)
                raise RuntimeError(f"{task.goal.path}: {log.last_words}")
        finally:
            self._end()
            signal.signal(signal.SIGTERM, before)

    def checkpoint(self) -> DelayedSubmission:
        """Let the run save and end; what is to be called once the job is at work again."""
        self._end()
        return DelayedSubmission(Submitted(self.task, self.device, self.threads))

    def _end(self) -> None:
        if self.work is None:
            return
        with suppress(ProcessLookupError):
            self.work.process.send_signal(signal.SIGTERM)
        # A handler may have interrupted poll(), whose lock it would wait for: the kernel has none.
        with suppress(ChildProcessError):
            os.waitid(os.P_PID, self.work.process.pid, os.WEXITED | os.WNOWAIT)

"""A command of a run at work: a process that prints to the run's log and holds its lock."""

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from idvae.errors import UserError
from idvae.io.locks import alone
from idvae.sweep.task import Task

PATIENCE = 2.0  # seconds; who asks for the status holds a lock for a moment


@dataclass
class Work:
    """A process, and what was left to do for its run when it began.

    It is a session of its own: Ctrl-C comes to the launcher, which hands it on once.
    """

    task: Task
    left: str | None
    process: subprocess.Popen[bytes]

    @classmethod
    def begin(cls, task: Task, device: str, threads: int, inherited: Sequence[int] = ()) -> "Work":
        """Start the command that brings a run further.

        Args:
            task: which something is left of.
            device: for its training.
            threads: for its training, where the task does not say.
            inherited: files that the process keeps open, such as the lock of a sweep.

        Raises:
            UserError: another process works at that run, or the machine gives no new process.
        """
        threads = task.threads or threads
        goal, left, command = task.goal, task.left, task.command(device, threads)
        goal.path.parent.mkdir(parents=True, exist_ok=True)
        busy = f"another process still works at {goal.path}; wait, or stop it"
        with (
            # It inherits the lock: a run that outlives its launcher is not made twice.
            alone(goal.lock, busy, PATIENCE) as lock,
            goal.log.opened(command) as log,
        ):
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=(lock.fileno(), *inherited),
                    start_new_session=True,
                    env={**os.environ, "OMP_NUM_THREADS": str(threads)},
                )
            except OSError as error:  # the next run may find one
                raise UserError(
                    f"no process could be started: {error.strerror}; call the sweep again when "
                    "the machine has room"
                ) from error
        return cls(task, left, process)

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def goes_on(self) -> bool:
        """Whether its process succeeded, and something else is left."""
        return self.process.returncode == 0 and self.task.left not in (None, self.left)

    def stop(self) -> None:
        """Ask it to save and end."""
        if not self.ended:
            self.process.send_signal(signal.SIGTERM)

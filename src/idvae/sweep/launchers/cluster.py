"""Jobs of a cluster, through submitit: Slurm's, or processes that stand in for its jobs here.

Run folders tell what is finished. OUT/.submitit holds what submitit hands over to its jobs, their
own output, and which job a run was given last: one that is still queued is not made twice.
"""

import logging
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from idvae.errors import UserError
from idvae.io import strict_yaml
from idvae.io.files import atomic_file
from idvae.io.locks import alone, is_held
from idvae.sweep import status
from idvae.sweep.jobs import Job
from idvae.sweep.launchers.launcher import Outcome, Tell, busy
from idvae.sweep.launchers.work import PATIENCE
from idvae.training.signals import stop_signals

FOLDER = ".submitit"
REQUEUES = 100  # times that a job may reach its time limit
ARRAY = 1000  # jobs handed over at once; Slurm takes 1,001 in an array unless told otherwise
NOTICE = 120  # seconds before the time limit at which a run is told to save
PERIOD = 15.0  # seconds between questions to Slurm
LATE = 60.0  # seconds for which a node's files may not be seen here


@dataclass(frozen=True)
class Limits:
    """What a job may have.

    Attributes:
        minutes: after which it saves and is queued again.
        gpus: 0 or 1.
        cores: of each.
        memory: GB; None leaves it to the cluster.
        partition: of Slurm; None for its default.
        sbatch: further flags of sbatch by name, such as account.
    """

    minutes: int = 240
    gpus: int = 0
    cores: int = 1
    memory: float | None = None
    partition: str | None = None
    sbatch: dict[str, str] = field(default_factory=dict)


class Cluster:
    """A launcher of jobs. Those of Slurm outlive it; calling again waits for them.

    Args:
        kind: "slurm", or "local" for submitit's stand-in on this machine.
        limits: of each job.
        most: jobs at once; None for as many as Slurm starts, or one here.

    Raises:
        UserError: submitit or Slurm is not there.
    """

    def __init__(
        self,
        kind: Literal["slurm", "local"],
        limits: Limits = Limits(),
        most: int | None = None,
    ) -> None:
        try:
            import submitit
        except ImportError as error:
            raise UserError(
                "jobs of a cluster need submitit: pip install -c constraints.txt -e '.[cluster]'"
            ) from error
        self.kind, self.limits = kind, limits
        self.most = most or (ARRAY if kind == "slurm" else 1)
        self.period, self.late = (PERIOD, LATE) if kind == "slurm" else (0.2, 0.0)
        self.submitit = submitit
        if kind == "slurm" and submitit.SlurmExecutor.affinity() < 0:
            raise UserError(
                "Slurm's srun is not on the path; call from a machine that submits jobs"
            )
        logging.getLogger("submitit").setLevel(logging.ERROR)

    def launch(self, jobs: Sequence[Job], out: Path, tell: Tell = print) -> Outcome:
        """As `Launcher` says; of Slurm, what a signal leaves `undone` may be in its queue."""
        folder = out / FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # only its owner's jobs are read
        with alone(out / status.LOCK, busy(out), PATIENCE), stop_signals() as stopped:
            status.write((job.goal for job in jobs), out)
            queue = _Queue(self, folder, out)
            waiting = [job for job in jobs if job.left]
            tell(f"{len(jobs)} runs in {out}, {len(jobs) - len(waiting)} of them finished")
            working = queue.earlier(waiting)
            if working:
                tell(f"{len(working)} of them are at work since an earlier call, or queued")
            there = {one.job.path for one in working}
            waiting = [job for job in waiting if job.path not in there]
            failed: list[Job] = []
            while working or waiting:
                room = self.most - len(working)
                if waiting and room > 0:
                    # Slurm holds the cap of an array itself, for as long as the array lasts: with
                    # jobs at work, one that has more of them than there is room for would keep it.
                    alone_there = self.kind == "slurm" and not working
                    count = ARRAY if alone_there else min(ARRAY, room)
                    some, waiting = waiting[:count], waiting[count:]
                    working += queue.submit(some, room)
                if stopped.wait(self.period):
                    break
                alive = queue.alive()
                for one in [one for one in working if one.ended(alive, self.late)]:
                    working.remove(one)
                    if one.job.left:
                        failed.append(one.job)
                        tell(f"{one.job.path}: failed: {queue.last_words(one)}")
                    else:
                        tell(f"{one.job.path}: done; {len(working) + len(waiting)} are left")
            if working and self.kind == "slurm":
                told = " ".join(sorted({one.number.partition("_")[0] for one in working}))
                tell(f"{len(working)} stay with Slurm; to stop them: scancel {told}")
            else:
                queue.stop()
            return Outcome(failed, [*(one.job for one in working), *waiting])

    def executor(self, folder: Path, room: int) -> Any:
        """submitit's, with the limits; an array of it has at most `room` jobs at work."""
        asked = self.limits
        if self.kind == "local":
            # Its clock counts from the start, its default is two minutes, and it reads no cores.
            found = self.submitit.LocalExecutor(folder, max_num_timeout=REQUEUES)
            found.update_parameters(
                timeout_min=asked.minutes,
                gpus_per_node=asked.gpus,
                signal_delay_s=min(NOTICE, asked.minutes * 30),
            )
            return found
        found = self.submitit.SlurmExecutor(folder, max_num_timeout=REQUEUES)
        chosen = {
            "job_name": "idvae",
            "time": asked.minutes,
            "cpus_per_task": asked.cores,
            "gpus_per_node": asked.gpus or None,
            "mem": None if asked.memory is None else f"{int(asked.memory * 1024)}MB",
            "partition": asked.partition,
            "signal_delay_s": min(NOTICE, asked.minutes * 30),
            "array_parallelism": room,
            "additional_parameters": {"requeue": True, **asked.sbatch},
        }
        found.update_parameters(**{k: v for k, v in chosen.items() if v is not None})
        return found


class _Queue:
    """Which job a run was given, of this call and of those before, and which jobs are alive."""

    def __init__(self, cluster: Cluster, folder: Path, out: Path) -> None:
        self.cluster, self.folder, self.out = cluster, folder, out
        self.file = folder / "jobs.yaml"
        known = strict_yaml.read_mapping(self.file) if self.file.is_file() else {}
        self.numbers = {str(path): str(number) for path, number in known.items()}
        self.here: dict[str, Any] = {}  # number → submitit's job on this machine

    def alive(self) -> set[str] | None:
        """Numbers of the jobs that are queued or at work; None where Slurm does not answer.

        Slurm is asked itself: submitit asks its accounting, which is not set up everywhere.
        """
        if self.cluster.kind == "local":
            return {number for number, job in self.here.items() if not job.done()}
        asked = ["squeue", "--me", "--array", "--noheader", "--format=%i"]
        try:
            answer = subprocess.run(asked, capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return None if answer.returncode else set(answer.stdout.split())

    def earlier(self, jobs: Sequence[Job]) -> list["_Given"]:
        """Runs that still have the job which an earlier call gave them, or are worked at.

        Raises:
            UserError: Slurm does not say.
        """
        alive = self.alive()
        if alive is None:
            raise UserError("Slurm's squeue does not answer; call again once it does")
        given = [_Given(job, self.numbers.get(self._name(job), "")) for job in jobs]
        return [one for one in given if one.number in alive or is_held(one.job.goal.lock)]

    def submit(self, jobs: Sequence[Job], room: int) -> list["_Given"]:
        """Hand runs over, at most `room` of them to be at work at once.

        Raises:
            UserError: the cluster does not take them.
        """
        from idvae.sweep.launchers.submitted import Submitted

        limits = self.cluster.limits
        device = "cuda" if limits.gpus else "cpu"
        executor = self.cluster.executor(self.folder, room)
        functions = [Submitted(job.task, device, limits.cores) for job in jobs]
        try:
            handles = executor.submit_array(functions)
        except RuntimeError as error:  # submitit's, with what sbatch printed
            last = str(error).strip().splitlines()[-1:]
            raise UserError(f"the cluster did not take the jobs: {' '.join(last)}") from error
        given = [_Given(j, h.job_id) for j, h in zip(jobs, handles, strict=True)]
        if self.cluster.kind == "local":
            self.here |= {handle.job_id: handle for handle in handles}
        self.numbers |= {self._name(one.job): one.number for one in given}
        with atomic_file(self.file) as temporary:
            temporary.write_text(strict_yaml.dump(self.numbers), encoding="utf-8")
        return given

    def stop(self) -> None:
        """Let the jobs on this machine save and end."""
        for number in self.alive() or ():
            os.kill(int(number), signal.SIGTERM)
        while self.alive():
            time.sleep(self.cluster.period)

    def last_words(self, one: "_Given") -> str:
        """How its command failed, or where its job says why it never came so far."""
        if (failure := one.job.goal.log.failure) is not None:
            return failure
        return f"its job ended early; see {self.folder / one.number}_0_log.err"

    def _name(self, job: Job) -> str:
        return job.path.relative_to(self.out).as_posix()


@dataclass
class _Given:
    """A run and the number of the job that it was given."""

    job: Job
    number: str
    over: float | None = None  # since when nothing seems to work at it

    def ended(self, alive: set[str] | None, late: float) -> bool:
        """Whether nothing works at it any more; `late` seconds are left for files to be seen."""
        if alive is None or self.number in alive or is_held(self.job.goal.lock):
            self.over = None
            return False
        self.over = self.over or time.monotonic()
        return self.job.left is None or time.monotonic() - self.over >= late

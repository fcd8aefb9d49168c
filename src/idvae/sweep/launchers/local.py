"""Processes on this machine: one is kept busy on each device."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from idvae.errors import UserError
from idvae.io.locks import alone
from idvae.io.machine import cores
from idvae.sweep import status
from idvae.sweep.jobs import Job
from idvae.sweep.launchers.launcher import Outcome, Tell, busy
from idvae.sweep.launchers.work import PATIENCE, Work
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
        # Processes with more threads than cores between them wait for each other.
        threads = max(1, cores() // len(self.devices))
        working: dict[int, tuple[Job, Work]] = {}
        with (
            alone(out / status.LOCK, busy(out), PATIENCE) as lock,
            stop_signals() as stopped,
            _ended_with(working),
        ):
            status.write((job.goal for job in jobs), out)
            waiting = [job for job in jobs if job.left]
            tell(f"{len(jobs)} runs in {out}, {len(jobs) - len(waiting)} of them finished")
            failed: list[Job] = []

            def begin(job: Job, slot: int) -> None:
                try:
                    # What works also holds the sweep's lock: it ends when the last of them has.
                    inherited = (lock.fileno(),)
                    work = Work.begin(job.task, self.devices[slot], threads, inherited)
                    working[slot] = job, work
                except (UserError, OSError) as error:  # the next run may begin all the same
                    failed.append(job)
                    tell(f"{job.path}: failed: {error}")

            while (working or waiting) and not stopped.wait(0.2):
                for slot in range(len(self.devices)):
                    if slot in working:
                        job, work = working[slot]
                        if not work.ended:
                            continue
                        del working[slot]
                        if work.goes_on:
                            begin(job, slot)
                            continue
                        if job.left:
                            failed.append(job)
                            job.goal.log.failed(work.process.returncode)
                            tell(f"{job.path}: failed: {job.goal.log.last_words}")
                        else:
                            tell(f"{job.path}: done; {len(waiting)} wait")
                    if waiting and (job := waiting.pop(0)).left:  # else another call finished it
                        begin(job, slot)
            return Outcome(failed, [*(job for job, _ in working.values()), *waiting])


@contextmanager
def _ended_with(working: Mapping[int, tuple[Job, Work]]) -> Iterator[None]:
    """Nothing works on without its launcher, also where that ends by an error."""
    try:
        yield
    finally:
        for _, work in working.values():
            work.stop()
        for _, work in working.values():
            work.process.wait()

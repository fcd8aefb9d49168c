"""What a launcher is: it makes the runs of a sweep somewhere, each by commands of `idvae`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from idvae.sweep.jobs import Job

Tell = Callable[[str], None]


class Outcome(NamedTuple):
    """What a sweep did not make.

    Attributes:
        failed: jobs whose command failed, or left them as they were; their last lines were told.
        undone: those that a signal left unfinished, or not begun.
    """

    failed: list[Job]
    undone: list[Job]


class Launcher(Protocol):
    """Where runs are made.

    A job says by `command` what brings it further, twice where it is also to be scored, and by
    `left` what that is; a launcher says where that command runs, and writes what it prints to
    `log`.
    """

    def launch(self, jobs: Sequence[Job], out: Path, tell: Tell = print) -> Outcome:
        """Bring every job to its end; what is finished is left alone, and calling again goes on.

        Args:
            jobs: all runs of a sweep, the finished ones too.
            out: the folder that holds them, and what says that a sweep works there.
            tell: is told what ends, and how.

        Raises:
            UserError: another sweep still works in `out`.
        """


def busy(out: Path) -> str:
    """What it means that the lock of a sweep's folder is held."""
    return f"another sweep, or a run that it began, still works in {out}; wait, or stop it"

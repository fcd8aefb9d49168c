"""The log beside a run: what its commands printed, and how one ended that failed.

$ idvae train …     before what each command printed
! killed by …       after a command that ended otherwise than by an error of its own
"""

import shlex
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from idvae.errors import ERROR, STOPPED

MOST = 1 << 16  # bytes of its end that are looked at


class Log:
    """A file of text that grows at its end."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def opened(self, command: Sequence[str]) -> Iterator[IO[bytes]]:
        """Where a command prints; the file stays open for the process that has it by then.

        Args:
            command: Python's call of `idvae`.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(f"$ idvae {shlex.join(command[3:])}\n".encode())
            file.flush()
            yield file

    def failed(self, status: int) -> None:
        """Note how the last command failed, where it does not say so itself.

        Args:
            status: as subprocess gives it, below 0 where a signal ended it.
        """
        last = self.last_words
        if last.startswith(ERROR):
            return
        how = (
            f"exit status {status}" if status >= 0 else f"killed by {signal.Signals(-status).name}"
        )
        after = f", after: {last}" if last and not last.startswith("$ ") else ""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"! {how}{after}\n")

    @property
    def last_words(self) -> str:
        """The last line that is not blank; nothing where there is none."""
        return self._last_line.removeprefix("! ")

    @property
    def failure(self) -> str | None:
        """How the last command failed; None where it did not, was stopped, or nothing tells."""
        line = self._last_line
        if line == STOPPED:
            return None
        return self.last_words if line.startswith((ERROR, "! ")) else None

    @property
    def _last_line(self) -> str:
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - MOST))
                text = file.read().decode("utf-8", errors="replace")
        except OSError:  # none, or what no sweep wrote
            return ""
        shown = "".join(c if c == "\n" or c.isprintable() else " " for c in text)
        return next((line for line in reversed(shown.split("\n")) if line.strip()), "")

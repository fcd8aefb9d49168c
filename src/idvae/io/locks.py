"""One process at a time.

A lock is flock's, by itself: it belongs to the open file, so processes that inherit the file hold
it too, and the kernel frees it when the last of them has ended, however it ended. filelock has the
same call underneath, but does not hand the file on, and on leaving unlocks it for the heirs too.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from idvae.errors import UserError


@contextmanager
def alone(path: Path, otherwise: str) -> Iterator[IO[bytes]]:
    """Hold the lock that a file is, and yield the file, for processes that are to hold it too.

    Raises:
        UserError: another process holds it; `otherwise` says what that means and what to do.
    """
    with path.open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(otherwise) from error
        yield lock

"""One process at a time.

A lock is flock's, by itself: it belongs to the open file, so processes that inherit the file hold
it too, and the kernel frees it when the last of them has ended, however it ended. filelock has the
same call underneath, but does not hand the file on, and on leaving unlocks it for the heirs too.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from idvae.errors import UserError

PAUSE = 0.05  # seconds


@contextmanager
def alone(path: Path, otherwise: str, patience: float = 0.0) -> Iterator[IO[bytes]]:
    """Hold the lock that a file is, and yield the file, for processes that are to hold it too.

    Args:
        path: the file, which is made.
        otherwise: what it means that another holds it, and what to do.
        patience: seconds to try again for; `is_held` holds a lock for a moment.

    Raises:
        UserError: another process holds it.
    """
    until = time.monotonic() + patience
    with path.open("wb") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= until:
                    raise UserError(otherwise) from error
            except OSError:  # as `alone_in`
                break
            time.sleep(PAUSE)
        yield lock


@contextmanager
def alone_in(folder: Path, otherwise: str) -> Iterator[None]:
    """Hold the lock that a folder itself is: it goes where the folder is moved.

    A file system that cannot lock a folder, as some behind a network, keeps nobody out.

    Args:
        folder: which is there.
        otherwise: what it means that another holds it, and what to do.

    Raises:
        UserError: another process holds it.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(otherwise) from error
        except OSError:
            pass
        yield
    finally:
        os.close(handle)


def is_held(path: Path) -> bool:
    """Whether a process holds the lock of a file or folder; looking hinders nobody for long."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # as `alone_in`
        return False
    finally:
        os.close(handle)
    return False

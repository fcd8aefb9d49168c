"""How far long work has come: a bar on a terminal, plain lines elsewhere, on standard error."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """Yield a function that is told how many more are done.

    Args:
        total: how many there are.
        what: what is done, such as "drawing avatars".
    """
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda n: bar.advance(task, n)
        return
    began = last = time.monotonic()
    done = 0

    def advance(n: int) -> None:
        nonlocal done, last
        done += n
        now = time.monotonic()
        if now - last >= 10:  # a log file needs no more
            last = now
            left = (now - began) / done * (total - done)
            print(f"{what}: {done:,}/{total:,}, {left:.0f} s left", file=sys.stderr, flush=True)

    yield advance

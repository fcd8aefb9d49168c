"""How far long work has come: bars on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

EVERY = 5.0  # seconds between lines; a log file needs no more


class Advance(Protocol):
    """Is told how many more are done, and what to say beside the count in the place of the rate."""

    def __call__(self, n: int, note: str = "") -> None: ...


class Begin(Protocol):
    """Begins a piece of work: what it is, how many there are, and how many of them were there."""

    def __call__(self, what: str, total: int, done: int = 0) -> Advance: ...


@contextmanager
def display(shown: bool = True, lines: TextIO | None = None) -> Iterator[Begin]:
    """Yield what begins a piece of work; several may follow each other.

    Args:
        shown: False tells nothing, as one of several processes should.
        lines: where lines go where standard error is no terminal; standard error if not given.
    """
    if not shown:
        yield lambda what, total, done=0: lambda n, note="": None
    elif sys.stderr.isatty():
        with _bars() as begin:
            yield begin
    else:
        yield lambda what, total, done=0: _lines(what, total, done, lines or sys.stderr)


@contextmanager
def progress(total: int, what: str) -> Iterator[Advance]:
    """Yield what is told of the one piece of work, such as "drawing avatars"."""
    with display() as begin:
        yield begin(what, total)


@contextmanager
def _bars() -> Iterator[Begin]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(20),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    # What is printed meanwhile goes above the bars, unless it goes to a file.
    above = sys.stdout.isatty()
    with Progress(*columns, console=Console(stderr=True), redirect_stdout=above) as bars:

        def begin(what: str, total: int, done: int = 0) -> Advance:
            task = bars.add_task(what, total=total, completed=done, note="")
            return lambda n, note="": bars.update(task, advance=n, note=note)

        yield begin


def _lines(what: str, total: int, done: int, to: TextIO) -> Advance:
    first, began = done, time.monotonic()
    told = began

    def advance(n: int, note: str = "") -> None:
        nonlocal done, told
        done += n
        now = time.monotonic()
        if now - told < EVERY and done < total:
            return
        told = now
        rate = max(done - first, 1) / max(now - began, 1e-9)
        left = clock((total - done) / rate)
        print(
            f"{what}: {done:,}/{total:,}  {note or f'{rate:,.1f}/s'}  {left} left",
            file=to,
            flush=True,
        )

    return advance


def clock(seconds: float) -> str:
    """Such as 1:02:03, or 2:03."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"

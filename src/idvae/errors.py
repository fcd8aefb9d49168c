"""The one exception that means: the user can mend this; and what its messages have in common."""

from collections.abc import Iterable
from difflib import get_close_matches

LONGEST = 900  # characters of a message
# What looking into JSON that is of another shape than was thought raises.
MISSHAPEN = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)
INTERRUPTED = 130  # the exit status, as shells have it
ERROR = "idvae: error: "  # begins the line on standard error that says why a command failed
STOPPED = f"{ERROR}interrupted"  # that line after Ctrl-C or SIGTERM


class UserError(Exception):
    """A mistake of the user's, told in one line that says what, where and how to mend.

    The command line prints the message on standard error and exits with 2; a caller in Python
    can catch it. Its text never spans lines, and what a file brings into it neither steers a
    terminal nor floods it.
    """

    def __init__(self, message: str) -> None:
        line = "".join(c if c.isprintable() else _told(c) for c in " ".join(message.split()))
        if len(line) > LONGEST:
            line = f"{line[: LONGEST * 2 // 3]} … {line[-LONGEST // 4 :]}"
        super().__init__(line)


def _told(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "", most: int = 1) -> str:
    """The known names that are most like a mistyped one, as a question; `otherwise` if none is."""
    near = get_close_matches(str(name), list(known), n=most, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else otherwise


def exists_already(path: object, instead: str = "choose another place") -> UserError:
    """What is at `path` is not replaced unasked; `instead` says what can be done else."""
    return UserError(f"{path} exists already; {instead} or pass --overwrite")


class DivergedError(Exception):
    """A loss or a weight stopped being a finite number; the message says what to try."""

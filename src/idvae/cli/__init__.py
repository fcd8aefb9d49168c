"""The command line: find the command, run it, and turn errors into one line and an exit status.

Exit status: 0 success; 1 training diverged; 2 a mistake that the user can mend; 130 interrupted.
"""

import errno
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module

from idvae import __version__
from idvae.errors import ERROR, INTERRUPTED, STOPPED, DivergedError, UserError, did_you_mean
from idvae.io.outliving import outliving_readers

# command → (module, one line); modules are imported only when their command is called.
COMMANDS = {
    "data": ("data", "list data sets, prepare one, or cut one into shards"),
    "methods": ("methods", "every method: its losses, its update order, its options"),
    "train": ("train", "train a method on a data set, or go on with a run"),
    "sweep": ("sweep", "train methods × data × seeds from one YAML file"),
    "search": ("search", "try options: the same number of trials for every method"),
    "pretrained": ("pretrained", "list the models that come with idvae"),
    "release": ("release", "make a small folder of a run that others can load"),
    "push": ("push", "put a released model on the Hugging Face hub"),
    "pull": ("pull", "download a released model from the Hugging Face hub"),
    "sample": ("sample", "draw images from a run"),
    "reconstruct": ("reconstruct", "encode and decode real images"),
    "edit": ("edit", "change the class or the attributes of real images"),
    "interpolate": ("interpolate", "walk between the codes of real images"),
    "evaluate": ("evaluate", "score images against real ones by a battery of experts"),
    "compare": ("compare", "put scores into one table, and say where experts disagree"),
    "report": ("report", "one page of runs: scores, pictures, curves; it opens from disk"),
    "claims": ("claims", "what a paper claims, and what runs say of it"),
    "judge": ("judge", "does a conditional run make what it is asked for"),
    "experts": ("experts", "list the experts, fetch their weights, or train one"),
    "demo": ("demo", "a model in the browser, on this machine alone"),
    "bench": ("bench", "measure speed, beside rivals that run in turn"),
}
EXHAUSTED = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)
BUSY = "the machine has no more processes, memory or open files to give; end others, see ulimit -a"
OUT_OF_MEMORY = (
    "there is not enough memory for this; choose a smaller --batch-size, --width, --z-dim or -n"
)


def help_text() -> str:
    """What `idvae --help` prints."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {line}" for name, (_, line) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: idvae COMMAND ...",
            "",
            "Image autoencoders that also generate.",
            "",
            *lines,
            "",
            "`idvae COMMAND --help` explains a command; `idvae --version` prints the version.",
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; see the module's docstring for what is returned."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    with outliving_readers():
        return _status_of(arguments)


def _status_of(arguments: list[str]) -> int:
    try:
        with _ended_as_interrupted():
            return _dispatch(arguments)
    except UserError as error:
        return _fail(str(error), 2)
    except DivergedError as error:
        return _fail(str(error), 1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        remedy = BUSY if error.errno in EXHAUSTED else "check the place and its free space"
        return _fail(f"{where}{error.strerror or error}; {remedy}", 2)
    except MemoryError:
        return _fail(OUT_OF_MEMORY, 2)
    except RuntimeError as error:
        # torch's own, which is not imported here: OutOfMemoryError of a GPU, and the CPU's.
        if type(error).__name__ != "OutOfMemoryError" and "can't allocate memory" not in str(error):
            raise
        return _fail(OUT_OF_MEMORY, 2)
    except KeyboardInterrupt:
        print(STOPPED, file=sys.stderr)
        return INTERRUPTED


@contextmanager
def _ended_as_interrupted() -> Iterator[None]:
    """SIGTERM and SIGHUP end a command as Ctrl-C does: nothing half-written stays."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A caller's own handlers stay, and so does what nohup ignores.
    ours = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) == signal.SIG_DFL]
    for number in ours:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(help_text())
        return 0 if arguments else 2
    if arguments[0] in ("-V", "--version"):
        print(f"idvae {__version__}")
        return 0
    name = arguments[0]
    if name not in COMMANDS:
        raise UserError(
            f"unknown command {name!r}; {did_you_mean(name, COMMANDS)} see idvae --help"
        )
    module = import_module(f"idvae.cli.{COMMANDS[name][0]}")
    return module.run(arguments[1:]) or 0


def _fail(message: str, status: int) -> int:
    line = " ".join(message.split())
    print(f"{ERROR}{line}", file=sys.stderr)
    return status

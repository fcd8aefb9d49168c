"""The parser of the small commands: argparse whose errors are one line."""

import argparse
from pathlib import Path
from typing import Any, NoReturn

from idvae.errors import UserError
from idvae.seeds import checked_seed


class Parser(argparse.ArgumentParser):
    """An argparse parser that raises UserError instead of printing its usage."""

    def __init__(self, command: str, description: str, **options: Any) -> None:
        super().__init__(
            prog=f"idvae {command}",
            description=description,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
            allow_abbrev=False,
            **options,
        )

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see {self.prog} --help")


def add_count(parser: Parser, what: str, default: int | None = None) -> None:
    """How many: -n and --n are the same."""
    parser.add_argument("-n", "--n", type=int, metavar="N", default=default, help=what)


def add_run(parser: Parser) -> None:
    """The run, which of its checkpoints, and where to compute."""
    parser.add_argument(
        "run",
        metavar="RUN",
        type=Path,
        help="the folder of a run, a name of idvae pretrained, or hf://OWNER/NAME",
    )
    parser.add_argument("--step", type=int, help="which checkpoint; the newest if not given")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps")


def add_seed(parser: Parser, what: str) -> None:
    """`--seed`, a whole number from 0 to 2**63 − 1."""
    parser.add_argument("--seed", type=seed, default=0, help=what)


def seed(text: str) -> int:
    """The type of `--seed`; argparse calls it by this name where a text is no number."""
    return checked_seed(int(text))


def add_out(parser: Parser, what: str) -> None:
    """Where pictures go."""
    parser.add_argument(
        "--out", metavar="OUT", required=True, help=f"FILE.png ({what}), FILE.npz, or a folder DIR/"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace OUT if it is there")


def open_model(options: argparse.Namespace) -> Any:
    """The model that `add_run` asked for.

    Raises:
        UserError: no such run, checkpoint or device.
    """
    from idvae.model import load

    return load(options.run, options.step, options.device)

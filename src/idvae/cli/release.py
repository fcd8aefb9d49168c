"""`idvae release`: make a small folder of a run that others can load."""

from collections.abc import Sequence
from pathlib import Path

from idvae import pretrained
from idvae.cli.parser import Parser
from idvae.errors import UserError
from idvae.hub.contents import FOLDER
from idvae.io.destination import Destination
from idvae.io.files import is_plain_name
from idvae.training.run import Run


def run(argv: Sequence[str]) -> None:
    """Write the folder; enter it where its neighbours are in a registry."""
    parser = Parser(
        "release",
        "Make a small folder of a run: weights in float16 without what only training needs, a "
        "card and a picture. All commands that take a RUN take it, but training cannot go on.",
    )
    parser.add_argument("run", metavar="RUN", type=Path, help="the folder of a run")
    parser.add_argument("name", metavar="NAME", help="of the model, such as avatars-64")
    parser.add_argument("--step", type=int, help="which checkpoint; the newest if not given")
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help=f"NAME if not given; beside a {pretrained.REGISTRY} the model is entered into it",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a model that is there")
    add_licence(parser)
    options = parser.parse_args(argv)
    name, out = options.name, options.out or Path(options.name)
    if not is_plain_name(name):
        raise UserError(f"{name} cannot name a model; use letters, digits and dashes")
    home = out.parent if (out.parent / pretrained.REGISTRY).is_file() else None
    if home is not None and out.name != name:
        raise UserError(f"--out {out}: in a registry the folder has the name of the model, {name}")

    from idvae.model import Model
    from idvae.release import card, folder
    from idvae.release.front_matter import check_licence

    check_licence(options.licence)
    opened = Run.open(options.run)
    destination = Destination(out, options.overwrite, FOLDER, (opened.path,))
    destination.check()
    if home is not None:
        pretrained.entries(home)  # what is damaged there is told before anything is written
    call = f"{pretrained.PREFIX}{name}" if home is not None else f"path/to/{name}"
    what = card.what(Model(opened, options.step))
    made = folder.release(opened, name, destination, options.step, call, options.licence)
    if home is not None:
        # Not opened before it is entered: in the place of another its weights are not yet known.
        entry = pretrained.Entry(what, made.config["released"]["sha256"])
        pretrained.register(home, name, entry)
    print(f"wrote {out}, {pretrained.size_of(out) / 1e6:.2f} MB")


def add_licence(parser: Parser) -> None:
    """Under what others may use the model; that is not for the data's licence to say."""
    parser.add_argument(
        "--licence",
        "--license",
        metavar="ID",
        help="of the model, for the card: an identifier of the hub's, such as mit or cc-by-4.0",
    )

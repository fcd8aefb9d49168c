"""`idvae push`: put a released model on the Hugging Face hub."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from idvae import pretrained
from idvae.cli.parser import Parser
from idvae.cli.release import add_licence
from idvae.errors import UserError
from idvae.hub import address, push
from idvae.training.run import Run


def run(argv: Sequence[str]) -> None:
    """Release where that is to be done, check, and upload."""
    parser = Parser(
        "push",
        "Put a model on the Hugging Face hub: a run is released first (idvae release), a released "
        "folder goes up as it is. Only you can see it, unless --public is passed. You are who "
        "`hf auth login` or HF_TOKEN says.",
    )
    parser.add_argument("run", metavar="RUN", type=Path, help="a run, or a released model")
    parser.add_argument("to", metavar="OWNER/NAME", help="of the model on the hub")
    parser.add_argument("--step", type=int, help="which checkpoint; the newest if not given")
    add_licence(parser)
    parser.add_argument("--public", action="store_true", help="let everyone see and load it")
    parser.add_argument(
        "--overwrite", action="store_true", help="add a version to a model that is there"
    )
    options = parser.parse_args(argv)
    to = address.parse(options.to)
    opened = Run.open(options.run)
    if opened.is_released and (options.step is not None or options.licence is not None):
        raise UserError(
            f"{opened.path} is a released model, which is pushed as it is; leave --step and "
            "--licence out"
        )
    place = push.look(to, options.public, options.overwrite)

    from idvae.io.destination import Destination
    from idvae.model import Model
    from idvae.release import folder
    from idvae.release.front_matter import check_licence

    check_licence(options.licence)
    with TemporaryDirectory(prefix="idvae-push-") as temporary:
        made = opened
        if opened.is_released:
            Model(opened)  # refuses weights that are not those of its config.yaml
        else:
            out = Destination(Path(temporary) / to.name)
            made = folder.release(opened, to.name, out, options.step, str(to), options.licence)
        size = pretrained.size_of(made.path) / 1e6
        commit = push.push(made.path, place)
    seen = "everyone can see it" if options.public else "private"
    print(f"pushed {to}@{commit}, {size:.2f} MB, {seen}")

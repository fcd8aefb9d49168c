"""`idvae pull`: download a released model from the Hugging Face hub."""

from collections.abc import Sequence
from pathlib import Path

from idvae import pretrained
from idvae.cli.parser import Parser
from idvae.hub import address, pull
from idvae.hub.contents import FOLDER
from idvae.io.destination import Destination
from idvae.training.run import Run


def run(argv: Sequence[str]) -> None:
    """Download, check, and only then let the folder appear."""
    parser = Parser(
        "pull",
        "Download a released model from the Hugging Face hub into a folder. Weights that are not "
        "those that were released are refused. To use a model it need not be pulled: every command "
        "that takes a RUN takes hf://OWNER/NAME, and keeps it in the cache.",
    )
    parser.add_argument("model", metavar="OWNER/NAME[@REVISION]", help="of the model on the hub")
    parser.add_argument("--out", metavar="DIR", type=Path, help="the folder; NAME if not given")
    parser.add_argument("--overwrite", action="store_true", help="replace a model that is there")
    options = parser.parse_args(argv)
    wanted = address.parse(options.model)
    out = options.out or Path(wanted.name)
    destination = Destination(out, options.overwrite, FOLDER)
    destination.check()
    with destination.folder() as folder:
        commit = pull.fetch(wanted, folder)
        Run.open(folder)  # refuses a config.yaml that cannot be one
    size = pretrained.size_of(out) / 1e6
    print(f"wrote {out}, {size:.2f} MB, version {commit}")

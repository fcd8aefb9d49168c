"""`idvae pretrained`: list the models that come with idvae."""

from collections.abc import Sequence

from idvae import pretrained
from idvae.cli.parser import Parser


def run(argv: Sequence[str]) -> None:
    """Print name, size, and what each is."""
    Parser("pretrained", "The models that come with idvae; a name stands for a RUN.").parse_args(
        argv
    )
    known = pretrained.entries()
    if not known:
        print("no model comes with this version")
        return
    width = max(map(len, known))
    for name, entry in known.items():
        size = pretrained.size_of(pretrained.FOLDER / name) / 1e6
        print(f"{name:<{width}}  {size:.1f} MB  {entry.what}")
    print("\nidvae sample NAME --out samples.png; in Python idvae.load('pretrained/NAME')")

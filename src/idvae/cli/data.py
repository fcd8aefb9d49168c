"""`idvae data list`, `idvae data prepare` and `idvae data shard`."""

from collections.abc import Sequence
from pathlib import Path

from idvae.cli.parser import Parser, add_count, add_seed
from idvae.errors import UserError


def run(argv: Sequence[str]) -> None:
    """List sources and prepared sets, prepare one, or cut one into shards."""
    parts = {"list": _list, "prepare": _prepare, "shard": _shard}
    if argv and argv[0] in parts:
        return parts[argv[0]](argv[1:])
    parser = Parser(
        "data",
        "List data sets, prepare one, or cut one into shards.",
        usage="idvae data list\n       idvae data prepare NAME [--size 64] [--n 20000] [...]\n"
        "       idvae data shard NAME --to PLACE [--shard-size 256]",
    )
    parser.parse_args(argv)
    raise UserError("say list, prepare or shard; see idvae data --help")


def _list(argv: Sequence[str]) -> None:
    Parser("data list", "Sources that can be prepared, and the sets that are.").parse_args(argv)

    from idvae import data

    print("sources:")
    width = max(map(len, data.names()))
    for name in data.names():
        print(f"  {name:<{width}}  {data.get(name).summary}")
    there = data.prepared()
    print(f"\nprepared, in {data.root()}:" if there else f"\nnothing prepared in {data.root()}")
    for one in there:
        sizes = ", ".join(f"{n:,} {split}" for split, n in one.counts.items())
        what = f"{one.size} px × {one.channels}" if one.kind == "images" else "points"
        shards = f", {one.shards:,} shards" if one.shards else ""
        print(f"  {one.name:<20}  {what}  {sizes}{shards}")


def _prepare(argv: Sequence[str]) -> None:
    parser = Parser("data prepare", "Prepare a set once; training reads it from then on.")
    parser.add_argument("source_name", metavar="NAME", help="a source; see idvae data list")
    parser.add_argument("--size", type=int, help="side in pixels: 16, 32, 64 or 128")
    add_count(parser, "how many to draw, or to take at most")
    parser.add_argument(
        "--source", metavar="PATH", help="where the original files lie; huggingface downloads them"
    )
    parser.add_argument("--attributes", type=Path, metavar="CSV", help="attributes of a folder")
    parser.add_argument("--crop", metavar="NAME", help="of celeba: closecrop (default), icgan, ...")
    add_seed(parser, "of what is drawn")
    parser.add_argument("--name", help="name of the prepared set; NAME-SIZE if not given")
    parser.add_argument("--skip-bad", action="store_true", help="leave out images that are broken")
    parser.add_argument("--overwrite", action="store_true", help="replace a set that is there")
    options = parser.parse_args(argv)

    from idvae import data

    made = data.prepare(
        options.source_name,
        size=options.size,
        n=options.n,
        source=options.source,
        attributes=options.attributes,
        crop=options.crop,
        seed=options.seed,
        set_name=options.name,
        overwrite=options.overwrite,
        skip_bad=options.skip_bad,
    )
    sizes = ", ".join(f"{n:,} {split}" for split, n in made.counts.items())
    print(f"{made.name}: {sizes}, in {made.path}")
    if skipped := made.meta.get("skipped"):
        print(f"{skipped} image{'s' if skipped > 1 else ''} could not be read and stayed out")


def _shard(argv: Sequence[str]) -> None:
    parser = Parser(
        "data shard", "Cut a prepared set into shards of one size, in a folder or a bucket."
    )
    parser.add_argument("set_name", metavar="NAME", help="a prepared set")
    parser.add_argument(
        "--to", metavar="PLACE", required=True, help="a folder, or s3://, gs:// or az://"
    )
    parser.add_argument("--shard-size", type=int, default=256, metavar="MIB", help="of a shard")
    parser.add_argument("--overwrite", action="store_true", help="replace a set in the folder")
    options = parser.parse_args(argv)

    from idvae import data

    made = data.shard(options.set_name, options.to, options.shard_size, options.overwrite)
    print(f"{made.name}: {made.shards:,} shards, in {made.address}")

"""`idvae sample`: draw from a run."""

from collections.abc import Sequence

from idvae.cli.output import check_out, write
from idvae.cli.parser import Parser, add_out, add_run, open_model
from idvae.errors import UserError


def run(argv: Sequence[str]) -> None:
    """Draw n images or points and write them."""
    parser = Parser("sample", "Draw images from a run: decoded codes of the prior.")
    add_run(parser)
    parser.add_argument("-n", type=int, default=64, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of the codes")
    parser.add_argument("--columns", type=int, help="images in a row of the grid")
    add_out(parser, "a grid")
    options = parser.parse_args(argv)
    if options.n < 1:
        raise UserError(f"-n {options.n} is out of range; it is at least 1")
    if options.columns is not None and options.columns < 1:
        raise UserError(f"--columns {options.columns} is out of range; it is at least 1")
    check_out(options.out, options.overwrite)

    from idvae import pictures

    model = open_model(options)
    made = model.sample(options.n, options.seed)
    if not model.is_points:
        picture = pictures.enlarge(pictures.grid(made, options.columns))
        write(options.out, {"images": made}, picture, options.overwrite)
    elif options.out.endswith(".png"):
        from idvae import api

        real = api.data_of(model.run).split("test")
        data = real.gather(range(len(real)))
        pictures.save_density(options.out, data, made, f"samples ({len(made):,})")
        print(f"wrote {options.out}")
    else:
        write(options.out, {"points": made}, made, options.overwrite)

"""`idvae sample`: draw from a run."""

from collections.abc import Sequence

import numpy as np

from idvae.cli import condition
from idvae.cli.output import check_out, write
from idvae.cli.parser import Parser, add_count, add_out, add_run, add_seed, open_model
from idvae.errors import UserError


def run(argv: Sequence[str]) -> None:
    """Draw n images or points and write them."""
    parser = Parser("sample", "Draw images from a run: decoded codes of the prior.")
    add_run(parser)
    add_count(parser, "how many", 64)
    add_seed(parser, "of the codes")
    parser.add_argument("--columns", type=int, help="images in a row of the grid")
    parser.add_argument(
        "--condition",
        metavar="WHAT",
        help="of a run with a condition: a class, attributes such as Eyeglasses=1,Smiling=0, or "
        "each: one row a class or attribute, -n images in it; else as they occur in the data",
    )
    add_out(parser, "a grid")
    options = parser.parse_args(argv)
    if options.n < 1:
        raise UserError(f"-n {options.n} is out of range; it is at least 1")
    if options.columns is not None and options.columns < 1:
        raise UserError(f"--columns {options.columns} is out of range; it is at least 1")
    if options.columns is not None and options.condition == "each":
        raise UserError("--condition each has -n images in a row; leave --columns out")
    if options.columns is not None and not options.out.endswith(".png"):
        raise UserError(f"--columns is of a grid, and --out {options.out} is none; leave it out")
    out = check_out(options.out, options.overwrite, options.run)

    from idvae.pictures import grids

    model = open_model(options)
    labels = None
    if options.condition == "each":
        y, labels = condition.each(model, options.n, options.seed)
        codes = model.draw_codes(options.n, options.seed)  # the same ones in every row
        made = model.decode(np.tile(codes, (len(labels), 1)), y=y)
        options.columns = options.n
    else:
        y = condition.wanted(model, options.condition, options.n, options.seed)
        made = model.sample(options.n, options.seed, y)
    if not model.is_points:
        grid = grids.grid(made, options.columns)
        picture = grids.enlarge(grid)
        if labels:
            picture = grids.with_row_labels(picture, labels)
        write(out, {"images": made}, picture)
    elif options.out.endswith(".png"):
        from idvae.training import start

        real = start.data_of(model.run).split("test")
        data = real.gather(range(len(real)))
        grids.save_density(out, data, made, f"samples ({len(made):,})")
        print(f"wrote {options.out}")
    else:
        write(out, {"points": made}, made)

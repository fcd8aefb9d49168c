"""`idvae interpolate`: walk between the codes of real images."""

from collections.abc import Sequence

from idvae.cli.output import check_out, write
from idvae.cli.parser import Parser, add_out, add_run, open_model
from idvae.cli.reconstruct import add_input, check_input, real_images
from idvae.errors import UserError


def run(argv: Sequence[str]) -> None:
    """Write a grid: each row walks from one image to another."""
    parser = Parser(
        "interpolate",
        "Walk between the codes of pairs of real images: one row a pair, originals at both ends.",
    )
    add_run(parser)
    add_input(parser)
    parser.set_defaults(n=16)
    parser.add_argument("--between", type=int, default=8, help="images on the way, ends included")
    add_out(parser, "one row a pair")
    options = parser.parse_args(argv)
    check_input(options)
    if options.n < 2 or options.between < 2:
        raise UserError("-n and --between are at least 2: a way has two ends")
    out = check_out(options.out, options.overwrite, options.run, options.input, options.attributes)

    import numpy as np

    from idvae.pictures import grids

    model = open_model(options)
    if model.is_points:
        raise UserError("interpolate draws images; this run was trained on points")
    originals, y = real_images(model, options)
    pairs = len(originals) // 2
    if pairs < 1:
        raise UserError("interpolate needs two images at least")
    a, b = originals[0 : 2 * pairs : 2], originals[1 : 2 * pairs : 2]
    y_a, y_b = (None, None) if y is None else (y[0 : 2 * pairs : 2], y[1 : 2 * pairs : 2])
    # The condition walks along: it is a's at one end, b's at the other.
    ways = model.interpolate(model.encode(a, y_a), model.encode(b, y_b), options.between, y_a, y_b)
    rows = np.concatenate([a[:, None], ways, b[:, None]], 1)
    flat = rows.reshape(-1, *rows.shape[2:])
    picture = grids.enlarge(grids.grid(flat, rows.shape[1]))
    images = ways.reshape(-1, *ways.shape[2:])
    write(out, {"images": images, "ways": ways}, picture)

"""`idvae interpolate`: walk between the codes of real images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from idvae.cli.output import check_out, write
from idvae.cli.parser import Parser, add_out, add_run, open_model
from idvae.cli.reconstruct import add_input, check_input, real_images
from idvae.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from idvae.model import Model


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
    if options.n % 2:
        raise UserError(f"-n {options.n} leaves an image without another end; it is even")
    out = check_out(options.out, options.overwrite, options.run, options.input, options.attributes)

    from idvae.pictures import grids

    model = open_model(options)
    if model.is_points:
        raise UserError("interpolate draws images; this run was trained on points")
    originals, y = real_images(model, options)
    if len(originals) < 2:
        raise UserError("interpolate needs two images at least")
    ways = ways_between(model, originals, y, options.between)
    rows = with_ends(originals, ways)
    flat = rows.reshape(-1, *rows.shape[2:])
    picture = grids.enlarge(grids.grid(flat, rows.shape[1]))
    images = ways.reshape(-1, *ways.shape[2:])
    write(out, {"images": images, "ways": ways}, picture)


def ways_between(model: Model, images: np.ndarray, y: np.ndarray | None, steps: int) -> np.ndarray:
    """Ways from the first image to the second, the third to the fourth and so on.

    Args:
        model: with an encoder.
        images: two or more, as the model was trained on; an odd last one is left out.
        y: their conditions, where the model has one: it walks along.
        steps: images on a way, both ends included.

    Returns:
        images (N // 2, steps, H, W, C).
    """
    a, b = _ends(images)
    y_a, y_b = (None, None) if y is None else _ends(y)
    return model.interpolate(model.encode(a, y_a), model.encode(b, y_b), steps, y_a, y_b)


def with_ends(images: np.ndarray, ways: np.ndarray) -> np.ndarray:
    """Ways of `ways_between`, each with its image of `images` at both ends."""
    import numpy as np

    a, b = _ends(images)
    return np.concatenate([a[:, None], ways, b[:, None]], 1)


def _ends(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Those where a way begins, and those where it ends."""
    pairs = len(rows) // 2
    return rows[0 : 2 * pairs : 2], rows[1 : 2 * pairs : 2]

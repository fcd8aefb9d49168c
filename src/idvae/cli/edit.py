"""`idvae edit`: encode real images with their condition, decode them with another one."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from idvae.cli.condition import needs
from idvae.cli.output import check_out, write
from idvae.cli.parser import Parser, add_out, add_run, open_model
from idvae.cli.reconstruct import add_input, check_input, real_images
from idvae.errors import UserError


def run(argv: Sequence[str]) -> None:
    """Write a grid: one row an image, the original first, then its reconstruction and its edits."""
    parser = Parser(
        "edit",
        "Encode real images with their own condition and decode them with another one. One row an "
        "image: the original, its reconstruction, then a column for each --set; without --set "
        "one for each class or attribute of the run, which an attribute that is there is taken "
        "away in.",
    )
    add_run(parser)
    add_input(parser)
    parser.set_defaults(n=8)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="WHAT",
        help="a class, or attributes such as Eyeglasses=1,Smiling=0; may be given several times",
    )
    parser.add_argument(
        "--strength",
        default="1",
        metavar="S,…",
        help="how far to go: 0 changes nothing, 1 is the condition itself, 1.5 more than that; "
        "--strength=-1,1 where the first is negative",
    )
    add_out(parser, "one row an image")
    options = parser.parse_args(argv)
    check_input(options)
    strengths = _strengths(options.strength)
    out = check_out(options.out, options.overwrite, options.run, options.input, options.attributes)

    from idvae.pictures import grids

    model = open_model(options)
    needs(model)
    if model.is_points:
        raise UserError("edit draws images; this run was trained on points")
    columns = _columns(model, options.set)
    originals, y = real_images(model, options)
    rows = [originals, model.reconstruct(originals, y)]
    labels = ["original", "reconstruction"]
    for label, changed in ((label, change(y)) for label, change in columns):
        for strength in strengths:
            rows.append(model.edit(originals, y, y + strength * (changed - y)))
            labels.append(label if len(strengths) == 1 else f"{label} × {strength:g}")
    images = np.stack(rows, 1)
    flat = images.reshape(-1, *images.shape[2:])
    picture = grids.enlarge(grids.grid(flat, len(rows)))
    arrays = {"images": flat, "edits": images, "columns": np.array(labels)}
    write(out, arrays, grids.with_column_labels(picture, labels))


def _columns(model: Any, sets: Sequence[str]) -> list[tuple[str, Any]]:
    """Each column: what stands above it, and a function from y to the y that it decodes."""
    condition = model.condition
    if sets:
        asked = [(text, condition.parse(text)) for text in sets]
        return [(text, lambda y, a=a: condition.changed(y, a)) for text, a in asked]
    return [(name, lambda y, name=name: condition.turned(y, name)) for name in condition.names]


def _strengths(text: str) -> list[float]:
    try:
        strengths = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise UserError(f"--strength {text}: numbers joined by commas, such as 0,0.5,1") from error
    if not all(abs(s) <= 10 for s in strengths):
        raise UserError(f"--strength {text} is out of range; each is from -10 to 10")
    return strengths

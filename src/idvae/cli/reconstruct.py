"""`idvae reconstruct`: encode real images and decode them again."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from idvae.cli.output import check_out, write
from idvae.cli.parser import Parser, add_count, add_out, add_run, open_model
from idvae.errors import UserError


def run(argv: Sequence[str]) -> None:
    """Write originals and reconstructions, and print the error."""
    parser = Parser("reconstruct", "Encode real images and decode them again.")
    add_run(parser)
    add_input(parser)
    parser.add_argument("--columns", type=int, default=8, help="images in a row of the grid")
    add_out(parser, "rows of originals, each above its reconstructions")
    options = parser.parse_args(argv)
    if options.columns < 1:
        raise UserError(f"--columns {options.columns} is out of range; it is at least 1")
    check_input(options)
    out = check_out(options.out, options.overwrite, options.run, options.input, options.attributes)

    from idvae.pictures import grids

    model = open_model(options)
    originals, y = real_images(model, options)
    made = model.reconstruct(originals, y)
    if model.is_points:
        error = np.square(originals - made).sum(1).mean()
        print(f"squared error {error:.5f} a point, over {len(made)}")
        if options.out.endswith(".png"):
            labels = (f"data ({len(made):,})", f"reconstructions ({len(made):,})")
            grids.save_density(out, originals, made, labels[1], labels)
            print(f"wrote {options.out}")
            return
        write(out, {"points": made, "originals": originals}, made)
        return
    error = np.square(originals / 127.5 - made / 127.5).mean()
    print(f"mean squared error {error:.5f} a pixel in [-1, 1], over {len(made)} images")
    picture = grids.enlarge(grids.pairs(originals, made, options.columns))
    write(out, {"images": made, "originals": originals}, picture)


def add_input(parser: Parser) -> None:
    """Which real images."""
    parser.add_argument(
        "--input", type=Path, metavar="DIR", help="a folder of images; else the run's test split"
    )
    add_count(parser, "how many, from the first", 64)
    parser.add_argument(
        "--attributes",
        type=Path,
        metavar="FILE.csv",
        help="what the images of --input have, for a run with attributes: file name, then one "
        "column an attribute, 0 or 1",
    )


def check_input(options: Namespace) -> None:
    if options.n < 1:
        raise UserError(f"-n {options.n} is out of range; it is at least 1")
    if options.attributes is not None and options.input is None:
        raise UserError("--attributes says what the images of --input have; pass both")


def real_images(model: Any, options: Namespace) -> tuple[np.ndarray, np.ndarray | None]:
    """The first n images of --input or of the test split, at the model's size; their conditions.

    A model that tells conditions says those itself, unless --attributes does.

    Raises:
        UserError: the folder holds no image, the data set is gone, or the run needs conditions
            that are not known.
    """
    condition = model.condition
    if options.input is not None and model.is_points:
        raise UserError(f"{model.run.path} was trained on points; leave --input out")
    if options.attributes is not None and condition is None:
        raise UserError(f"{model.run.path} was trained without a condition; leave --attributes out")
    if options.input is None:
        from idvae.training import start

        prepared = start.data_of(model.run)
        test = prepared.split("test")
        if not len(test):
            raise UserError(f"{prepared.name} has no test images; pass --input DIR")
        rows = np.arange(min(options.n, len(test)))
        images = test.gather(rows)
        if model.tells_conditions:
            return images, model.attributes(images)
        return images, None if condition is None else condition.rows(prepared, test, rows)
    from idvae.data.attributes import read_attributes
    from idvae.data.folder import read_images
    from idvae.data.image_files import list_images

    if model.tells_conditions and options.attributes is None:
        shape = model.shape
        images = read_images(options.input, shape.size, shape.channels, options.n)
        return images, model.attributes(images)
    y = None
    if condition is not None:
        if condition.kind == "labels":
            raise UserError(
                f"{model.run.path} has to be told the classes of its images, and those of --input "
                "are not known; leave --input out to take the test split"
            )
        if options.attributes is None:
            raise UserError(
                f"{model.run.path} needs to know what the images of --input have; pass "
                "--attributes FILE.csv, or leave --input out to take the test split"
            )
        files = [str(file.relative_to(options.input)) for file in list_images(options.input)]
        values, names = read_attributes(options.attributes, files)
        y = condition.select(values[: options.n], names, str(options.attributes))
    return read_images(options.input, model.shape.size, model.shape.channels, options.n), y

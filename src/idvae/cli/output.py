"""Where pictures and arrays go: a PNG, an .npz, or a folder of PNGs; whole or not at all."""

from pathlib import Path

import numpy as np

from idvae.errors import UserError
from idvae.io.destination import Destination, lies_within
from idvae.pictures import grids


def check_out(out: str, overwrite: bool, run: Path, *inputs: Path | None) -> Destination:
    """Refuse a bad --out before any work is done for it.

    Args:
        out: FILE.png, FILE.npz or a folder.
        overwrite: whether what is there may be replaced.
        run: the run that the command opens: no folder in it is replaced.
        inputs: what else it reads: no folder or file in there is replaced.

    Returns:
        what `write` takes.

    Raises:
        UserError: it exists and is not to be replaced, lies within an input, or has an ending that
            nothing writes.
    """
    path = Path(out)
    if path.suffix not in (".png", ".npz", ""):
        raise UserError(f"--out {out}: unknown ending {path.suffix}; it is .png, .npz or a folder")
    if path.suffix and out.endswith("/"):
        raise UserError(f"--out {out} is a folder with the ending of a file; leave one out")
    given = tuple(place for place in inputs if place is not None)
    if path.suffix:  # a picture of a run may well lie in it
        destination = Destination(path, overwrite, None, given)
    else:
        destination = Destination(path, overwrite, grids.FOLDER, (run, *given))
    destination.check()
    for place in given if path.suffix != ".npz" else ():  # which is no image
        if place.is_dir() and lies_within(path, place):
            raise UserError(
                f"--out {out} lies within {place}, which this command reads, and would be read the "
                "next time; choose another place"
            )
    return destination


def write(destination: Destination, arrays: dict[str, np.ndarray], picture: np.ndarray) -> None:
    """Write by the ending of the place.

    Args:
        destination: FILE.png gets `picture`; FILE.npz gets `arrays`; a folder gets the first
            array, images, one PNG each.
        arrays: by name, the first one being images, uint8 (N, H, W, C), or points (N, 2).
        picture: uint8 (height, width, C).
    """
    path = destination.path
    if path.suffix == ".png":
        grids.save_png(destination, picture)
    elif path.suffix == ".npz":
        with destination.file() as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)
    else:
        images = next(iter(arrays.values()))
        if images.ndim != 4:
            raise UserError(f"--out {path}: points are no images; write them to FILE.npz")
        with destination.folder() as temporary:
            grids.save_images(temporary, images)
    print(f"wrote {path}")

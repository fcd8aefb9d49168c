"""Where pictures and arrays go: a PNG, an .npz, or a folder of PNGs; whole or not at all."""

from pathlib import Path

import numpy as np

from idvae import pictures
from idvae.errors import UserError
from idvae.files import atomic_file, atomic_folder


def check_out(out: str, overwrite: bool) -> None:
    """Refuse a bad --out before any work is done for it.

    Raises:
        UserError: it exists and is not to be replaced, or has an ending that nothing writes.
    """
    path = Path(out)
    if path.suffix not in (".png", ".npz", ""):
        raise UserError(f"--out {out}: unknown ending {path.suffix}; it is .png, .npz or a folder")
    if path.suffix and out.endswith("/"):
        raise UserError(f"--out {out} is a folder with the ending of a file; leave one out")
    if path.exists() and not overwrite:
        raise UserError(f"{out} exists already; choose another --out or pass --overwrite")
    if path.suffix and path.is_dir():
        raise UserError(f"--out {out} is a folder; name a file in it")
    if path.exists() and not path.suffix and not _is_ours(path):
        raise UserError(f"{out} holds more than numbered PNGs, so --overwrite leaves it alone")


def _is_ours(path: Path) -> bool:
    return path.is_dir() and all(p.suffix == ".png" and p.stem.isdigit() for p in path.iterdir())


def write(out: str, arrays: dict[str, np.ndarray], picture: np.ndarray, overwrite: bool) -> None:
    """Write by the ending of `out`.

    Args:
        out: FILE.png gets `picture`; FILE.npz gets `arrays`; a folder gets the first array,
            images, one PNG each.
        arrays: by name, the first one being images, uint8 (N, H, W, C), or points (N, 2).
        picture: uint8 (height, width, C).
    """
    path = Path(out)
    if path.suffix == ".png":
        pictures.save_png(path, picture)
    elif path.suffix == ".npz":
        with atomic_file(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)
    else:
        images = next(iter(arrays.values()))
        if images.ndim != 4:
            raise UserError(f"--out {out}: points are no images; write them to FILE.npz")
        with atomic_folder(path, overwrite) as temporary:
            pictures.save_images(temporary, images)
    print(f"wrote {out}")

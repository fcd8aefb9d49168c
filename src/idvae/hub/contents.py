"""What a released folder holds: the only files that are pushed or pulled, bounded by bytes."""

from pathlib import Path

from idvae.errors import UserError
from idvae.io.destination import Kind

WEIGHTS = "weights.safetensors"
NEEDED = ("config.yaml", WEIGHTS)
# Name → the most bytes that are taken of it. The first is read before any other is fetched.
FILES = {
    "config.yaml": 1 << 20,
    WEIGHTS: 1 << 32,  # 2 · 10⁹ parameters in float16
    "conditions.npy": 1 << 27,
    "README.md": 1 << 20,
    "samples.png": 1 << 24,
}
FOLDER = Kind("a released model", WEIGHTS, tuple(FILES))


def check_sizes(sizes: dict[str, int | None], where: object) -> None:
    """Refuse what is no released model by the names and sizes of its files alone.

    Args:
        sizes: bytes by name, of those in FILES that are there; None where they are not known.
        where: for the message.

    Raises:
        UserError: a file that loading needs is not there, or one is larger than its kind ever is.
    """
    if missing := [name for name in NEEDED if name not in sizes]:
        raise UserError(f"{where} is no released model: it has no {' and no '.join(missing)}")
    for name, size in sizes.items():
        if type(size) is not int or not 0 <= size <= FILES[name]:
            told = "of no known size" if type(size) is not int else f"of {size:,} bytes"
            raise UserError(f"{where} holds a {name} {told}; {FILES[name]:,} bytes are the most")


def sizes_of(folder: Path) -> dict[str, int | None]:
    """Bytes of the files of a released folder."""
    return {name: (folder / name).stat().st_size for name in FILES if (folder / name).is_file()}

"""Models that come with idvae: folders that `idvae release` made, found by their names.

`registry.yaml` says of each what it is and the sha256 of its weights, which must be those when
it is opened.
"""

import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from idvae.errors import UserError, did_you_mean
from idvae.hub import address, pull
from idvae.io import strict_yaml
from idvae.io.files import atomic_file, is_plain_name

FOLDER = Path(__file__).parent
REGISTRY = "registry.yaml"
PREFIX = "pretrained/"  # may stand before a name


@dataclass(frozen=True)
class Entry:
    """What the registry says of a model.

    Attributes:
        what: it is, in a line.
        sha256: of its weights.
    """

    what: str
    sha256: str


def entries(folder: Path | None = None) -> dict[str, Entry]:
    """All models of a registry by name; of the one that comes with idvae if no folder is given.

    Raises:
        UserError: the registry is damaged.
    """
    file = (folder or FOLDER) / REGISTRY
    found = {}
    for name, values in strict_yaml.read_mapping(file).items():
        fits = isinstance(values, dict) and set(values) == {"what", "sha256"}
        if not fits or not is_plain_name(name) or not all(map(_is_text, values.values())):
            raise UserError(f"{file} is damaged: {name}")
        if not re.fullmatch("[0-9a-f]{64}", values["sha256"]):
            raise UserError(f"{file} is damaged: the sha256 of {name} is none")
        found[name] = Entry(**values)
    return found


def find(place: str | os.PathLike[str]) -> Path:
    """The folder that RUN means: what lies at that place, else the model of that name.

    A model of the hub, `hf://OWNER/NAME`, is downloaded into the cache. A place where nothing is,
    and that no model is called, is given back as it is.

    Raises:
        UserError: the hub does not have it, or cannot be reached.
    """
    if address.is_address(place):
        return pull.cached(address.parse(place))
    path = Path(place)
    name = path.as_posix().removeprefix(PREFIX)
    return FOLDER / name if not path.exists() and name in entries() else path


def hint(place: Path) -> str:
    """What to say where nothing was found at a place that may be meant as a name."""
    text = place.as_posix()
    name = text.removeprefix(PREFIX)
    known = [*entries()]
    if "/" in name or not known:
        return "; there is no pretrained model of any name" if text.startswith(PREFIX) else ""
    return f", nor a pretrained model; {did_you_mean(name, known)} there are {', '.join(known)}"


def registered(folder: Path) -> Entry | None:
    """What the registry says of the model in a folder, if it is one that comes with idvae."""
    path = folder.resolve()
    return entries().get(path.name) if path.parent == FOLDER.resolve() else None


def register(folder: Path, name: str, entry: Entry) -> None:
    """Write a model into the registry in a folder, in the place of one of that name."""
    known = {**entries(folder), name: entry}
    with atomic_file(folder / REGISTRY) as temporary:
        text = strict_yaml.dump({key: asdict(known[key]) for key in sorted(known)})
        temporary.write_text(text, encoding="utf-8")


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


def _is_text(value: object) -> bool:
    return isinstance(value, str)

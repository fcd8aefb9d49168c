"""Data: sources, the sets prepared from them, and where those lie."""

import os
import sys
from contextlib import AbstractContextManager
from importlib import import_module
from math import inf
from numbers import Integral
from pathlib import Path

from idvae.data.opening import is_address, is_prepared, opened
from idvae.data.prepared import FOLDER, PreparedSet
from idvae.data.source import DOWNLOAD, SIZES, Request, Source
from idvae.errors import UserError, did_you_mean
from idvae.io.destination import Destination
from idvae.io.files import is_plain_name
from idvae.io.locks import alone, is_held
from idvae.io.places import data_folder as root
from idvae.seeds import checked_seed

__all__ = ["get", "names", "open_set", "prepare", "prepared", "resolve", "root", "shard"]

# name → module, and what makes the source in it where that is not the module itself
_SOURCES = {
    "digits": "digits",
    "fashion-mnist": "fashion_mnist",
    "mnist": "mnist",
    "cifar10": "cifar10",
    "celeba": "celeba",
    "avatars": "avatars",
    "gaussians-ring": "gaussians:ring",
    "gaussians-grid": "gaussians:grid",
    "folder": "folder",
    "webdataset": "webdataset",
    "hub": "streamed",
}
FROM_ANYWHERE = ("folder", "webdataset", "hub")  # sets that are called as what they are made of


def names() -> list[str]:
    """Names of the sources."""
    return list(_SOURCES)


def get(name: str) -> Source:
    """One source.

    Raises:
        UserError: an unknown name.
    """
    if not isinstance(name, str) or name not in _SOURCES:
        raise _unknown(str(name), "source")
    module, _, factory = _SOURCES[name].partition(":")
    source = import_module(f"idvae.data.{module}")
    return getattr(source, factory)() if factory else source


def prepare(
    name: str,
    *,
    size: int | None = None,
    n: int | None = None,
    source: str | os.PathLike[str] | None = None,
    attributes: str | os.PathLike[str] | None = None,
    crop: str | None = None,
    seed: int = 0,
    set_name: str | None = None,
    overwrite: bool = False,
    skip_bad: bool = False,
) -> PreparedSet:
    """Prepare a set, or open the one that was prepared from the same request.

    Args:
        name: a source.
        size: side of the images in pixels; each source has a default.
        n: how many to draw, or to take at most.
        source: where the original files lie.
        attributes: a CSV of a folder's attributes.
        crop: what is kept of CelebA's images, such as "closecrop" or "icgan".
        seed: of what is drawn.
        set_name: name of the prepared set; NAME-SIZE if not given.
        overwrite: replace a set of that name.
        skip_bad: leave out images that cannot be read, and count them.

    Raises:
        UserError: a request that cannot be met, a set of that name from another request, or what
            is there is no prepared set, or is, holds or lies within the original files.
    """
    chosen = get(name)
    if size is not None and (chosen.kind == "points" or size not in SIZES):
        fitting = "points have none" if chosen.kind == "points" else "sizes are 16, 32, 64, 128"
        raise UserError(f"--size {size}: no network fits that size; {fitting}")
    for flag, place in (("--source", source), ("--attributes", attributes)):
        if place is not None and not isinstance(place, str | os.PathLike):
            raise UserError(f"{flag} {place!r} is no place")
    if n is not None and (not isinstance(n, Integral) or n < 1):
        raise UserError(f"--n {n} is out of range; it is a whole number of at least 1")
    seed, n = checked_seed(seed), None if n is None else int(n)
    if attributes is not None and name != "folder":
        raise UserError(f"--attributes belongs to folder; {name} has what it has")
    if skip_bad and name != "folder":
        raise UserError(f"--skip-bad belongs to folder; {name} needs all its images")
    crops = getattr(chosen, "CROPS", {})
    if crop is not None and crop not in crops:
        fitting = f"there are {', '.join(crops)}" if crops else f"{name} has no named crops"
        raise UserError(f"--crop {crop} is unknown; {fitting}")
    size = chosen.default_size if size is None else int(size)
    request = Request(
        size=size,
        n=n,
        source=None if source is None else os.fspath(source),
        attributes=None if attributes is None else os.fspath(attributes),
        seed=seed,
        skip_bad=skip_bad,
        crop=crop,
    )
    base = name if crop is None else f"{name}-{crop}"
    if name in FROM_ANYWHERE and request.source is not None:
        base = Path(request.source).resolve().name.removesuffix(".tar")
    full = set_name or (base if chosen.kind == "points" else f"{base}-{size}")
    if not is_plain_name(full):
        raise UserError(f"--name {full!r} cannot name a set; use letters, digits and dashes")
    path = root() / full
    asked = {
        "source": name,
        "size": size,
        "n": chosen.default_n if n is None else n,
        "seed": seed,
        "files": request.source if _is_far(name, request.source) else _absolute(request.source),
        "attributes": _absolute(request.attributes),
        "crop": crop,
    }
    if path.exists() and not overwrite:
        there = opened(path)
        differing = [k for k, v in asked.items() if there.meta.get("asked", {}).get(k) != v]
        if differing:
            key = differing[0]
            raise UserError(
                f"{path} was prepared with {key} {there.meta.get('asked', {}).get(key)}, not "
                f"{asked[key]}; pass --overwrite to replace it, or --name for another set"
            )
        print(f"{full} is prepared already and is used as it is", file=sys.stderr)
        return there
    from idvae.data.writing import write_set

    given = (request.source if request.source != DOWNLOAD else None, request.attributes)
    inputs = tuple(Path(place) for place in given if place is not None)
    Destination(path, overwrite, FOLDER, inputs).check()  # before the work of planning
    plan = chosen.plan(request)
    meta = {"name": full, "source": name, "kind": chosen.kind, "size": size, "asked": asked}
    facts = {**meta, **plan.facts}
    write_set(path, facts, plan, overwrite, inputs)
    return opened(path)


def shard(
    name: str | os.PathLike[str],
    to: str | os.PathLike[str],
    shard_size: int = 256,
    overwrite: bool = False,
) -> PreparedSet:
    """Cut a prepared set into shards of one size; a call that was killed is gone on with.

    Args:
        name: as `resolve` takes it.
        to: the folder to make, or an address such as s3://bucket/faces.
        shard_size: MiB of a shard.
        overwrite: replace a prepared set that is there.

    Raises:
        UserError: no such set, or something is there that is not to be replaced.
    """
    from idvae.data.shards import writing

    shard_bytes = writing.check_size(shard_size)
    if not is_address(to):
        writing.write_folder(resolve(name), Path(to), shard_bytes, overwrite)
    elif overwrite:
        raise UserError(f"{to}: nothing is replaced behind a network; name another place")
    else:
        writing.write_bucket(resolve(name), str(to), shard_bytes)
    return opened(to)


def open_set(name: str | os.PathLike[str]) -> PreparedSet:
    """A prepared set by its name or its path.

    Raises:
        UserError: there is none, or it is damaged.
    """
    inside = root() / name
    return opened(inside if inside.is_dir() else name)


def is_there(place: str | os.PathLike[str]) -> bool:
    """Whether something is at a place, or it is an address elsewhere, which is not looked up."""
    return is_address(place) or Path(place).exists()


def prepared() -> list[PreparedSet]:
    """All sets that lie in `root()`; damaged ones are left out."""
    found = []
    for path in sorted(root().glob("*/meta.json")):
        if path.parent.name.startswith("."):
            continue
        try:
            found.append(opened(path.parent))
        except UserError:
            continue
    return found


def resolve(name: str | os.PathLike[str] | PreparedSet) -> PreparedSet:
    """What `--data NAME` means: a prepared set, or one that can be prepared now, unasked.

    The address of one in shards; a name or path of a prepared set, or one that is open; a source
    with one prepared set; SOURCE or SOURCE-SIZE where the source needs nothing asked.

    Raises:
        UserError: nothing fits, or several do.
    """
    if isinstance(name, PreparedSet):
        return name
    if not isinstance(name, str | os.PathLike):
        raise UserError(f"{name!r} names no data set; see idvae data list")
    text = os.fspath(name)
    if is_address(text):
        return opened(text)
    for path in (root() / text, Path(text)):
        if is_prepared(path):
            return opened(path)
    there = [one.name for one in prepared() if one.meta["source"] == text]
    if len(there) == 1:
        return open_set(there[0])
    if len(there) > 1:
        raise UserError(f"{text} was prepared as {', '.join(there)}; name the one you mean")
    source, size = text, None
    if text not in _SOURCES:
        source, _, last = text.rpartition("-")
        size = int(last) if last.isascii() and last.isdecimal() else None
    if source not in _SOURCES or (text not in _SOURCES and size is None):
        if Path(text).is_dir():
            raise UserError(
                f"{text} is a folder, but no prepared set; idvae data prepare folder "
                f"--source {text} makes one of its images"
            )
        raise _unknown(text, "data set")
    try:
        with _one_prepares(text):
            return prepare(source, size=size)
    except UserError as error:
        if get(source).needs_nothing:
            raise
        raise UserError(f"{text} is not prepared: {error}") from error


def _one_prepares(name: str) -> AbstractContextManager[object]:
    """Wait while another process prepares the same unasked, whose set then serves both."""
    root().mkdir(parents=True, exist_ok=True)
    lock, busy = root() / f".{name}.lock", f"{name} is being prepared by another process"
    if is_held(lock):
        print(f"{busy}; waiting for it", file=sys.stderr)
    return alone(lock, busy, inf)


def _is_far(source: str, place: str | None) -> bool:
    """Whether `--source` names something on the hub, and no path."""
    return place == DOWNLOAD or (source == "hub" and not Path(place or ".").exists())


def _absolute(path: str | None) -> str | None:
    return None if path is None else str(Path(path).resolve())


def _unknown(name: str, what: str) -> UserError:
    known = [*_SOURCES, *(one.name for one in prepared())]
    hint = did_you_mean(name, known)
    return UserError(f"unknown {what} {name!r}; {hint} there are {', '.join(dict.fromkeys(known))}")

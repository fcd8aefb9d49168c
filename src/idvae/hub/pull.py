"""Download a released model: files of known names alone, bounded, and whole or not at all."""

import hashlib
import re
from pathlib import Path
from typing import Any

from idvae.errors import UserError
from idvae.hub.address import COMMIT, Address
from idvae.hub.client import TIMEOUT, in_a_line, package
from idvae.hub.contents import FILES, WEIGHTS, check_sizes
from idvae.io import strict_yaml
from idvae.io.files import atomic_folder
from idvae.io.places import cache_folder
from idvae.io.progress import display

PULLED = "be pulled"


def cached(address: Address) -> Path:
    """The folder of a model in the cache, downloaded where that version is not there, or damaged.

    A commit that is there needs no network; for anything else the hub says which commit it is.

    Raises:
        UserError: as `fetch`.
    """
    if address.is_commit and _is_whole(place := _place(address, str(address.revision))):
        return place
    try:
        info = _look(address)
    except UserError as error:
        raise UserError(f"{error}{_those_here(address)}") from error
    place = _place(address, info.sha)
    if not _is_whole(place):
        try:
            with atomic_folder(place, overwrite=True) as folder:
                _fetch(address, info, folder)
        except UserError:
            if not _is_whole(place):  # else another process was first
                raise
    return place


def _is_whole(place: Path) -> bool:
    """Whether a model is there with the weights that its config.yaml names."""
    try:
        wanted = _sha256_in(place / "config.yaml", place)
        with (place / WEIGHTS).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == wanted
    except (UserError, OSError):
        return False


def fetch(address: Address, folder: Path) -> str:
    """Download a model into an empty folder.

    Returns:
        the commit that it is.

    Raises:
        UserError: the package is missing, the hub cannot be reached or has no such model, a file
            is too large, or the weights are not those that its config.yaml names.
    """
    info = _look(address)
    _fetch(address, info, folder)
    return info.sha


def _look(address: Address) -> Any:
    """What the hub says of a version: its commit, and the sizes of its files."""
    with in_a_line(address, PULLED):
        info = (
            package()
            .HfApi()
            .model_info(
                address.repository,
                revision=address.revision,
                files_metadata=True,
                timeout=TIMEOUT,
            )
        )
        if not COMMIT.fullmatch(info.sha):  # it becomes a place
            raise ValueError("no commit")
    return info


def _fetch(address: Address, info: Any, folder: Path) -> None:
    sizes = {f.rfilename: f.size for f in info.siblings or [] if f.rfilename in FILES}
    check_sizes(sizes, address)
    wanted: dict[str, int] = {name: sizes[name] for name in FILES if name in sizes}
    sha256 = ""  # config.yaml comes first, and says it
    with display() as begin:
        advance = begin(f"fetching {address}, bytes", sum(wanted.values()))
        for name, size in wanted.items():
            digest = _download(address, info.sha, name, size, folder / name, advance)
            if name == "config.yaml":
                sha256 = _sha256_in(folder / name, address)
            elif name == WEIGHTS and digest != sha256:
                raise UserError(
                    f"{address}: its {WEIGHTS} is not the one that was released: its sha256 "
                    "differs from that in its config.yaml; nothing was kept"
                )


def _download(address: Address, commit: str, name: str, size: int, to: Path, advance: Any) -> str:
    """The sha256 of one file that has `size` bytes and no more.

    By hand: hf_hub_download has no limit, and leaves files of its own beside.
    """
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    digest, done = hashlib.sha256(), 0
    url = hf_hub_url(address.repository, name, revision=commit)
    with in_a_line(address, PULLED), to.open("wb") as file:
        client, headers = get_session(), build_hf_headers()
        with client.stream("GET", url, headers=headers, timeout=TIMEOUT) as answer:
            hf_raise_for_status(answer)
            for block in answer.iter_bytes(1 << 20):
                done += len(block)
                if done > size:
                    break
                file.write(block)
                digest.update(block)
                advance(len(block))
    if done != size:
        more = "has more than" if done > size else f"broke off after {done:,} of"
        raise UserError(f"{address}: its {name} {more} {size:,} bytes; try again")
    return digest.hexdigest()


def _sha256_in(config: Path, address: object) -> str:
    """The sha256 of the weights, as config.yaml names it."""
    released = strict_yaml.parse_mapping(config.read_bytes(), f"{address}: config.yaml")
    facts = released.get("released")
    sha256 = facts.get("sha256") if isinstance(facts, dict) else None
    if not isinstance(sha256, str) or not re.fullmatch("[0-9a-f]{64}", sha256):
        raise UserError(f"{address} is no released model: its config.yaml names no sha256")
    return sha256


def _place(address: Address, commit: str) -> Path:
    # The name comes last: it is what tables call a model by its folder.
    return cache_folder() / "hub" / address.owner / commit / address.name


def _those_here(address: Address) -> str:
    """Where versions lie in the cache, how to open the one that was pulled last."""
    here = list((cache_folder() / "hub" / address.owner).glob(f"*/{address.name}/{WEIGHTS}"))
    if not here:
        return ""
    last = max(here, key=lambda file: file.stat().st_mtime).parent.parent.name
    return f"; {Address(address.owner, address.name, last)} is here and needs no network"

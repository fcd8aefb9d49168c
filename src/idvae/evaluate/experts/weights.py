"""Weight files: found by path, then in the cache, then fetched if asked; verified; never unpickled.

An expert whose file is missing or is not the published one is an error, not a number.
"""

from __future__ import annotations

import hashlib
import os
import sys
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from idvae.errors import UserError
from idvae.io.files import atomic_file
from idvae.io.places import cache_folder
from idvae.io.progress import display

TIMEOUT = 60  # seconds of silence from a server
MAX_BYTES = 1 << 30  # of a download; published files have far less


@dataclass(frozen=True)
class WeightFile:
    """A published file.

    Attributes:
        file: its name.
        sha256: of its content; all 64 digits, or as many as are known: those in its name.
        url: where `idvae experts fetch` gets it; "" where a package brings it.
    """

    file: str
    sha256: str
    url: str = ""


def cached_path(weights: WeightFile) -> Path:
    return cache_folder() / "experts" / weights.file


def locate(name: str, weights: WeightFile, path: str | os.PathLike[str] | None = None) -> Path:
    """The file of an expert: `path` if given, else the one in the cache.

    Raises:
        UserError: there is none; the message says how to get it.
    """
    if path is not None:
        if not Path(path).is_file():
            raise UserError(f"--weights {name}={path}: no such file")
        return Path(path)
    cached = cached_path(weights)
    if not cached.is_file():
        raise UserError(
            f"{name} needs its weights {weights.file}: pass --weights {name}=PATH, put the file at "
            f"{cached}, or run: idvae experts fetch {name}"
        )
    return cached


def verify(path: Path, weights: WeightFile) -> str:
    """The sha256 of a file, all 64 digits, once it is found to be the published one.

    Where fewer digits are known, it says so on standard error.

    Raises:
        UserError: it is another file.
    """
    found = sha256(path)
    if not found.startswith(weights.sha256):
        raise UserError(
            f"{path} is not the published {weights.file}: its sha256 begins with "
            f"{found[: len(weights.sha256)]}, not {weights.sha256}; get it again"
        )
    if (digits := len(weights.sha256)) < len(found):
        print(
            f"idvae: warning: {path}: only the first {digits} digits ({4 * digits} bits) of its "
            f"sha256 were checked, no more are known; all of it is {found}, which scores note",
            file=sys.stderr,
        )
    return found


def sha256(path: str | os.PathLike[str]) -> str:
    """The sha256 of a file, in hexadecimal."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error


def fetch(weights: WeightFile) -> Path:
    """Download into the cache, verify, and keep only what was verified.

    Raises:
        UserError: no connection, too large, or the content is not the published one.
    """
    target = cached_path(weights)
    if target.is_file():
        verify(target, weights)
        return target
    with atomic_file(target) as temporary:
        try:
            _download(weights, temporary)
        except (OSError, HTTPException) as error:  # URLError and TimeoutError are of OSError
            raise UserError(
                f"{weights.url} cannot be fetched ({getattr(error, 'reason', error)}); get it on "
                f"another machine and put it at {target}"
            ) from error
        verify(temporary, weights)
    return target


def _download(weights: WeightFile, path: Path) -> None:
    """What lies at the url, up to the limits.

    By hand: torch.hub has neither a timeout nor a limit of size, pooch (with requests) no limit
    and no hash that is known in part; both leave errors to be told and a file to be renamed.
    """
    with urllib.request.urlopen(weights.url, timeout=TIMEOUT) as answer, path.open("wb") as file:
        total, done = getattr(answer, "length", None), 0  # None where the server does not say
        with display(total is not None) as begin:
            advance = begin(f"fetching {weights.file}, bytes", total or 0)
            while max(done, total or 0) <= MAX_BYTES and (block := answer.read(1 << 20)):
                file.write(block)
                done += len(block)
                advance(len(block))
    if max(done, total or 0) > MAX_BYTES:
        raise OSError(f"it has more than {MAX_BYTES >> 20:,} MiB")
    if total is not None and done < total:  # http.client lets this pass
        raise OSError(f"it broke off after {done:,} of {total:,} bytes")


def load_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file or of a published checkpoint that holds tensors alone.

    Raises:
        UserError: damaged, or it holds anything else than tensors.
    """
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise UserError(f"{path} cannot be read as weights ({_first_line(error)})") from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise UserError(f"{path} holds more than named tensors, so it is not loaded")
    return dict(state)


def fit(network: torch.nn.Module, state: dict[str, Tensor], path: Path) -> None:
    """Load every tensor into the network; names and shapes have to fit one to one.

    Raises:
        UserError: a tensor too many, too few, or of another shape.
    """
    # Counters of batches say nothing in eval mode, and older files lack them.
    own = {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
    given = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    wrong = sorted(set(own) ^ set(given)) or sorted(
        k for k in own if own[k].shape != given[k].shape
    )
    if wrong:
        raise UserError(f"{path} does not fit its network: {', '.join(wrong[:3])} …")
    network.load_state_dict(given, strict=False)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:120]

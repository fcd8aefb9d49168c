"""Experts: networks that turn images into features. One file a family; this one finds them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from idvae.errors import UserError
from idvae.evaluate.experts.expert import Expert
from idvae.evaluate.experts.own import CallableExpert
from idvae.fresh_torch import fresh_torch
from idvae.options import listed

AnyExpert = Expert | CallableExpert
DEFAULT = ("lite0", "lite1", "lite2")

SUMMARIES = {
    "lite0": "EfficientNet-Lite0, ImageNet, 1280 features at 224 px",
    "lite1": "EfficientNet-Lite1, ImageNet, 1280 features at 240 px",
    "lite2": "EfficientNet-Lite2, ImageNet, 1280 features at 260 px",
    "fid15": "Inception v3 of 2015-12-05, ImageNet, 2048 features at 299 px: FID",
    "fid16": "Inception v3 of 2016-08-28, ImageNet, 2048 features at 299 px",
    "frd": "ResNet-50, ImageNet, 2048 features at 224 px",
    "domain": "trained on the data set itself, 256 features at its own size",
    "dinov2": "DINOv2 from a folder of yours, its class token, at 224 px",
    "clip": "CLIP's image encoder from a folder of yours, at its own size",
    "wavelet": "Haar wavelet packets of the images, no network: the Fréchet wavelet distance",
}


def names() -> list[str]:
    """Every built-in expert."""
    return list(SUMMARIES)


@dataclass(frozen=True)
class Spec:
    """What was asked for: a built-in name, or a name and a file; and a resolution or None."""

    name: str
    file: str | None
    size: int | None


def parse(text: str) -> Spec:
    """Read NAME, NAME@SIZE, NAME=FILE or NAME=FILE@SIZE.

    Raises:
        UserError: another form, a size out of 16…1024, or a name that is not built in.
    """
    found = re.fullmatch(r"([A-Za-z0-9_-]+)(?:=(.+?))?(?:@(\d+))?", text.strip())
    if found is None:
        raise UserError(f"--experts {text!r}: an expert is NAME, NAME@SIZE or NAME=FILE@SIZE")
    name, file, size = found.groups()
    if size is not None and not 16 <= int(size) <= 1024:
        raise UserError(f"--experts {text}: a size lies between 16 and 1024")
    if file is None and name not in SUMMARIES:
        raise UserError(f"unknown expert {name!r}; there are {', '.join(SUMMARIES)}")
    return Spec(name, file, int(size) if size else None)


def open_expert(
    text: str,
    *,
    weights: Mapping[str, str] | None = None,
    checksum: str | None = None,
    device: str = "cpu",
    trust: bool = False,
) -> Expert:
    """Open one expert.

    Args:
        text: as `parse` reads it.
        weights: paths of weight files, by the name of the expert.
        checksum: of the reference data, which says which `domain` is meant.
        device: where it computes, such as "cpu" or "cuda".
        trust: open TorchScript files, which are programs.

    Raises:
        UserError: no such expert, its weights are missing or are not the published ones, or it is
            a file that would have to be trusted.
    """
    spec = parse(text)
    path = (weights or {}).get(spec.name)
    if spec.file is not None:
        from idvae.evaluate.experts.own import open_file

        return open_file(spec.name, spec.file, spec.size, device, trust)
    if spec.name == "wavelet":
        if path:
            raise UserError("--weights wavelet=…: wavelet has no weights; leave it out")
        from idvae.evaluate.experts.wavelet import Wavelet

        return Wavelet(spec.size, device)
    if spec.name in ("dinov2", "clip"):
        from idvae.evaluate.experts.hub import open_hub

        return open_hub(spec.name, spec.size, path, device)
    if spec.name.startswith("lite"):
        from idvae.evaluate.experts.lite import open_lite

        return open_lite(spec.name, spec.size, path, device)
    if spec.name.startswith("fid"):
        from idvae.evaluate.experts.inception import open_inception

        return open_inception(spec.name, spec.size, path, device)
    if spec.name == "frd":
        from idvae.evaluate.experts.resnet import open_resnet

        return open_resnet(spec.name, spec.size, path, device)
    from idvae.evaluate.experts.domain import open_domain

    return open_domain(spec.size, path, checksum, device)


@fresh_torch()
def open_experts(
    texts: Sequence[str | AnyExpert],
    *,
    weights: Mapping[str, str] | None = None,
    checksum: str | None = None,
    device: str = "cpu",
    trust: bool = False,
) -> list[AnyExpert]:
    """Open several, in order; those that are open already are taken as they are.

    Raises:
        UserError: as `open_expert`; none, two of one name, or a device that is not there.
    """
    texts = listed(texts) if isinstance(texts, str) else list(texts or ())
    for text in texts:
        if not isinstance(text, str | AnyExpert):
            raise UserError(
                f"{text!r} is no expert: a name, or an open one; a function goes into a "
                "CallableExpert"
            )
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        raise UserError(f"the device {device!r} is not there: {str(error)[:100]}") from error
    given = set(weights or {})
    asked = {parse(t).name for t in texts if isinstance(t, str)}
    if unused := sorted(given - asked):
        raise UserError(f"--weights {unused[0]}=…, but {unused[0]} is not among the experts")
    opened = [
        open_expert(t, weights=weights, checksum=checksum, device=device, trust=trust)
        if isinstance(t, str)
        else t
        for t in texts
    ]
    found = [expert.name for expert in opened]
    if not found:
        raise UserError("say at least one expert; see idvae experts list")
    if twice := sorted({name for name in found if found.count(name) > 1}):
        raise UserError(f"the expert {twice[0]} is named twice")
    return opened


def status(name: str) -> str:
    """Whether a built-in expert can be used now, in a few words."""
    from idvae.evaluate.experts import hub, inception, lite, resnet
    from idvae.evaluate.experts.weights import cached_path

    if name in lite.FILES:
        try:
            found = lite.packaged(name).is_file()
        except UserError:
            found = False
        return "ready" if found else "needs: pip install 'idvae[experts]'"
    if name == "wavelet":
        return "ready"
    if name in hub.PUBLISHED:
        there = hub.is_there(hub.folder_of(name))
        return "there, with idvae[experts-hub]" if there else f"needs: --weights {name}=FOLDER"
    if name == "domain":
        return "trained by: idvae experts train DATA"
    file = resnet.FILE if name == "frd" else inception.FILES[name]
    return "ready" if cached_path(file).is_file() else f"needs: idvae experts fetch {name}"


def fetch(name: str) -> Path:
    """Download the weights of fid15, fid16 or frd into the cache, verified.

    Raises:
        UserError: an expert that is not fetched, or what `weights.fetch` raises.
    """
    from idvae.evaluate.experts import inception, resnet, weights

    files = {**inception.FILES, "frd": resnet.FILE}
    if name not in files:
        raise UserError(f"{name} has nothing to fetch; {', '.join(files)} have")
    return weights.fetch(files[name])

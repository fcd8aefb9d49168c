"""dinov2 and clip: vision transformers in the form in which model hubs publish them.

A folder with `config.json` and `model.safetensors`; `transformers` has the networks. Nothing is
fetched, no code of the folder runs, and nothing is unpickled. Features are DINOv2's normalised
class token (Stein et al., "Exposing flaws of generative model evaluation metrics and their unfair
treatment of diffusion models") and CLIP's projected image embedding.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from idvae.errors import UserError
from idvae.evaluate.experts.expert import Expert
from idvae.evaluate.experts.weights import sha256
from idvae.io.files import read_bounded
from idvae.io.places import cache_folder

SIZE = 224  # of images, where none is asked for
PUBLISHED = {"dinov2": "facebook/dinov2-large", "clip": "openai/clip-vit-large-patch14"}
# Mean and deviation of each channel, as the networks were trained; pixels from 0 to 255.
PIXELS = {
    "dinov2": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "clip": ((122.7709383, 116.7460125, 104.0937362), (68.5005327, 66.6321579, 70.3231630)),
}
FILES = ("config.json", "model.safetensors")
MOST_CONFIG = 1 << 20  # bytes
MOST = {"num_hidden_layers": 64, "hidden_size": 8192}  # of networks that were ever published


def folder_of(name: str) -> Path:
    """Where a model is looked for if no folder is named."""
    return cache_folder() / "experts" / name


def is_there(folder: Path) -> bool:
    """Whether a folder holds both files."""
    return all((folder / file).is_file() for file in FILES)


def open_hub(name: str, size: int | None, path: str | None, device: str) -> Expert:
    """dinov2 or clip, of any width and depth, from a folder.

    Args:
        name: one of PUBLISHED.
        size: side that images are resized to; by default 224, or what a CLIP was trained on.
        path: the folder; the cache's if not given.
        device: where it computes.

    Raises:
        UserError: transformers or the files are missing, the files are of no such model, or the
            size does not fit it.
    """
    folder = Path(path) if path else folder_of(name)
    if not is_there(folder):
        raise UserError(
            f"{name} needs {' and '.join(FILES)} of its model in {folder}; get them with: hf "
            f"download {PUBLISHED[name]} {' '.join(FILES)} --local-dir {folder}, or name another "
            f"folder with --weights {name}=FOLDER"
        )
    try:
        import transformers
    except ImportError as error:
        raise UserError(f"{name} needs a package: pip install 'idvae[experts-hub]'") from error
    config = _config(name, folder / FILES[0])
    make = Dinov2 if name == "dinov2" else Clip
    network = make(config, _open(make.kind(), config, folder))
    side = _side(name, size, make.side(config), config.patch_size)
    return Expert(
        name if size is None else f"{name}@{size}",
        network,
        network.width,
        size=side,
        mean=PIXELS[name][0],
        scale=PIXELS[name][1],
        resize="bicubic, antialiased",
        identity={
            "expert": name,
            "weights": sha256(folder / FILES[1]),
            "config": sha256(folder / FILES[0]),
            "transformers": transformers.__version__,
        },
        device=device,
    )


class Dinov2(nn.Module):
    """The class token after the last normalisation."""

    def __init__(self, config: Any, network: nn.Module) -> None:
        super().__init__()
        self.network, self.width = network, config.hidden_size

    @staticmethod
    def kind() -> type:
        from transformers import Dinov2Model

        return Dinov2Model

    @staticmethod
    def side(config: Any) -> int | None:
        """The only size that fits; None where places are interpolated."""
        return None

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """x (N, 3, S, S) to features (N, width)."""
        return self.network(pixel_values=x).pooler_output, None


class Clip(nn.Module):
    """The embedding of an image, as it is compared with those of texts."""

    def __init__(self, config: Any, network: nn.Module) -> None:
        super().__init__()
        self.network, self.width = network, config.projection_dim

    @staticmethod
    def kind() -> type:
        from transformers import CLIPVisionModelWithProjection

        return CLIPVisionModelWithProjection

    @staticmethod
    def side(config: Any) -> int | None:
        return config.image_size

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """x (N, 3, S, S) to features (N, width)."""
        return self.network(pixel_values=x).image_embeds, None


def _config(name: str, path: Path) -> Any:
    """The configuration of the part that sees images.

    Raises:
        UserError: it is of another kind of model, or asks for more than any has.
    """
    from transformers import CLIPVisionConfig, Dinov2Config

    try:
        found = json.loads(read_bounded(path, MOST_CONFIG))
        kind = found.get("model_type")
        if kind == name == "clip":
            whole, found = found, dict(found.get("vision_config") or {})
            found["projection_dim"] = whole.get("projection_dim", 512)
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no configuration of a model ({error})") from error
    if kind != name:
        raise UserError(f"{path} is of a model {str(kind)[:40]!r}, not {name}; name another folder")
    for key, most in MOST.items():
        value = found.get(key, 1)
        if type(value) is not int or not 1 <= value <= most:
            raise UserError(f"{path}: {key} {value!r} is out of range; it is at most {most}")
    try:
        return (Dinov2Config if name == "dinov2" else CLIPVisionConfig).from_dict(found)
    except Exception as error:  # of transformers' and of its libraries' own
        raise UserError(f"{path} is no configuration of a model ({_first(error)})") from error


def _open(kind: type, config: Any, folder: Path) -> nn.Module:
    """A network with its weights in float32, all of which come from the file.

    transformers brings the names of the file to those of its networks, which change.

    Raises:
        UserError: the file cannot be read, or does not fit.
    """
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    file = folder / FILES[1]
    try:
        with torch.device("meta"):
            asked = sum(p.numel() for p in kind(config).parameters())
        if asked > file.stat().st_size:  # allocated only once a file is there that may hold it
            raise UserError(f"{file} does not fit its network of {asked:,} numbers")
        network, found = kind.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            attn_implementation="eager",  # the same sums wherever it runs
        )
    except UserError:
        raise
    except Exception as error:  # of transformers' and of safetensors' own
        raise UserError(f"{file} cannot be read as weights ({_first(error)})") from error
    if wrong := sorted(found["missing_keys"]) or sorted(map(str, found["mismatched_keys"])):
        raise UserError(f"{file} does not fit its network: {', '.join(wrong[:3])} …")
    return network


def _first(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0][:120]


def _side(name: str, asked: int | None, own: int | None, patch: int) -> int:
    side = asked or own or SIZE
    if own is not None and side != own:
        raise UserError(f"--experts {name}@{side}: this model sees images of {own} px alone")
    if side % patch:
        raise UserError(
            f"--experts {name}@{side}: its patches have {patch} px, so a size is a multiple of that"
        )
    return side

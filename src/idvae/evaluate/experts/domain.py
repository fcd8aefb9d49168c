"""domain: an expert trained on the training split itself, so that it needs no ImageNet.

The paper's future work (section 6): "a measure that does not require a model that is pre-trained
on data from a different domain". A small convolutional network learns the classes of the set, or,
where it has none, by how many quarter turns an image was rotated (Gidaris et al. 2018); features
are its means over space before the classifier.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from idvae.errors import UserError
from idvae.evaluate.experts.expert import Expert
from idvae.evaluate.experts.weights import fit, sha256
from idvae.io.files import atomic_file
from idvae.io.places import cache_folder
from idvae.seeds import checked_seed

WIDTHS = (32, 64, 128, 256)
WIDTH = WIDTHS[-1]
TURNS = (0, 90, 180, 270)  # degrees


Alter = Callable[[Tensor, np.random.Generator], Tensor]


def as_they_are(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Images that are not altered."""
    return x


class Domain(nn.Module):
    """Four halvings of size, twice two convolutions at each, means over space, a classifier."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width in WIDTHS:
            for stride, inputs in ((2, before), (1, width)):
                layers += [
                    nn.Conv2d(inputs, width, 3, stride, 1, bias=False),
                    nn.BatchNorm2d(width),
                    nn.ReLU(inplace=True),
                ]
            before = width
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(WIDTH, classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (N, 3, H, W) to features (N, 256) and logits (N, classes)."""
        features = self.body(x).mean((2, 3))
        return features, self.head(features)


def default_path(checksum: str) -> Path:
    """Where the expert of a data set lies unless said otherwise."""
    return cache_folder() / "experts" / f"domain-{checksum[:16]}.safetensors"


def train(
    images: Any,
    path: str | os.PathLike[str],
    *,
    checksum: str,
    classes: int | None = None,
    attributes: Sequence[str] = (),
    steps: int = 2000,
    batch: int = 128,
    seed: int = 0,
    device: str = "cpu",
    on_step: Callable[[int, float], None] = lambda step, loss: None,
    alter: Alter = as_they_are,
) -> dict[str, Any]:
    """Train the expert of a set and write it.

    Args:
        images: the training split: len(), gather(indices) → uint8 (k, H, W, C) and, where there
            are classes, labels(indices) → int (k,), or attributes(indices) → 0 and 1, (k, A).
        path: the .safetensors file to write.
        checksum: of the data, kept with the weights.
        classes: how many; None, or one, trains on rotations.
        attributes: names of the A attributes, to learn each of them instead.
        steps, batch, seed, device: of the training.
        on_step: called with each step and its loss.
        alter: what is done to the images that it learns from, in [−1, 1], (N, C, H, W).

    Returns:
        what is kept with the weights: task, classes, steps, seed, checksum, and the accuracy on
        the last tenth of the split, which it did not train on.

    Raises:
        UserError: fewer than 100 images, or images that are not square to be rotated.
    """
    seed = checked_seed(seed)
    if len(images) < 100:
        raise UserError(f"{len(images)} images are too few to train an expert; 100 is the least")
    task = "classes" if classes and classes > 1 else "rotations"
    task = "attributes" if attributes else task
    shape = images.gather([0]).shape
    if task == "rotations" and shape[1] != shape[2]:
        raise UserError(f"images {shape[1:3]} are not square, so none can be rotated")
    answers = {"classes": classes or 0, "rotations": len(TURNS), "attributes": len(attributes)}[
        task
    ]
    held_out = max(10, len(images) // 10)
    known = len(images) - held_out
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(images))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Domain(answers).to(device)
    network.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=max(steps, 2))
    for step in range(steps):
        picked = order[np.sort(rng.integers(0, known, batch))]
        x, y = _batch(images, picked, task, rng, device, alter)
        loss = _loss(network(x)[1], y, task)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        on_step(step + 1, loss.item())
    accuracy = _accuracy(network.eval(), images, np.sort(order[known:]), task, device)
    facts = {
        "task": task,
        "classes": answers,
        "steps": steps,
        "seed": seed,
        "attributes": list(attributes),
        "checksum": checksum,
        "accuracy": accuracy,
    }
    _save(network, facts, Path(path))
    return facts


def _batch(
    images: Any,
    picked: np.ndarray,
    task: str,
    rng: np.random.Generator,
    device: str,
    alter: Alter = as_they_are,
) -> tuple[Tensor, Tensor]:
    x = torch.from_numpy(images.gather(picked)).to(device)
    x = alter(x.permute(0, 3, 1, 2).float().sub(127.5).div(127.5), rng)
    x = x.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
    if task == "classes":
        return x, torch.from_numpy(images.labels(picked)).long().to(device)
    if task == "attributes":
        return x, torch.from_numpy(images.attributes(picked)).float().to(device)
    turns = torch.from_numpy(rng.integers(0, len(TURNS), len(x)))
    x = torch.stack([image.rot90(int(k), (1, 2)) for image, k in zip(x, turns, strict=True)])
    return x.contiguous(memory_format=torch.channels_last), turns.to(device)


def _accuracy(
    network: nn.Module, images: Any, held_out: np.ndarray, task: str, device: str
) -> float:
    rng = np.random.default_rng(0)
    right = 0.0
    with torch.no_grad():
        for start in range(0, len(held_out), 256):
            part = held_out[start : start + 256]
            x, y = _batch(images, part, task, rng, device)
            right += float(_right(network(x)[1], y, task).double().sum())
    return right / len(held_out)


def _loss(logits: Tensor, y: Tensor, task: str) -> Tensor:
    if task == "attributes":
        return F.binary_cross_entropy_with_logits(logits, y)
    return F.cross_entropy(logits, y)


def _right(logits: Tensor, y: Tensor, task: str) -> Tensor:
    """Of each image: whether its class is right, or the share of its attributes that are."""
    if task == "attributes":
        return ((logits > 0) == (y > 0.5)).double().mean(1)
    return logits.argmax(1) == y


def _save(network: nn.Module, facts: dict[str, Any], path: Path) -> None:
    state = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
    with atomic_file(path) as temporary:
        save_file(state, temporary, {"idvae": json.dumps(facts)})


def _load(file: Path) -> dict[str, Tensor]:
    """The tensors that `train` wrote, whatever the file is called; nothing but safetensors."""
    try:
        state = load_file(file)
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"{file} is no safetensors file, and nothing else is read as a domain expert: train it "
            "again with idvae experts train DATA, or write its tensors with "
            "safetensors.torch.save_file"
        ) from error
    if "head.bias" not in state or state["head.bias"].ndim != 1:
        raise UserError(f"{file} is not an expert that idvae experts train wrote")
    return state


def open_domain(
    size: int | None, path: str | os.PathLike[str] | None, checksum: str | None, device: str
) -> Expert:
    """The expert of a set, from `path` or from where `train` puts it.

    Args:
        checksum: of the reference data; says which expert where no path does.

    Raises:
        UserError: it was not trained yet, or the file is not one of these.
    """
    if path is None and checksum is None:
        raise UserError("domain needs --weights domain=PATH where the reference is no prepared set")
    file = Path(path) if path is not None else default_path(checksum or "")
    if not file.is_file():
        raise UserError(
            f"domain has no expert at {file}; train one with: idvae experts train DATA"
            if path is None
            else f"--weights domain={path}: no such file"
        )
    state = _load(file)
    network = Domain(len(state["head.bias"]))
    fit(network, state, file)
    return Expert(
        "domain" if size is None else f"domain@{size}",
        network,
        WIDTH,
        size=size,
        mean=127.5,
        scale=127.5,
        resize="bilinear, antialiased",
        identity={"expert": "domain", "weights": sha256(file)},
        device=device,
    )

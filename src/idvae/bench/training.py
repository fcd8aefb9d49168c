"""`idvae bench train`: images a second of training, beside the rivals and the ceiling."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from idvae.bench import contestants
from idvae.bench.ceiling import Convolutions, count, matrix_rate
from idvae.bench.images import make_set
from idvae.bench.pythae_vaegan import pythae
from idvae.bench.rounds import Figure, figure, rounds
from idvae.training.build import data_shape
from idvae.training.distributed import torch_device

RIVALS = ("plain", "pythae")
OURS = "plain, our layers"
MATRIX, LAYERS = "matrix products", "its convolutions alone"
REPEATING = "matrix products, decoder that repeats pixels"


@dataclass
class Size:
    """What is trained on what.

    Attributes:
        size: side of the images, which have three channels.
        steps: training steps a round.
        options: options of `idvae train` for every contestant.
    """

    size: int
    steps: int
    options: dict[str, Any]


def measure(
    what: Size, rivals: Sequence[str], repeats: int, announce: Callable[[str], None]
) -> list[Figure]:
    """IDVAE beside the plain version, VAE-GAN beside pythae's, and IDVAE beside the ceiling.

    Raises:
        UserError: an option out of range, or a rival that is not installed.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        chosen = contestants.settings_of("idvae", what.steps, what.options)
        batch, device = chosen.train.batch_size, torch_device(chosen.train.device)
        images = make_set(folder / "images", max(512, 2 * batch), what.size)
        arguments = (images, folder, what.steps, what.options)
        running = {"idvae": contestants.library("idvae", *arguments)}
        if "plain" in rivals:
            running["plain"] = contestants.plain(images, what.steps, what.options)
            running[OURS] = contestants.plain(images, what.steps, what.options, True)
        if "pythae" in rivals:
            running["vae-gan"] = contestants.library("vae-gan", *arguments)
            running["pythae"] = pythae(*arguments)
        shape = data_shape(images)
        work = count(shape, chosen.networks)
        layers = Convolutions(shape, chosen.networks, batch, device)
        running[MATRIX] = lambda: matrix_rate(device) / work.needed
        running[LAYERS] = lambda: batch / layers.step_seconds()
        announce(
            f"multiply-adds an image, millions: F_E {work.trunk:.2f}, F_D {work.decoder:.2f}, "
            f"needed 17 F_E + 8 F_D = {work.needed:.1f}, done {work.step:.1f}, "
            f"needed with a decoder that repeats pixels {work.needed_repeating:.1f}, "
            f"plain {work.plain:.1f}; {torch.get_num_threads()} threads"
        )
        found = rounds(running, repeats, announce)
        fewer = work.needed / work.needed_repeating
        found[REPEATING] = [rate * fewer for rate in found[MATRIX]]
    rows = [figure(found, "idvae", "images/s", "plain" if "plain" in found else None)]
    if "plain" in found:
        rows.append(figure(found, "plain", "images/s"))
        found[f"idvae against {OURS}"] = found["idvae"]
        rows.append(figure(found, f"idvae against {OURS}", "images/s", OURS))
        rows.append(figure(found, OURS, "images/s"))
    if "pythae" in found:
        rows += [
            figure(found, "vae-gan", "images/s", "pythae"),
            figure(found, "pythae", "images/s"),
        ]
    for name in (MATRIX, REPEATING, LAYERS):
        found[f"idvae against {name}"] = found["idvae"]
        rows.append(figure(found, f"idvae against {name}", "images/s", name))
        rows.append(figure(found, name, "images/s"))
    return rows

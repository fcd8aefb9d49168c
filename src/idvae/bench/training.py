"""`idvae bench train`: images a second of training, beside the rivals and the ceiling."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from idvae.bench import contestants
from idvae.bench.ceiling import Convolutions, Work, count
from idvae.bench.images import make_set
from idvae.bench.machine_rate import machine_rate
from idvae.bench.pythae_vaegan import pythae
from idvae.bench.rounds import Figure, figure, rounds
from idvae.training.build import data_shape
from idvae.training.distributed import torch_device

RIVALS = ("plain", "pythae")
OURS = "plain, our layers"
MACHINE, LAYERS = "the machine's rate", "its convolutions alone"

Announce = Callable[[str], None]


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


def measure(what: Size, rivals: Sequence[str], repeats: int, announce: Announce) -> list[Figure]:
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
        if rivals and chosen.train.precision in ("bf16", "64"):
            announce(f"the rivals compute in float32, the library in {chosen.train.precision}")
        shape = data_shape(images)
        work = count(shape, chosen.networks)
        layers = Convolutions(shape, chosen.networks, batch, device, chosen.train.precision)
        machine = machine_rate(device, chosen.train.precision, layers.largest())
        running[MACHINE] = lambda: machine() / work.needed
        running[LAYERS] = lambda: batch / layers.step_seconds()
        announce(
            f"multiply-adds an image, millions: F_E {work.trunk:.2f}, F_D {work.decoder:.2f}, "
            f"needed 17 F_E + 8 F_D = {work.needed:.1f}, done {work.step:.1f}, "
            f"needed with a decoder that repeats pixels {work.needed_repeating:.1f}, "
            f"plain {work.plain:.1f}; {torch.get_num_threads()} threads"
        )
        found = rounds(running, repeats, announce)
        name, rate = machine.best
        announce(f"{MACHINE}: {rate / 1e3:,.1f}e9 multiply-adds a second, of {name}")
    return rows(found, work, announce)


def rows(found: dict[str, list[float]], work: Work, announce: Announce) -> list[Figure]:
    """The table of what was measured, each contestant beside its rival or ceiling.

    Args:
        found: images a second in each round, by contestant.
        work: of a step, for an image.
        announce: is told where a ceiling was measured too low.
    """
    made = [figure(found, "idvae", "images/s", "plain" if "plain" in found else None)]
    if "plain" in found:
        found[f"idvae against {OURS}"] = found["idvae"]
        made += [
            figure(found, "plain", "images/s"),
            figure(found, f"idvae against {OURS}", "images/s", OURS),
            figure(found, OURS, "images/s"),
        ]
    if "pythae" in found:
        made += [
            figure(found, "vae-gan", "images/s", "pythae"),
            figure(found, "pythae", "images/s"),
        ]
    # What the step does is no less than what it needs, and all of it is multiplied.
    for name, done in ((MACHINE, max(1.0, work.step / work.needed)), (LAYERS, 1.0)):
        reached = [rate * done for rate in found["idvae"]]
        found[name] = not_below(found[name], reached, announce, name)
        found[f"idvae against {name}"] = found["idvae"]
        made.append(figure(found, f"idvae against {name}", "images/s", name))
        made.append(figure(found, name, "images/s"))
    return made


def not_below(
    ceiling: Sequence[float], reached: Sequence[float], announce: Announce, name: str
) -> list[float]:
    """A ceiling, by round, that is no lower than what was reached: there it was measured too low.

    Args:
        ceiling, reached: images a second in each round.
        announce: is told in how many rounds the ceiling was raised.
        name: of the ceiling.
    """
    low = sum(r > c for c, r in zip(ceiling, reached, strict=True))
    if low:
        announce(
            f"{name} was measured too low in {low} of {len(reached)} rounds: what the step itself "
            "reached stands there, and the true ceiling is that or more"
        )
    return [max(pair) for pair in zip(ceiling, reached, strict=True)]

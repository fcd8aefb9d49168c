"""`idvae evaluate RUN --probe`: does the code of an encoder know the classes?"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from idvae import pretrained
from idvae.cli.parser import Parser
from idvae.errors import UserError
from idvae.io.destination import Destination
from idvae.io.progress import Begin, display

if TYPE_CHECKING:
    from idvae.data.prepared import PreparedSet
    from idvae.evaluate.probe import Known
    from idvae.model import Model

# Flags that go with --probe; all others are of scores.
OURS = ("images", "probe", "probe_n", "seed", "step", "device", "out", "overwrite")
TOLD = "the condition of another image"
BATCH = 1000

BySplit = Mapping[str, np.ndarray]


def run(options: Namespace, parser: Parser, place: Path, inputs: Sequence[Path]) -> None:
    """Measure, print a table, and write probe.json.

    Args:
        options: flags of `idvae evaluate`.
        parser: theirs, which knows what they are if not given.
        place: the folder of probe.json without --out.
        inputs: all that is read.

    Raises:
        UserError: flags of scores; no run, one on points or without an encoder; nothing to be
            known of its data.
    """
    _check(options, parser)
    from idvae.report.probe import FILE, Probed, ProbedRow, markdown

    out = Path(options.out) if options.out else place / FILE
    destination = Destination(out, options.overwrite, inputs=tuple(inputs), ours=_holds_a_probe)
    destination.check()

    from idvae.evaluate.probe import PENALTIES, TRAIN_N, majority, rows_of, targets_of
    from idvae.model import load
    from idvae.training.distributed import group_of, own_device
    from idvae.training.start import data_of

    with (
        group_of("evaluation", "start it again") as rank,
        display(rank == 0, lines=sys.stdout) as announce,
    ):
        model = load(options.images, options.step, own_device(options.device))
        if model.is_points:
            raise UserError(f"{options.images} makes points; --probe is of images")
        if not model.method.reconstructs:
            raise UserError(f"{model.method.title} has no encoder, so it has no code to probe")
        prepared = data_of(model.run)
        rows = rows_of(prepared, options.probe_n or TRAIN_N)
        targets = targets_of(prepared, rows)
        facts = {
            "checksum": prepared.checksum,
            "n": {split: len(numbers) for split, numbers in rows.items()},
            "penalties": list(PENALTIES),
        }
        features = _features(model, prepared, rows, options.seed, announce)
        if rank:  # what features know is found by the first process; nobody has to wait for it
            return
        values: dict[str, dict[str, Any]] = {}
        for known, wanted in targets.items():
            values[known] = {"majority": majority(wanted)}
            values[known] |= _values(prepared, rows, features, wanted, facts, known, announce)
    about = {
        "method": model.run.config["method"],
        "data": prepared.name,
        "step": model.step,
        "training_seed": model.run.config["options"].get("seed", 0),
        "told": TOLD if _is_told(model) else None,
        "seed": options.seed,
    }
    found = Probed(facts, about, values)
    found.save(destination)
    print(f"{markdown([ProbedRow(model.method.title, (found,))])}\nwrote {out}")


def _check(options: Namespace, parser: Parser) -> None:
    for name, value in vars(options).items():
        if name not in OURS and value != parser.get_default(name):
            flag = "-n" if name == "n" else f"--{name.replace('_', '-')}"
            raise UserError(
                f"{flag} does not go with --probe, which scores no images; leave it out"
            )
    if options.probe_n is not None and options.probe_n < 2:
        raise UserError(f"--probe-n {options.probe_n} is out of range; it is at least 2")
    place = Path(options.images)
    if not (place / "config.yaml").is_file():
        told = "" if place.exists() else pretrained.hint(place)
        raise UserError(f"--probe is of a run's encoder; {place} is no run{told}")


def _holds_a_probe(file: Path) -> bool:
    from idvae.report.probe import Probed

    try:
        Probed.load(file)
    except (UserError, OSError):
        return False
    return True


def _is_told(model: Model) -> bool:
    """Whether its encoder has to be told a condition, which it does not find itself."""
    return model.condition is not None and not model.tells_conditions


def _features(
    model: Model, prepared: PreparedSet, rows: BySplit, seed: int, announce: Begin
) -> dict[str, dict[str, np.ndarray]]:
    """What the encoder makes of these rows, "code" and "trunk", by split; processes share them.

    An encoder that is told the class has it to hand, whatever it sees. So each image is encoded
    under the condition of another: what a probe then finds is of the image.
    """
    from idvae.evaluate.together import in_order, in_step, processes

    rank, world = processes()
    told = _told(model, prepared, rows, seed) if _is_told(model) else {}
    counts = [len(indices) for indices in rows.values()]
    befores = (np.cumsum(counts) - counts).tolist()  # images of the splits before each
    batches = [
        (split, first, before + first)
        for (split, indices), before in zip(rows.items(), befores, strict=True)
        for first in range(0, len(indices), BATCH)
    ]
    places, codes, trunks = [], [], []

    def encode() -> Generator[int, None, None]:
        for split, first, place in batches[rank::world]:
            part = slice(first, first + BATCH)
            x = prepared.split(split).gather(rows[split][part])
            y = told[split][part] if told else None
            codes.append(model.encode(x, y))
            if (trunk := model.features(x, y)) is not None:
                trunks.append(trunk)
            places.append(place + np.arange(len(x)))
            yield place + len(x)

    in_step(encode(), sum(counts), announce("encoding", sum(counts)))
    found = in_order(places, {"code": codes, "trunk": trunks})
    cuts = np.cumsum(counts)[:-1]
    return {name: dict(zip(rows, np.split(of, cuts), strict=True)) for name, of in found.items()}


def _told(model: Model, prepared: PreparedSet, rows: BySplit, seed: int) -> BySplit:
    """The condition of another image for each, by split: a random cycle."""
    told = {}
    for number, (split, indices) in enumerate(rows.items()):
        order = np.random.default_rng([seed, number]).permutation(len(indices))
        y = np.empty((len(indices), model.condition.width), np.float32)
        images = prepared.split(split)
        y[order] = np.roll(model.condition.rows(prepared, images, indices[order]), 1, 0)
        told[split] = y
    return told


def _values(
    prepared: PreparedSet,
    rows: BySplit,
    features: Mapping[str, BySplit],
    targets: BySplit,
    facts: Mapping[str, Any],
    known: str,
    announce: Begin,
) -> dict[str, dict[str, Any]]:
    """What code, trunk and pixels know of classes or of attributes."""
    from idvae.evaluate.probe import PARTS, kept, probe

    def measure(name: str, by_split: Callable[[], BySplit]) -> Known:
        report = announce(f"{known}, {name}", PARTS)
        found = probe(by_split(), targets, report)
        if not found.converged:
            print(
                f"idvae: warning: the linear probe of {known}, {name}, stopped before its minimum",
                file=sys.stderr,
            )
        return found

    def pixels() -> Known:
        return measure(
            "pixels", lambda: {s: prepared.split(s).gather(indices) for s, indices in rows.items()}
        )

    values = {name: asdict(measure(name, lambda b=b: b)) for name, b in features.items()}
    return values | {"pixels": asdict(kept({**facts, "known": known}, pixels))}

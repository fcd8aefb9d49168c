"""`idvae bench evaluate`: a battery beside its experts' bare forward passes and beside a loop."""

import os
import tempfile
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from idvae.bench import evaluation_rival
from idvae.bench.images import smooth
from idvae.bench.optional import is_there
from idvae.bench.rounds import Figure, figure, rounds
from idvae.evaluate.battery import evaluate
from idvae.evaluate.experts import open_experts
from idvae.evaluate.experts.expert import BATCH, Expert, exact

BATTERY, FORWARD = "battery", "forward passes"
LOOP = "a loop like torch-fidelity's"  # written here, and for one metric of all
NATIVE = {"lite0": 224, "lite1": 240, "lite2": 260}


def experts_at(size: int | None) -> list[str]:
    """Names of the three small experts at an input size, or at their own."""
    return [f"{name}@{size}" if size else name for name in NATIVE]


def forward(experts: Sequence[Expert], count: int) -> None:
    """Bare forward passes over `count` images that are prepared already."""
    with exact():
        for expert in experts:
            x = torch.zeros(BATCH, 3, expert.size, expert.size)
            x = x.to(expert.device, memory_format=torch.channels_last)
            for _ in range(-(-count // BATCH)):
                expert.network(x)


def measure(
    n: int, size: int | None, repeats: int, announce: Callable[[str], None]
) -> list[Figure]:
    """A whole evaluation of n images against n others, beside forward passes over as many.

    And beside a loop of torch-fidelity's shape on the same networks, which finds the Fréchet
    distance alone, where the battery finds every metric.

    Wall seconds, and the processor's, which other programs on the machine disturb less.
    """
    opened = open_experts(experts_at(size))
    real, fake = smooth(n, 64, 1), smooth(n, 64, 2)
    works = {
        BATTERY: lambda: _evaluate_afresh(fake, real, opened),
        FORWARD: lambda: forward(opened, 2 * n),  # the real images and the fakes
    }
    if is_there("scipy", announce, "scipy"):
        works[LOOP] = lambda: evaluation_rival.distances(real, fake, opened)
    processor: dict[str, list[float]] = {f"{name}, processor": [] for name in works}

    def timed(name: str, work: Callable[[], None]) -> Callable[[], float]:
        def run() -> float:
            wall, busy = time.perf_counter(), time.process_time()
            work()
            processor[f"{name}, processor"].append(time.process_time() - busy)
            return time.perf_counter() - wall

        return run

    found = rounds({name: timed(name, work) for name, work in works.items()}, repeats, announce)
    found |= {name: values[1:] for name, values in processor.items()}  # without the warm-up
    figures = []
    for clock in ("", ", processor"):
        battery, *rivals = (f"{name}{clock}" for name in works)
        figures += [figure(found, battery, "s", rival) for rival in rivals]
        figures += [figure(found, rival, "s") for rival in rivals]
    return figures


def _evaluate_afresh(fake: np.ndarray, real: np.ndarray, experts: Sequence[Expert]) -> None:
    """An evaluation with a cache of its own: nothing that was made before."""
    before = os.environ.get("IDVAE_CACHE")
    with tempfile.TemporaryDirectory() as place:
        os.environ["IDVAE_CACHE"] = place
        try:
            evaluate(fake, real, experts=experts, n=len(fake), repeats=1, true_data=False)
        finally:
            os.environ.pop("IDVAE_CACHE")
            if before is not None:
                os.environ["IDVAE_CACHE"] = before

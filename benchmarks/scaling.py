"""What training costs against image size, width, batch, networks and precision.

Run: python benchmarks/scaling.py [--rounds 3] [--out FILE.json]
IDVAE trains in turn as `base` and with something changed. A row has the images a second, the same
over the base's, and how much of the machine's rate in its precision, measured in the same rounds,
its needed multiply-adds (17 F_E + 8 F_D) make. That rate is no less than what a row reaches.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import torch

from idvae.bench import contestants
from idvae.bench.ceiling import count
from idvae.bench.images import make_set
from idvae.bench.machine_rate import machine_rate
from idvae.bench.rounds import figure, rounds, save
from idvae.networks import DataShape, NetworkConfig

BASE = {"size": 32, "preset": "small", "width": 32, "batch_size": 64, "precision": "32"}
PAPER, BF16 = {"preset": "paper", "width": 64}, {"precision": "bf16"}
CHANGES = {
    "base: 32 px, small, width 32, batch 64, float32": {},
    "16 px": {"size": 16},
    "64 px": {"size": 64},
    "128 px": {"size": 128},
    "width 16": {"width": 16},
    "width 64": {"width": 64},
    "batch 16": {"batch_size": 16},
    "batch 256": {"batch_size": 256},
    "bf16": BF16,
    "64 px, bf16": BF16 | {"size": 64},
    "paper networks (width 64)": PAPER,
    "paper networks, bf16": PAPER | BF16,
    "paper networks, 64 px": PAPER | {"size": 64},
    "paper networks, 64 px, bf16": PAPER | BF16 | {"size": 64},
}
WORK = 2e5  # millions of multiply-adds of a contestant's round: about a second and a half


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    needed, running, precision = {}, {}, {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for i, (name, change) in enumerate(CHANGES.items()):
            chosen = BASE | change
            precision[name] = chosen["precision"]
            size = chosen.pop("size")
            images = make_set(folder / f"images-{i}", 2 * chosen["batch_size"], size)
            networks = NetworkConfig(chosen["preset"], chosen["width"])
            needed[name] = count(DataShape(size, 3), networks, batch=4).needed
            steps = max(1, round(WORK / needed[name] / chosen["batch_size"]))
            running[name] = contestants.library("idvae", images, folder / str(i), steps, chosen)
        for used in set(precision.values()):
            running[f"rate {used}"] = machine_rate(torch.device("cpu"), used)
        found = rounds(running, options.rounds, lambda line: print(line, flush=True))
    for name in CHANGES:  # what a row reaches, the machine can do
        rate = f"rate {precision[name]}"
        reached = [images * needed[name] for images in found[name]]
        found[rate] = [max(pair) for pair in zip(found[rate], reached, strict=True)]
    base = next(iter(CHANGES))
    print("| | images/s | times the base | multiply-adds, M | of the machine's rate |")
    print("|---|---|---|---|---|")
    for name in CHANGES:
        rates = figure(found, name, "images/s", base)
        of_ceiling = [
            rate * needed[name] / ceiling
            for rate, ceiling in zip(rates.values, found[f"rate {precision[name]}"], strict=True)
        ]
        print(
            f"| {name} | {statistics.median(rates.values):,.3g} | "
            f"{statistics.median(rates.ratios):.3g} | {needed[name]:,.0f} | "
            f"{statistics.median(of_ceiling):.0%} |"
        )
    if options.out:
        rows = [figure(found, name, "images/s", base) for name in CHANGES]
        save(options.out, "scaling", {"base": BASE, "needed": needed}, rows)


if __name__ == "__main__":
    main()

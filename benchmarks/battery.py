"""What a battery costs beside the bare forward passes of its experts, and what memory it needs.

Run: python benchmarks/battery.py cost [--n 1000] [--size 224]
     python benchmarks/battery.py folder [--n 2000] [--size 64]
     python benchmarks/battery.py memory [--n 50000] [--size 32]
Targets: at most 1.10 times the forward passes; under 3 GB resident for 50,000 images of 64 px.
"""

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from idvae.bench.evaluation import experts_at, measure
from idvae.bench.images import smooth
from idvae.bench.rounds import table
from idvae.evaluate.battery import evaluate
from idvae.evaluate.experts import open_experts
from idvae.evaluate.sources import stored


def clocks():
    """Wall and processor seconds."""
    return np.array([time.perf_counter(), time.process_time()])


def cost(n, size):
    """The same as `idvae bench evaluate`."""
    print(table(measure(n, size, 3, print)))


def folder(n, size):
    """Scoring a folder of n JPEGs of mixed sizes: each is decoded once, and cores are busy."""
    decoded = []
    decode = stored.decode
    stored.decode = lambda path, most: decoded.append(path) or decode(path, most)
    opened = open_experts(experts_at(size))
    with tempfile.TemporaryDirectory() as place:
        for i, pixels in enumerate(smooth(n, 256)):
            side = 200 + i % 100
            Image.fromarray(pixels).resize((side, side)).save(Path(place) / f"{i:05d}.jpg")
        began = clocks()
        evaluate(place, smooth(1000, 64), experts=opened, n=n, repeats=1, true_data=False)
        wall, processor = clocks() - began
    cores = len(os.sched_getaffinity(0))
    print(
        f"{len(decoded)} decodings of {len(set(decoded))} files, {n / wall:.1f} images/s, "
        f"{processor / wall:.2f} of {cores} cores busy"
    )


def memory(n, size):
    """The peak of resident memory while n images on disk are scored against n others."""
    with tempfile.TemporaryDirectory() as place:
        for name in ("real", "fake"):
            np.save(f"{place}/{name}.npy", smooth(n, 64, len(name)))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        evaluate(
            f"{place}/fake.npy",
            f"{place}/real.npy",
            experts=experts_at(size),
            n=n,
            reference_n=n,
            repeats=1,
            true_data=False,
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{n:,} images of 64 px: peak {peak:.2f} GB resident ({before:.2f} GB before)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["cost", "folder", "memory"])
    parser.add_argument("--n", type=int)
    parser.add_argument("--size", type=int, help="of the experts' input; their own if not given")
    options = parser.parse_args()
    n = options.n or {"cost": 1000, "folder": 2000, "memory": 50_000}[options.what]
    size = options.size or {"cost": None, "folder": 64, "memory": 32}[options.what]
    with tempfile.TemporaryDirectory() as place:
        os.environ["IDVAE_CACHE"] = place  # nothing that was made before
        {"cost": cost, "folder": folder, "memory": memory}[options.what](n, size)


if __name__ == "__main__":
    main()

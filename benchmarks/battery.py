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
import torch
from PIL import Image

from idvae.evaluate import images as image_module
from idvae.evaluate.battery import evaluate
from idvae.evaluate.experts import open_experts
from idvae.evaluate.experts.expert import BATCH, exact


def smooth(n, side, seed=0):
    """Blurry random images, uint8 (n, side, side, 3)."""
    rng = np.random.default_rng(seed)
    out = np.empty((n, side, side, 3), np.uint8)
    for start in range(0, n, 1000):
        coarse = rng.integers(0, 256, (min(1000, n - start), 8, 8, 3), np.uint8)
        out[start : start + 1000] = coarse.repeat(side // 8, 1).repeat(side // 8, 2)
    return out


def experts_at(size):
    native = {"lite0": 224, "lite1": 240, "lite2": 260}
    return [f"{name}@{size}" if size else name for name in native]


def clocks():
    """Wall and processor seconds."""
    return np.array([time.perf_counter(), time.process_time()])


def forward(experts, count):
    """Bare forward passes over `count` images that are prepared already."""
    with exact():
        for expert in experts:
            x = torch.zeros(BATCH, 3, expert.size, expert.size)
            x = x.to(expert.device, memory_format=torch.channels_last)
            for _ in range(-(-count // BATCH)):
                expert.network(x)


def cost(n, size):
    """A whole evaluation of n images against n others, beside forward passes over as many."""
    opened = open_experts(experts_at(size))
    real, fake = smooth(n, 64, 1), smooth(n, 64, 2)
    forward(opened, BATCH)
    bare, whole = np.zeros(2), np.zeros(2)
    began = clocks()
    forward(opened, n)
    bare += clocks() - began
    began = clocks()
    evaluate(fake, real, experts=opened, n=n, repeats=1, true_data=False)
    whole += clocks() - began
    began = clocks()
    forward(opened, n)  # before and after, so that a machine that slows down favours neither
    bare += clocks() - began
    for name, a, b in zip(("wall", "processor"), whole, bare, strict=True):
        print(f"{name}: battery {a:.1f} s, forward passes {b:.1f} s, ratio {a / b:.3f}")


def folder(n, size):
    """Scoring a folder of n JPEGs of mixed sizes: each is decoded once, and cores are busy."""
    decoded = []
    decode = image_module.decode
    image_module.decode = lambda path: decoded.append(path) or decode(path)
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

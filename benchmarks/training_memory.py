"""Peak resident memory of training, beside Algorithm 1 written plainly.

Run: python benchmarks/training_memory.py [--size 64] [--preset paper] [--batch 64] [--steps 2]
Each contestant trains in a process of its own, which reports its peak; a third process that only
builds the networks and the optimizers of the plain version is the base.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

CONTESTANTS = ("base", "plain", "idvae")


def peak():
    """Peak resident memory of this process, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def train(contestant, options):
    """Train in this process and print the peak."""
    from idvae.bench import contestants
    from idvae.bench.images import make_set

    chosen = {"preset": options.preset, "batch_size": options.batch, "threads": 1}
    with tempfile.TemporaryDirectory() as place:
        images = make_set(Path(place) / "images", 2 * options.batch, options.size)
        if contestant == "idvae":
            run = contestants.library("idvae", images, Path(place), options.steps, chosen)
        else:
            run = contestants.plain(images, options.steps, chosen)
        if contestant != "base":
            run()
    print(peak())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--preset", default="paper")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contestant:
        train(options.contestant, options)
        return
    found = {}
    for name in CONTESTANTS:
        command = [sys.executable, *sys.argv, "--contestant", name]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found[name] = float(printed.split()[-1])
        print(f"{name}: {found[name]:,.0f} MiB", flush=True)
    over = {name: found[name] - found["base"] for name in ("plain", "idvae")}
    print(f"over the base, idvae / plain: {over['idvae'] / over['plain']:.2f}")


if __name__ == "__main__":
    main()

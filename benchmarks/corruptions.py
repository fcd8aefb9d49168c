"""Does the Fréchet distance grow with what is wrong? Five growing corruptions of fashion-mnist.

Run: python benchmarks/corruptions.py [--n 1000] [--size 48] [--out docs/evaluation/corruptions.png]
Prints a table, draws the plot, and fails where an expert does not see a corruption grow.
"""

import argparse
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from idvae import data
from idvae.evaluate.experts import open_experts
from idvae.evaluate.features import collect
from idvae.evaluate.metrics.frechet import frechet_distance
from idvae.evaluate.sources.images import open_images
from idvae.pictures import theme

LEVELS = {
    "noise (deviation, of 255)": (8, 20, 45, 90),
    "blur (σ, pixels)": (0.5, 1.0, 2.0, 4.0),
    "missing classes (of 10)": (2, 4, 6, 8),
    "swirl (radians at the centre)": (0.7, 1.5, 3.0, 6.0),
    "digits among the images (share)": (0.05, 0.15, 0.35, 0.7),
}


def noise(images, deviation, rng):
    """Add normal noise."""
    return (images + rng.normal(0, deviation, images.shape)).clip(0, 255).astype(np.uint8)


def blur(images, sigma):
    """A Gaussian filter."""
    at = torch.arange(-15, 16.0)
    window = torch.exp(-at.square() / (2 * sigma**2))
    window /= window.sum()
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    x = F.conv2d(F.pad(x, (15,) * 4, "replicate"), window[None, None, :, None])
    x = F.conv2d(x, window[None, None, None])
    return x.round().byte().permute(0, 2, 3, 1).numpy()


def swirl(images, turn):
    """Rotate about the centre by `turn` radians there, less and less outwards."""
    axis = torch.linspace(-1, 1, images.shape[1])
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    angle = turn * torch.exp(-(x**2 + y**2) / 0.5)
    grid = torch.stack([x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos()], -1)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    moved = F.grid_sample(pixels, grid.expand(len(images), -1, -1, -1), align_corners=True)
    return moved.round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()


def corrupted(clean, labels, strangers, n, seed=0):
    """By corruption, the images of each level; level 0 is the first n clean ones."""
    first = clean[:n]
    rng = np.random.default_rng(seed)
    noises, blurs, classes, swirls, shares = LEVELS.values()
    mixed = []
    for share in shares:
        foreign = round(share * n)
        mixed.append(np.concatenate([strangers[:foreign], first[foreign:]]))
    made = [
        [noise(first, level, rng) for level in noises],
        [blur(first, level) for level in blurs],
        [clean[labels >= level][:n] for level in classes],
        [swirl(first, level) for level in swirls],
        mixed,
    ]
    return {name: [first, *sets] for name, sets in zip(LEVELS, made, strict=True)}


def distances(n, reference_n, size):
    """By corruption and expert, the distance at each level from 0 up."""
    fashion, digits = data.resolve("fashion-mnist-32"), data.resolve("digits-32")
    train, test = fashion.split("train"), fashion.split("test")
    everything = np.arange(len(test))
    clean, labels = test.gather(everything), test.labels(everything)
    strangers = digits.split("train").gather(np.arange(min(n, len(digits.split("train")))))
    experts = open_experts([f"lite{i}@{size}" for i in range(3)])

    def features(images):
        return collect(open_images(images), experts, len(images))

    real = features(train.gather(np.arange(reference_n)))
    cache = features(clean[:n])
    found = {}
    for corruption, sets in corrupted(clean, labels, strangers, n).items():
        levels = [cache] + [features(images) for images in sets[1:]]
        found[corruption] = {
            e.name: [
                frechet_distance(level[e.name].statistics, real[e.name].statistics)
                for level in levels
            ]
            for e in experts
        }
        print(json.dumps({corruption: found[corruption]}), flush=True)
    return found


def draw(found, path):
    """One panel a corruption, one line an expert, each relative to its greatest distance."""
    with theme.figure((15, 3.2), columns=len(found), sharey=True) as (figure, axes):
        for axis, (corruption, rows) in zip(axes.flat, found.items(), strict=True):
            for expert, values in rows.items():
                axis.plot(range(len(values)), values, marker="o", markersize=4, label=expert)
            axis.set_xticks(range(5), [0, *LEVELS[corruption]])
            axis.set_xlabel(corruption, fontsize=theme.VALUE)
            axis.set_yscale("log")
            axis.grid()
        axes.flat[0].set_ylabel("Fréchet distance")
        axes.flat[0].legend(fontsize=theme.TICKS)
        theme.save(figure, path, dpi=100)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--reference-n", type=int, default=4000)
    parser.add_argument("--size", type=int, default=48)
    parser.add_argument("--out", type=Path, default=Path("docs/evaluation/corruptions.png"))
    options = parser.parse_args()
    found = distances(options.n, options.reference_n, options.size)
    draw(found, options.out)
    bad = [
        f"{expert} on {corruption}: {values}"
        for corruption, rows in found.items()
        for expert, values in rows.items()
        if any(b <= a for a, b in pairwise(values))
    ]
    print(f"{sum(len(r) for r in found.values())} curves, {len(bad)} not growing; {options.out}")
    if bad:
        raise SystemExit("\n".join(bad))


if __name__ == "__main__":
    main()

"""What codes are good for: the nearest images to one, and an edit by a difference of means.

The model was told no classes. The mean code of one class less that of another is a direction;
images of the second, moved along it, should turn into the first. Take a set that has classes.

python examples/latent_space.py runs/digits --from-class 3 --to-class 8 --out latent
"""

import argparse
from pathlib import Path

import numpy as np

import idvae
from idvae.pictures import grids
from idvae.training.start import data_of

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--from-class", type=int, default=3)
    parser.add_argument("--to-class", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path("latent"))
    options = parser.parse_args()

    model = idvae.load(options.run)
    prepared = data_of(model.run)
    train, test = prepared.split("train"), prepared.split("test")
    rows = range(min(len(train), 10_000))
    images, labels = train.gather(rows), train.labels(rows)
    codes = model.encode(images)  # float32 (N, Z)

    for number in (options.from_class, options.to_class):
        if not (labels == number).any():
            raise SystemExit(f"none of {len(labels):,} training images is of class {number}")

    asked = test.gather(range(min(len(test), 8)))
    squared = ((model.encode(asked)[:, None] - codes[None]) ** 2).sum(2)
    nearest = squared.argsort(1)[:, :7]  # of each image the seven nearest of the training split
    found = np.concatenate(
        [[image, *images[near]] for image, near in zip(asked, nearest, strict=True)]
    )

    way = codes[labels == options.to_class].mean(0) - codes[labels == options.from_class].mean(0)
    start = codes[labels == options.from_class][:8]
    strengths = np.linspace(0.0, 1.5, 8, dtype=np.float32)
    moved = start[:, None] + strengths[None, :, None] * way  # (8, 8, Z): a row an image
    edited = model.decode(moved.reshape(-1, model.z_dim), posterior=True)

    options.out.mkdir(parents=True, exist_ok=True)
    for name, made in (("nearest", found), ("edited", edited)):
        grids.save_png(options.out / f"{name}.png", grids.grid(made, 8))
        print(options.out / f"{name}.png")

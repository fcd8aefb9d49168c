"""Your own images: a folder of photos → a prepared set, a training, samples, a small release.

python examples/own_images.py ~/photos --size 32 --steps 8000 --out runs/mine
"""

import argparse
from pathlib import Path

import idvae
from idvae import data
from idvae.pictures import grids

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--width", type=int, help="of the networks")
    parser.add_argument("--out", type=Path, default=Path("runs/mine"))
    options = parser.parse_args()

    photos = data.prepare("folder", source=str(options.photos), size=options.size)
    run = idvae.train(
        "idvae-plus", photos.path, options.out, steps=options.steps, width=options.width
    )

    model = idvae.load(run.path)
    # Of a few photos none is kept for tests.
    split = next(s for s in map(photos.split, ("test", "train")) if len(s))
    originals = split.gather(range(min(len(split), 8)))
    pairs = grids.pairs(originals, model.reconstruct(originals))
    for name, picture in (("samples", grids.grid(model.sample(64))), ("reconstructions", pairs)):
        grids.save_png(options.out.with_name(f"{options.out.name}-{name}.png"), picture)

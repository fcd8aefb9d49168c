"""Which distance ranks models rightly, and steadily, at few images? Models of a known order.

Run: python benchmarks/small_n.py [--n 500,1000,2000,5000,10000] [--out FIGURE.png]
A model is real images that something was done to: the more, the worse. Nothing is trained.
"""

from pathlib import Path

import numpy as np
from corruptions import noise, swirl

from idvae import data
from idvae.evaluate.cache import key
from idvae.evaluate.experts import open_experts
from idvae.io.files import atomic_file

REFERENCE, CLEAN, SWIRLED, NOISY = 10_000, 40_000, 5_000, 10_000  # images whose features are taken
NOISES = (2.0, 2.1, 2.2, 2.3)  # deviations, of 255


def pools(expert, folder, seed=0):
    """Features by name: of real images that share none with the reference, as they are or altered.

    Computed once and kept in the folder, under the checksum of all that they were made of.
    """
    images = data.resolve("fashion-mnist-32")
    rng = np.random.default_rng(seed)
    everything = [images.split(split) for split in ("train", "validation", "test")]
    pixels = np.concatenate([s.gather(np.arange(len(s))) for s in everything])
    labels = np.concatenate([s.labels(np.arange(len(s))) for s in everything])
    order = rng.permutation(len(pixels))
    reference, rest = order[:REFERENCE], order[REFERENCE:]
    made = {
        "reference": (reference, lambda x, rng: x),
        "clean": (rest[:CLEAN], lambda x, rng: x),
        "swirled": (rng.choice(rest, SWIRLED, False), lambda x, rng: swirl(x, 1.5)),
    } | {
        f"noise {level}": (rng.choice(rest, NOISY, False), lambda x, rng, a=level: noise(x, a, rng))
        for level in NOISES
    }
    found = {}
    for number, (name, (rows, alter)) in enumerate(made.items()):
        facts = {"set": images.checksum, "expert": expert.facts, "pool": name, "seed": seed}
        place = folder / f"{name.replace(' ', '-')}-{key(facts | {'n': len(rows)})[:16]}.npy"
        if not place.exists():
            altered = alter(pixels[rows], np.random.default_rng([seed, number]))
            parts = [expert(altered[i : i + 64]).features for i in range(0, len(altered), 64)]
            with atomic_file(place) as temporary:
                np.save(temporary, np.concatenate(parts))
            print(f"{place.name}: {len(rows):,} images", flush=True)
        found[name] = np.load(place, mmap_mode="r", allow_pickle=False)
    return found, labels[rest[:CLEAN]]


if __name__ == "__main__":
    import sys
    pools(open_experts(["lite0@32"])[0], Path(sys.argv[1]))

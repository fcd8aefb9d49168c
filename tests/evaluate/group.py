"""What one process of a group does; in a file of its own, since new processes import it.

`alone` does the same without a group: all that several processes find is held against that.
"""

import json
import os
from pathlib import Path

import numpy as np
import torch.distributed as dist
from PIL import Image

from evaluate.toys import ToySet, images, pooled, toy
from idvae.errors import UserError
from idvae.evaluate import together
from idvae.evaluate.battery import evaluate
from idvae.evaluate.experts import open_expert
from idvae.evaluate.features import collect
from idvae.evaluate.metrics.frechet import frechet_distance, frechet_of_parts
from idvae.evaluate.reconstruct import reconstruction
from idvae.evaluate.reference import checksum_of
from idvae.evaluate.scores import METRICS
from idvae.evaluate.sources import source, stored
from idvae.evaluate.sources.drawn import Numbered, Stream
from idvae.evaluate.sources.images import open_images

ODD = 131  # two blocks and three images
BROKEN = 70  # of the folder of that name: in the second block
FAILS = 68  # the first sample of a block of four that cannot be drawn


def prepare(place, digits):
    """What the processes read: digits as files, as arrays, and one of the files broken."""
    pixels = digits[:ODD]
    np.save(place / "digits.npy", digits)
    np.save(place / "array.npy", pixels)
    np.savez(place / "archive.npz", images=pixels)
    for name in ("folder", "broken"):
        (place / name).mkdir()
        for i, image in enumerate(pixels):
            Image.fromarray(image[..., 0]).save(place / name / f"{i:03d}.png")
    (place / "broken" / f"{BROKEN:03d}.png").write_bytes(b"no picture")


def in_a_group(rank, world, place):
    """All of it as one of several processes; what this one found is written."""
    dist.init_process_group("gloo", f"file://{place}/group", rank=rank, world_size=world)
    found = alone(Path(place)) | failures(Path(place), rank)
    dist.destroy_process_group()
    Path(place, f"found-{rank}.json").write_text(json.dumps(found), encoding="utf-8")


def alone(place):
    """By case: values, and the numbers of the images that this process has decoded or drawn."""
    os.environ["IDVAE_CACHE"] = str(place / f"cache-of-{together.processes()[1]}")
    found = {name: _collected(*case) for name, case in _cases(place).items()}
    return found | {"battery": _battery(place), "reconstruction": _reconstructed(place)}


def _cases(place):
    """A source, the number of its images, and the list that their numbers go to."""
    digits, lists = np.load(place / "digits.npy", "r"), [[] for _ in range(7)]
    whole = ToySet(Rows(digits[:100], lists[0]), Rows(digits[100:ODD], lists[0], 100))
    splits = [whole.split(name) for name in ("train", "test")]
    return {
        "folder": (Files(place / "folder", lists[1]), ODD, lists[1]),
        "npy": (Recorded(open_images(place / "array.npy"), lists[2]), ODD, lists[2]),
        "npz": (Recorded(open_images(place / "archive.npz"), lists[3]), ODD, lists[3]),
        "prepared": (stored.Splits("digits", splits, "c"), ODD, lists[0]),
        "drawn": (Numbered(_samples(lists[4])), ODD, lists[4]),
        "one image in a share": (Numbered(_samples(lists[5])), 65, lists[5]),
        "two images": (Numbered(_samples(lists[6])), 2, lists[6]),
        "stream": (Stream(iter([digits[:5], digits[5:400]])), ODD, []),
    }


class Rows:
    """Rows of a split that notes which are read."""

    def __init__(self, rows, read, first=0):
        self.rows, self.read, self.first = rows, read, first

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, indices):
        self.read += (self.first + indices).tolist()
        return self.rows[indices]


class Recorded(stored.Array):
    """An array that notes which of its images are read."""

    def __init__(self, array, read):
        super().__init__(array.images, array.name)
        self.read = read

    def take(self, indices, pool):
        self.read += indices.tolist()
        return super().take(indices, pool)


class Files(stored.Folder):
    """A folder that notes which of its files are decoded."""

    def __init__(self, place, read):
        super().__init__(place)

        def decode(path, most=None, real=stored.decode):
            read.append(int(path.stem))
            return real(path, most)

        self.decode = decode

    def take(self, indices, pool):
        real, stored.decode = stored.decode, self.decode
        try:
            return super().take(indices, pool)  # the function is looked up here
        finally:
            stored.decode = real


def _samples(drawn):
    def some(first, last, seed):
        drawn.extend(range(first, last))
        return np.concatenate([images(1, seed % 1000 + 7 * i) for i in range(first, last)])

    return some


def _collected(of, n, read):
    """Features by an expert of rows and by one of parts, all rows kept or some."""
    found = {}
    for keep in (1000, 50):
        read.clear()
        if isinstance(of, Stream):
            of.arrays = list(of.arrays)
        made = collect(of, [pooled(), open_expert("wavelet")], n, keep=keep)
        rows, packets = made["pooled"], made["wavelet"].statistics
        other = pooled()(images(300, 1)).features
        noise = open_expert("wavelet")(images(300, 1)).features
        found[str(keep)] = {
            "fd": frechet_distance(rows.statistics, other),
            "rows": rows.rows.tolist(),
            "logits": rows.logits.tolist(),
            "mean": rows.statistics.mean.tolist(),
            "covariance": rows.statistics.covariance.tolist(),
            "fwd": frechet_of_parts(packets, type(packets).of(noise)),
            "read": sorted(read),
        }
    return found


def _battery(place):
    """Everything of `evaluate`; again from the cache; and where one process has lost its cache."""
    digits = np.load(place / "digits.npy")
    real = ToySet(digits[:300], digits[300:450])
    drawn, scored = [], []
    for _ in range(3):
        drawn.clear()
        scores = evaluate(
            Numbered(_samples(drawn)),
            real,
            experts=[pooled(), toy()],
            metrics=tuple(METRICS),
            n=ODD,
            repeats=2,
        )
        values = [
            {e: {m: v.values for m, v in found.items()} for e, found in row.items()}
            for row in (scores.row, scores.true_data)
        ]
        scored.append(values)
        if len(scored) == 2 and together.processes()[0]:
            os.environ["IDVAE_CACHE"] += "-lost"
    return {"scores": scored, "read": sorted(drawn), "processes": scores.about["processes"]}


def _reconstructed(place):
    pixels, seen = np.load(place / "digits.npy")[:801], []

    def reconstruct(x, numbers):
        seen.extend(numbers.tolist())
        return 255 - x

    told = []
    found = reconstruction(pixels, reconstruct, experts=[pooled()], progress=told.append)
    return {"values": found, "read": sorted(seen), "told": sum(told)}


def failures(place, rank):
    """What each process is told where one cannot go on."""
    drawn = []
    found = {"broken": _error(lambda: collect(open_images(place / "broken"), [toy()], ODD))}
    source.CHUNK, together.ASK_EVERY = 4, 8

    def fails(first, last, seed):
        if first == FAILS:
            raise ValueError("of one block")
        drawn.extend(range(first, last))
        return images(last - first)

    found["asked"] = _error(lambda: collect(Numbered(fails), [toy()], 1000)) | {"read": drawn}
    few = open_images(images(30 - rank))
    found["other images"] = _error(lambda: checksum_of(few))

    class Unreadable(stored.Array):
        def checksum(self):
            raise UserError("unreadable")

    found["checksum"] = _error(lambda: checksum_of(Unreadable(images(9), "nine")))
    found["afterwards"] = together.exchange(rank)  # nobody waits for an answer of before
    return found


def _error(work):
    try:
        work()
    except Exception as error:
        return {"kind": type(error).__name__, "words": str(error)}
    return {"kind": None, "words": ""}

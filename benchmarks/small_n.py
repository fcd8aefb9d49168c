"""Which distance ranks models rightly, and steadily, at few images? Models of a known order.

Run: python benchmarks/small_n.py [--n 500,1000,2000,5000,10000] [--out FIGURE.png]
     [--kinds noise,swirls,rarer] [--cache FOLDER]
Prints a table for docs/evaluation.md.

A model is real images of fashion-mnist that something was done to: the more, the worse. Four
strengths a kind are so near to each other that 500 images hardly tell them apart. Nothing is
trained. Sample sets of a model are disjoint; those of different models share images by chance only.
Features (lite0@32) and values are kept in the cache folder: what was interrupted goes on.
"""

import argparse
import json
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import torch

from corruptions import noise, swirl
from feature_likelihood import likelihood_divergence
from idvae import data
from idvae.evaluate.cache import key
from idvae.evaluate.experts import open_experts
from idvae.evaluate.metrics.frechet import frechet_distance, frechet_infinity
from idvae.evaluate.metrics.kernel import kernel_distance
from idvae.evaluate.metrics.sliced import Shadows, monge_distance
from idvae.evaluate.metrics.statistics import Statistics
from idvae.io.files import atomic_file
from idvae.io.places import cache_folder
from idvae.pictures import theme

REFERENCE, CLEAN, SWIRLED, ALL = 10_000, 40_000, 5_000, 10_000  # images; ALL are those of a model
KINDS = {
    "noise": ("noise on every image (deviation, of 255)", (2.0, 2.1, 2.2, 2.3)),
    "swirls": ("swirled images among them (share)", (0.10, 0.12, 0.14, 0.16)),
    "rarer": ("shoes of three classes that are missing (share)", (0.30, 0.36, 0.42, 0.48)),
}
SHOES = (5, 7, 9)
DRAWS = {500: 12, 1000: 4, 2000: 3, 5000: 1, 10_000: 1}  # disjoint sample sets of a model
REAL = 1000  # real images that FLD fits by, and as many that it judges by
FLD_UP_TO = 1000  # sample sets: it takes as long as all others together
METRICS = {"fd": "FD", "fd_infinity": "FD∞", "kid": "KID", "mind": "MIND", "fld": "FLD"}
POINTS = 8  # of FD∞


def pools(expert, folder, seed=0):
    """Features by name, of real images as they are or altered, and the labels of the clean ones.

    None shares an image with the reference. They are kept under the checksum of what made them.
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
        f"noise {level}": (rng.choice(rest, ALL, False), lambda x, rng, a=level: noise(x, a, rng))
        for level in KINDS["noise"][1]
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


def model(kind, level, features, labels, seed=0):
    """The features of ALL images of a model, in random order."""
    rng = np.random.default_rng([seed, list(KINDS).index(kind), round(100 * level)])
    if kind == "noise":
        return features[f"noise {level}"][rng.permutation(ALL)]
    chosen = rng.permutation(CLEAN)
    if kind == "rarer":
        missing = np.isin(labels[chosen], SHOES) & (rng.random(CLEAN) < level)
        return features["clean"][chosen[~missing][:ALL]]
    altered = rng.random(ALL) < level
    made = np.array(features["clean"][chosen[:ALL]])
    made[altered] = features["swirled"][rng.permutation(SWIRLED)[: altered.sum()]]
    return made


class Frechet:
    """FD and FD∞ of many sample sets, as the library's functions give them but sooner.

    The nuclear norm of F1 F2ᵀ is the sum of the roots of the eigenvalues of F2 Σ1 F2ᵀ, and the
    prefixes of FD∞ share sums. It costs half of the digits, by which nobody ranks.
    """

    def __init__(self, reference):
        self.statistics = Statistics.of(reference, keep=0)
        self.factor = self.statistics.factor()
        self.trace = np.square(self.factor).sum()

    def __call__(self, rows):
        n, width = rows.shape
        smallest = max(n // 4, width + 1 if 2 * width < n else 2)
        sizes = np.linspace(smallest, n, POINTS).round().astype(int)
        rows = rows - self.statistics.mean  # near the origin, sums lose fewer digits
        turned = rows @ self.factor.T
        sums, gram, before, values = 0.0, 0.0, 0, []
        for k in sizes:
            part, before = turned[before:k], k
            sums = sums + part.sum(0)
            if n >= width:
                gram = gram + part.T @ part
                moment = gram - np.outer(sums, sums) / k
            else:
                centred = turned[:k] - sums / k
                moment = centred @ centred.T
            values.append(self.of(rows[:k], moment / (k - 1)))
        return values[-1], float(np.polyfit(1.0 / sizes, values, 1)[1])

    def of(self, rows, moment):
        roots = torch.linalg.eigvalsh(torch.from_numpy(moment)).clamp(min=0).sqrt()
        mean = rows.mean(0)
        own = np.square(rows - mean).sum() / (len(rows) - 1)
        return float(np.square(mean).sum() + own + self.trace - 2 * roots.sum())

    def check(self, rows):
        """Fail where the library says something else."""
        n = len(rows)
        here, _ = self(rows)
        assert abs(here / frechet_distance(rows, self.statistics) - 1) < 1e-5
        # The library's prefixes are those of a permutation.
        order = np.random.default_rng(0).permutation(n)
        _, infinite = self(rows[order])
        library = frechet_infinity(rows, self.statistics, points=POINTS).value
        assert abs(infinite / library - 1) < 1e-4, (infinite, library)


def measure(kinds, sizes, features, labels, place):
    """Every metric of every sample set, a line of JSON each in `place`; those there are kept."""
    wanted = [
        (kind, level, n, draw)
        for n in sizes
        for draw in range(DRAWS[n])
        for kind in kinds
        for level in KINDS[kind][1]
    ]
    lines = place.read_text("utf-8").splitlines() if place.exists() else []
    known = {(r["kind"], r["level"], r["n"], r["draw"]): r for r in map(json.loads, lines)}
    missing = [cell for cell in wanted if cell not in known]
    if missing:
        reference = np.array(features["reference"], np.float64)
        frechet, shadows = Frechet(reference), Shadows(reference)
        frechet.check(np.array(features["clean"][:400], np.float64))
        models = {(k, a): model(k, a, features, labels) for k in kinds for a in KINDS[k][1]}
    for kind, level, n, draw in missing:
        rows = models[kind, level][draw * n : (draw + 1) * n].astype(np.float64)
        found = {"kind": kind, "level": level, "n": n, "draw": draw}
        found["fd"], found["fd_infinity"] = frechet(rows)
        found["kid"] = kernel_distance(
            reference, rows, subsets=max(1, min(10, n // 1000)), subset_size=min(n, 1000)
        ).value
        found["mind"] = monge_distance(shadows, rows)
        if n <= FLD_UP_TO:
            found["fld"] = likelihood_divergence(rows, *np.split(reference[: 2 * REAL], 2))
        known[kind, level, n, draw] = found
        with place.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")
    return [known[cell] for cell in wanted]


def pair_order(values):
    """By pair of levels, worse against better, how often the worse one has the greater value.

    All sample sets of the one are held against all of the other; a tie counts half.
    """
    order = {}
    for better, worse in combinations(sorted(values), 2):
        gaps = np.subtract.outer(values[worse], values[better])
        order[better, worse] = float((gaps > 0).mean() + 0.5 * (gaps == 0).mean())
    return order


def judge(by_kind):
    """τ to the true order, and how often neighbours are in order: means over kinds.

    τ of one ranking by one sample set a model has the mean that all pairs of sample sets give.
    """
    tau, right = [], []
    for values in by_kind.values():
        order = pair_order(values)
        tau.append(np.mean([2 * share - 1 for share in order.values()]))
        right.append(np.mean([order[pair] for pair in pairwise(sorted(values))]))
    return np.array([np.mean(tau), np.mean(right)])


def gap(by_kind):
    """How far neighbours are apart, in deviations of a model's sample sets: mean over kinds."""
    found = []
    for values in by_kind.values():
        if min(len(v) for v in values.values()) < 2:
            return np.nan
        spread = np.sqrt(np.mean([np.var(v, ddof=1) for v in values.values()]))
        steps = [np.mean(values[b]) - np.mean(values[a]) for a, b in pairwise(sorted(values))]
        found.append(np.mean(steps) / spread)
    return np.mean(found)


def own_order(by_kind, largest):
    """τ of models of all kinds to the order that the metric itself gives at the largest N."""
    values = {(k, a): v for k, levels in by_kind.items() for a, v in levels.items()}
    means = {(k, a): np.mean(v) for k, levels in largest.items() for a, v in levels.items()}
    if set(values) - set(means):
        return np.nan
    ranked = {means[model]: v for model, v in values.items()}
    return np.mean([2 * share - 1 for share in pair_order(ranked).values()])


def summary(by_kind, largest):
    """What the table says of a metric at an N, from values by kind and level.

    The same sample sets are drawn again, with replacement, for every metric: so errors of
    differences are those of differences.
    """
    rng = np.random.default_rng(0)
    again = [
        judge(
            {
                kind: {a: [v[i] for i in rng.integers(len(v), size=len(v))] for a, v in one.items()}
                for kind, one in by_kind.items()
            }
        )
        for _ in range(400)
    ]
    cells = {(k, a): v for k, levels in by_kind.items() for a, v in levels.items()}
    draws = min(len(v) for v in cells.values())
    variation = bias = np.nan
    if draws > 1:
        variation = np.mean([np.std(v, ddof=1) / abs(np.mean(v)) for v in cells.values()])
    if all(levels.keys() == largest.get(kind, {}).keys() for kind, levels in by_kind.items()):
        bias = np.mean([np.mean(v) / np.mean(largest[k][a]) - 1 for (k, a), v in cells.items()])
    return {
        "draws": draws,
        "judged": judge(by_kind),
        "again": np.array(again) if draws > 1 else np.full((1, 2), np.nan),
        "gap": gap(by_kind),
        "own": own_order(by_kind, largest),
        "variation": variation,
        "bias": bias,
    }


def gathered(rows, metric, n):
    """The values of a metric at n by kind and level."""
    found = {}
    for r in rows:
        if r["n"] == n and metric in r:
            found.setdefault(r["kind"], {}).setdefault(r["level"], []).append(r[metric])
    return found


def table(rows):
    """Print Markdown; returns what it says by (metric, n)."""
    sizes = sorted({r["n"] for r in rows})
    told = {}
    print(
        "| N (sample sets) | | τ | τ less FD's | neighbours right, % | gap/deviation "
        "| τ to itself at the largest N | variation, % | bias, % |"
    )
    print("| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for n in sizes:
        for metric, title in METRICS.items():
            here, largest = gathered(rows, metric, n), gathered(rows, metric, max(sizes))
            if not here:
                continue
            told[metric, n] = s = summary(here, largest)
            (tau, right), (tau_error, right_error) = s["judged"], s["again"].std(0)
            beyond = tau - told["fd", n]["judged"][0]
            beyond_error = (s["again"] - told["fd", n]["again"]).std(0)[0]
            relative = metric != "fld"  # FLD has no zero of its own
            cells = [
                number(tau, 2) + error(tau_error, 2),
                "" if metric == "fd" else number(beyond, 2) + error(beyond_error, 2),
                number(100 * right, 0) + error(100 * right_error, 0),
                number(s["gap"], 2),
                number(s["own"], 2) if n < max(sizes) else "",
                number(100 * s["variation"], 1) if relative else "–",
                number(100 * s["bias"], 0) if relative else "–",
            ]
            head = f"{n:,} ({s['draws']})" if metric == "fd" else ""
            print(f"| {head} | {title} | " + " | ".join(cells) + " |")
    return told


def number(value, digits):
    return "–" if np.isnan(value) else f"{value:.{digits}f}"


def error(value, digits):
    return "" if np.isnan(value) else f" ± {value:.{digits}f}"


def draw(told, path):
    """Neighbours in order, and bias, against N; one line a metric."""
    sizes = sorted({n for _, n in told})
    with theme.figure((9, 3.2), columns=2) as (figure, (axes,)):
        for (metric, title), colour in zip(METRICS.items(), theme.SERIES, strict=False):
            at = [n for n in sizes if (metric, n) in told]
            found = [told[metric, n] for n in at]
            style = {"color": colour, "marker": "o", "markersize": 4, "label": title}
            axes[0].plot(at, [100 * s["judged"][1] for s in found], **style)
            if metric != "fld":
                axes[1].plot(at, [100 * s["bias"] for s in found], **style)
        for axis, title in zip(axes, ("neighbours in order, %", "bias, %"), strict=True):
            axis.set_xscale("log")
            axis.set_xticks(sizes, [f"{n:,}" for n in sizes])
            axis.minorticks_off()
            axis.set_xlabel("images a sample set", fontsize=theme.VALUE)
            axis.set_ylabel(title, fontsize=theme.VALUE)
            axis.grid()
        axes[0].legend(fontsize=theme.TICKS)
        theme.save(figure, path, dpi=100)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", default=",".join(map(str, DRAWS)))
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--cache", type=Path, default=cache_folder() / "small-n")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    kinds, sizes = options.kinds.split(","), [int(n) for n in options.n.split(",")]
    expert = open_experts(["lite0@32"])[0]
    features, labels = pools(expert, options.cache)
    plan = {"expert": expert.facts, "kinds": KINDS, "real": REAL, "all": ALL, "format": 1}
    place = options.cache / f"values-{key(plan)[:16]}.jsonl"
    told = table(measure(kinds, sizes, features, labels, place))
    if options.out:
        draw(told, options.out)


if __name__ == "__main__":
    main()

"""Does the test of the best row hold its level, and what does it find? By simulation.

Run: python benchmarks/significance.py [--trials 4000] [--found 200] [--seed 0]
Level: the share of trials in which the best row is called better than one that is as good. Found:
the share of the truly worse rows that are called so. Beside it the test that this one replaced,
which picked the best row and then tested it as if it had been named before: exact two-sample
permutation tests, corrected by Holm for the comparisons with the rest.
"""

import argparse
from itertools import combinations

import numpy as np

from idvae.report.permutation import permutation_test
from idvae.report.significance import LEVEL, compare, holm

METHODS, SEEDS = (4, 7, 8), (3, 5, 6)
LABELLINGS = 999  # of a set of rows; two rows of 6 runs have 924, so pairs are exact

VALUES = {
    "normal": lambda rng, size: rng.standard_normal(size),
    "exponential": lambda rng, size: rng.exponential(size=size),
    "t with 3 degrees": lambda rng, size: rng.standard_t(3, size),
}
NULLS = ("all alike", "half alike, half far worse", "two alike in front, others apart")
TIGHT = NULLS[2]  # has three times the trials: its level is a pair's, 4.8% or 5.0% by counting
UNEQUAL = "one mean, deviations 1 and 3 in turn"


def trials(rng, null, values, methods, seeds, n):
    """Values (n, methods, seeds), less is better, and how many rows share the best place."""
    made = VALUES[values](rng, (n, methods, seeds))
    worse = np.zeros(methods)
    if null == NULLS[1]:
        worse[methods // 2 :] = 100.0
    elif null == TIGHT:
        worse[2:] = 4.0 * np.arange(1, methods - 1)
    elif null == UNEQUAL:
        made[:, 1::2] *= 3.0
    return made + worse[:, None], int((worse == 0).sum())


def pair_p(a, b):
    """Exact two-sided p of each trial; a and b (trials, n)."""
    n = a.shape[1]
    sides = np.zeros((2 * n, len(list(combinations(range(2 * n), n)))))
    for way, side in enumerate(combinations(range(2 * n), n)):
        sides[list(side), way] = 1.0
    both = np.concatenate([a, b], 1)
    both -= both.mean(1, keepdims=True)
    seen = abs(both[:, :n].sum(1)) - 1e-12 * abs(both).sum(1)
    return (abs(both @ sides) >= seen[:, None]).mean(1)


def best_and_pairs(made):
    """Of each trial: rows in order, the best first, and p of the best against each other one."""
    order = made.mean(2).argsort(1)
    rows = np.take_along_axis(made, order[..., None], 1)
    return order, np.stack([pair_p(rows[:, 0], rows[:, j]) for j in range(1, made.shape[1])], 1)


def level(made, alike):
    """Shares of trials with a false claim: by `compare`, and by the test it replaced.

    A claim needs the pair alone, and the set of all rows that are alike, to be significant;
    only where both are is the whole test made.
    """
    order, pairs = best_and_pairs(made)
    false = (order[:, 1:] < alike) & (order[:, :1] < alike)
    old = np.array([holm(p) for p in pairs]) <= LEVEL
    new = 0
    for trial in np.flatnonzero((false & (pairs <= LEVEL)).any(1)):
        if permutation_test(made[trial, :alike], labellings=LABELLINGS).p <= LEVEL:
            told = claims(made[trial])
            new += int(any(false[trial, list(order[trial, 1:]).index(j)] for j in told))
    return new / len(made), float((old & false).any(1).mean())


def claims(rows, against=None):
    """The rows that the best, or the row named, is called significantly better than."""
    named = {str(i): row for i, row in enumerate(rows)}
    found = compare(named, against=against, labellings=LABELLINGS)
    return [int(pair.other) for pair in found.pairs if pair.better and pair.p <= LEVEL]


def found(made):
    """Mean share of the rows behind row 0, the true best, that it is called better than.

    By `compare`, by `compare` with row 0 fixed before, and by the test that was replaced.
    """
    order, pairs = best_and_pairs(made)
    old = ((np.array([holm(p) for p in pairs]) <= LEVEL) & (order[:, :1] == 0)).mean()
    picked = [
        claims(rows) if best == 0 else [] for rows, best in zip(made, order[:, 0], strict=True)
    ]
    fixed = [claims(rows, "0") for rows in made]
    share = made.shape[1] - 1
    return *(np.mean([len(told) / share for told in by]) for by in (picked, fixed)), old


def percent(share, n):
    """A share with the half-width of its 95% binomial interval."""
    return f"{100 * share:.1f} ± {196 * (share * (1 - share) / n) ** 0.5:.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=4000)
    parser.add_argument("--found", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    heads = [f"{n} seeds: new | old" for n in SEEDS]
    print("\nTrials with a false claim, %\n")
    print(f"| null | values | methods | trials | {' | '.join(heads)} |")
    print("|---|---|---:|---:|" + "---:|" * 2 * len(SEEDS))
    kinds = [(null, values) for null in NULLS[:2] for values in VALUES]
    kinds += [(TIGHT, "normal"), (UNEQUAL, "normal")]
    for null, values in kinds:
        n = options.trials * (3 if null == TIGHT else 1)
        for methods in METHODS:
            cells = []
            for seeds in SEEDS:
                rng = np.random.default_rng([options.seed, methods, seeds])
                made, alike = trials(rng, null, values, methods, seeds, n)
                cells += [percent(share, n) for share in level(made, alike)]
            print(f"| {null} | {values} | {methods} | {n:,} | {' | '.join(cells)} |", flush=True)
    print(f"\nWorse rows found, % over {options.found:,} trials, normal values of deviation 1\n")
    print("| where the rest are | methods | seeds | new | new, row fixed before | old |")
    print("|---|---:|---:|---:|---:|---:|")
    for where in ("all 3 behind", "2, 4, 6, … behind"):
        for methods in METHODS:
            for seeds in SEEDS[1:]:
                rng = np.random.default_rng([options.seed, methods, seeds])
                made = rng.standard_normal((options.found, methods, seeds))
                steps = np.arange(methods)
                made += (3.0 * (steps > 0) if where.startswith("all") else 2.0 * steps)[:, None]
                cells = " | ".join(f"{100 * share:.0f}" for share in found(made))
                print(f"| {where} | {methods} | {seeds} | {cells} |", flush=True)


if __name__ == "__main__":
    main()

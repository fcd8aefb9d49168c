"""Is the best better than the rest? Permutation tests over training runs, Holm's correction.

No distribution is assumed: under the null hypothesis the runs of two methods could bear each
other's labels, so the difference of means is compared with that of every other labelling.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice
from math import comb

import numpy as np

LEAST = 3  # seeds a side, below which no test is made
LEVEL = 0.05
EXACT = 200_000  # labellings that are all looked at; above, as many are drawn
BLOCK = 20_000


@dataclass(frozen=True)
class Pair:
    """The best against one of the rest.

    Attributes:
        best, other: names.
        n: seeds of each.
        p: two-sided, as tested; None where no test is made.
        corrected: by Holm, over the tests of one expert.
    """

    best: str
    other: str
    n: tuple[int, int]
    p: float | None = None
    corrected: float | None = None


def permutation_test(a: Sequence[float], b: Sequence[float]) -> float:
    """Two-sided p of the difference of means, over all ways to deal the values to two sides.

    Where there are more than EXACT ways, that many are drawn, always the same ones.

    Args:
        a, b: at least one value each.
    """
    values = np.array([*a, *b], float)
    values -= values.mean()  # then the sum of one side alone says how far the means are apart
    seen = abs(values[: len(a)].sum()) - 1e-12 * abs(values).sum()  # ties count as far too
    ways = comb(len(values), len(a))
    if ways > EXACT:
        order = np.random.default_rng(0).random((EXACT, len(values))).argsort(1)[:, : len(a)]
        return float(1 + (abs(values[order].sum(1)) >= seen).sum()) / (1 + EXACT)
    splits = combinations(range(len(values)), len(a))
    as_far = 0
    while block := list(islice(splits, BLOCK)):
        as_far += int((abs(values[np.array(block)].sum(1)) >= seen).sum())
    return as_far / ways


def least_p(n: int, m: int) -> float:
    """The smallest p that n and m values can give."""
    return (2 if n == m else 1) / comb(n + m, n)


def holm(p: Sequence[float]) -> list[float]:
    """p-values corrected for their number by Holm (1979), in the order given."""
    corrected = [0.0] * len(p)
    largest = 0.0
    for rank, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        largest = max(largest, min(1.0, (len(p) - rank) * p[i]))
        corrected[i] = largest
    return corrected


def against_the_best(
    values: Mapping[str, Sequence[float]], less_is_better: bool = True
) -> list[Pair]:
    """Compare the row of the best mean with each other row.

    Where that row has too few runs for a test, the best of those with enough is compared too.

    Args:
        values: row → one value a training run.
        less_is_better: what best is.
    """
    enough = {name: found for name, found in values.items() if len(found) >= LEAST}
    pairs = _pairs(values, less_is_better)
    if pairs and pairs[0].best not in enough:
        pairs += _pairs(enough, less_is_better)
    tested = [i for i, pair in enumerate(pairs) if min(pair.n) >= LEAST]
    p = [permutation_test(values[pairs[i].best], values[pairs[i].other]) for i in tested]
    for i, raw, corrected in zip(tested, p, holm(p), strict=True):
        pairs[i] = replace(pairs[i], p=raw, corrected=corrected)
    return pairs


def _pairs(values: Mapping[str, Sequence[float]], less_is_better: bool) -> list[Pair]:
    if len(values) < 2:
        return []
    choose = min if less_is_better else max
    best = choose(values, key=lambda name: sum(values[name]) / len(values[name]))
    return [
        Pair(best, name, (len(values[best]), len(found)))
        for name, found in values.items()
        if name != best
    ]


def in_words(found: Mapping[str, Sequence[Pair]]) -> str:
    """The tests as Markdown, one list for each measure that names pairs."""
    lines = ["## Is the best better than the rest?", ""]
    pairs = [pair for part in found.values() for pair in part]
    if not pairs:
        return "\n".join([*lines, "There are no two rows to compare."]) + "\n"
    if all(pair.p is None for pair in pairs):
        lines.append(
            f"No test is made: no pair has {LEAST} seeds a side or more, and fewer say nothing of "
            "how far trainings of one method differ. Train and score more seeds of each."
        )
        return "\n".join(lines) + "\n"
    lines += [
        "Exact two-sided permutation test of the difference of means over training runs; p is "
        "corrected by Holm for the comparisons of the best with the rest in one list; significant "
        f"is p ≤ {LEVEL}.",
    ]
    for by, part in found.items():
        if part:
            lines += ["", f"By {by}:", "", *(f"- {_sentence(pair)}" for pair in part)]
    return "\n".join(lines) + "\n"


def _sentence(pair: Pair) -> str:
    n, m = pair.n
    seeds = f"{n} and {m} seeds"  # in the order of the names
    if pair.p is None:
        return (
            f"{pair.best} is ahead of {pair.other}; no test is made, {seeds} are fewer than "
            f"{LEAST} a side."
        )
    corrected = f"corrected p = {pair.corrected:.3g} ({pair.p:.3g} alone)"
    if pair.corrected <= LEVEL:
        return f"{pair.best} is significantly better than {pair.other}: {seeds}, {corrected}."
    reason = ""
    if least_p(n, m) > LEVEL:
        reason = f" With so few seeds p cannot fall below {least_p(n, m):.2g}: train more."
    ahead = f"{pair.best} is ahead of {pair.other}, but not significantly"
    return f"{ahead}: {seeds}, {corrected}.{reason}"

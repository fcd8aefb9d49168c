"""What runs say of a claim: holds, does not hold, or undecided, and how many seeds would decide.

A claim holds where every comparison that it makes is significant by itself: of "all of these" no
single p needs a correction, for one comparison that fails spoils it (the intersection-union test,
Berger 1982). It does not hold where one comparison is significant the other way; any one of them
could be so by chance, so these p are corrected by Holm for the number of comparisons in the whole
claim, of all its parts. All else is undecided.

Tests are two-sided permutation tests of the difference of two means over trainings; "not worse"
tests the row against the other's values made worse by the margin. "At least" tests a mean against
the bar by Student's t. "Disagree" is one comparison: the other way is every pair ordered alike by
all experts, so its p is the largest of theirs; one expert alone cannot disagree, and says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import mean, stdev
from typing import Literal

import numpy as np

from idvae.errors import UserError
from idvae.report.claims.claim import Claim, Part
from idvae.report.claims.evidence import Evidence, Seen
from idvae.report.claims.measures import less_is_better, meant
from idvae.report.interval import p_of_mean, quantile
from idvae.report.permutation import least_p, permutation_test, points_two_ways
from idvae.report.significance import LEAST, LEVEL, holm

Verdict = Literal["holds", "does not hold", "undecided"]
POWER = 0.8  # of the number of seeds that would decide
MOST_SEEDS = 200
_TRIALS, _SEED = 2000, 0  # of its simulation


@dataclass(frozen=True)
class Comparison:
    """One row against another, or against a bar, by one measure on one set.

    Attributes:
        data, measure: on what, and by what.
        row, other: names; other is "" where it is a bar.
        values, others: one a training; others is the bar alone where it is one.
        margin: by which a row may be worse, as a share.
        p: two-sided, of this comparison alone.
        ahead: whether the row's mean is on the side that the claim says.
        verdict: of this comparison alone.
        needed: seeds a row with which a difference like this one, were it the true one, would be
            told in POWER of all cases; None where it is told already or no number up to
            MOST_SEEDS would do.
    """

    data: str
    measure: str
    row: str
    other: str
    values: tuple[float, ...]
    others: tuple[float, ...]
    margin: float
    p: float
    ahead: bool
    verdict: Verdict
    needed: int | None = None

    @property
    def worse(self) -> list[float]:
        """The other's values made worse by the margin, against which the row is tested."""
        return _made_worse(self.others, self.margin, less_is_better(self.measure))

    @property
    def difference(self) -> tuple[float, float, float] | None:
        """Mean difference as a share of the other's mean, and its 95% interval (Welch's t)."""
        if not self.other or mean(self.others) == 0:
            return None
        scale = abs(mean(self.others))
        low, high = _welch(self.values, self.others)
        return (mean(self.values) - mean(self.others)) / scale, low / scale, high / scale


@dataclass(frozen=True)
class Judged:
    """A part of a claim.

    Attributes:
        part: what is claimed.
        verdict: what was found of it.
        comparisons: all that it makes.
        p: the one that the verdict rests on; None where there is nothing to test. The largest,
            where no comparison is significant the other way by itself; else the smallest of
            those that go the other way, corrected for all comparisons of the claim.
        missing: what no run says.
        needed: seeds a row that would decide it in POWER of all cases, were the differences and
            deviations that are seen the true ones: all told, or, where some go the other way,
            the plainest of these, corrected. None where it is decided or no number up to
            MOST_SEEDS would do.
    """

    part: Part
    verdict: Verdict
    comparisons: tuple[Comparison, ...]
    p: float | None = None
    missing: tuple[str, ...] = ()
    needed: int | None = None


@dataclass(frozen=True)
class Tested:
    """A claim and what was found of it."""

    claim: Claim
    parts: tuple[Judged, ...] = field(default=())

    @property
    def verdict(self) -> Verdict:
        verdicts = {part.verdict for part in self.parts}
        if verdicts == {"holds"}:
            return "holds"
        return "does not hold" if "does not hold" in verdicts else "undecided"

    @property
    def seeds(self) -> tuple[int, int] | None:
        """The fewest and the most runs of a row."""
        counts = [len(c.values) for part in self.parts for c in part.comparisons]
        counts += [len(c.others) for p in self.parts for c in p.comparisons if c.other]
        return (min(counts), max(counts)) if counts else None


def found_of(claim: Claim, evidence: Evidence) -> Tested:
    """All parts of a claim.

    Raises:
        UserError: two runs of a row have one seed.
    """
    made = [(part, *_comparisons(part, evidence)) for part in claim.parts]
    other_way = [_other_way(part, found, missing) for part, found, missing in made]
    corrected = iter(holm([p for of_part in other_way for p in of_part]))
    several = sum(map(len, other_way))
    judged = []
    for (part, found, missing), of_part in zip(made, other_way, strict=True):
        against = min([next(corrected) for _ in of_part], default=1.0)
        verdict, p = _verdict(part, found, against)
        if missing and verdict == "holds" and part.kind != "disagree":
            verdict = "undecided"
        needed = _seeds_that_decide(part, found, several) if verdict == "undecided" else None
        judged.append(Judged(part, verdict, tuple(found), p, missing, needed))
    return Tested(claim, tuple(judged))


def _comparisons(part: Part, evidence: Evidence) -> tuple[list[Comparison], tuple[str, ...]]:
    """All that a part compares, and what is missing for it."""
    sets = evidence.sets(part.plan)
    missing = [f"{name} of {part.plan}" for name in part.data if name not in sets]
    if not sets:
        return [], (f"runs of {part.plan}",)
    comparisons: list[Comparison] = []
    for data in part.data or sets:
        for row, other in part.pairs if data in sets else ():
            rows = [_runs(evidence, part.plan, data, name) for name in (row, other) if name]
            for by in part.by:
                found = [_measured(by, runs) for runs in rows]
                shared = [m for m in found[0] if all(m in one for one in found)]
                comparisons += [
                    _compared(part, data, m, row, other, [one[m] for one in found]) for m in shared
                ]
                if not shared:
                    names = [name for name in (row, other) if name]
                    few = [n for n, one in zip(names, found, strict=True) if not one] or names
                    missing += [f"{by} of {LEAST} seeds of {name} on {data}" for name in few]
    return comparisons, tuple(dict.fromkeys(missing))


def _runs(evidence: Evidence, plan: str, data: str, row: str) -> list[Seen]:
    runs = evidence.of(plan, data, row)
    for one, other in pairwise(runs):
        if one.seed == other.seed:
            raise UserError(f"{plan}: {row} on {data} is there twice with seed {one.seed}")
    return runs


def _measured(by: str, runs: Sequence[Seen]) -> dict[str, list[float]]:
    """The measures that are meant → a value a run; those that too few runs have are not there."""
    names = dict.fromkeys(name for run in runs for name in run.values)
    found = {m: [r.values[m] for r in runs if m in r.values] for m in meant(by, list(names))}
    return {name: values for name, values in found.items() if len(values) >= LEAST}


def _compared(
    part: Part, data: str, measure: str, row: str, other: str, values: Sequence[Sequence[float]]
) -> Comparison:
    if part.kind == "at_least":
        return against_bar(data, measure, row, values[0], part.bar)
    return against_row(data, measure, (row, other), *values, part.margin)


def against_bar(
    data: str, measure: str, row: str, values: Sequence[float], bar: float
) -> Comparison:
    """Whether a mean is above a bar, by Student's t."""
    p, ahead = p_of_mean(values, bar), mean(values) >= bar
    return Comparison(
        data, measure, row, "", tuple(values), (bar,), 0.0, p, ahead, _alone(p, ahead)
    )


def against_row(
    data: str,
    measure: str,
    names: tuple[str, str],
    values: Sequence[float],
    others: Sequence[float],
    margin: float = 0.0,
) -> Comparison:
    """Whether a row is better than another, or not worse by more than a margin."""
    less = less_is_better(measure)
    worse = _made_worse(others, margin, less)
    ahead = mean(values) < mean(worse) if less else mean(values) > mean(worse)
    p = 1.0 if points_two_ways(values, worse) else permutation_test([values, worse]).p
    verdict = _alone(p, ahead)
    needed = None if verdict != "undecided" else seeds_needed(values, worse)
    return Comparison(
        data,
        measure,
        *names,
        tuple(values),
        tuple(others),
        margin,
        p,
        ahead,
        verdict,
        needed,
    )


def _made_worse(others: Sequence[float], margin: float, less: bool) -> list[float]:
    """Values whose mean is worse by a share of its size, which may be negative.

    They are stretched and not moved, so that they scatter as a multiple of a mean does; moved ones
    would scatter too little beside it, and be told apart by chance too often.
    """
    larger = less == (mean(others) >= 0)
    return [v * (1 + margin if larger else 1 - margin) for v in others]


def _alone(p: float, ahead: bool) -> Verdict:
    """What one comparison says by itself."""
    return "undecided" if p > LEVEL else "holds" if ahead else "does not hold"


def _other_way(part: Part, found: Sequence[Comparison], missing: Sequence[str]) -> list[float]:
    """p of each comparison that would spoil a part, were it alone; 1 where it points as claimed."""
    if part.kind != "disagree":
        return [1.0 if c.ahead else c.p for c in found]
    if not found:
        return []
    pairs = _pairs(found)
    if missing or min(map(len, pairs)) < 2:  # what was not seen, or by one expert, may disagree
        return [1.0]
    alike = all(len({c.ahead for c in of_pair}) == 1 for of_pair in pairs)
    return [max(c.p for c in found) if alike else 1.0]


def _verdict(
    part: Part, found: Sequence[Comparison], against: float
) -> tuple[Verdict, float | None]:
    """What all comparisons of a part say, and the p that says it.

    Args:
        part: what is claimed.
        found: its comparisons.
        against: the smallest p of those that go the other way, corrected for all of the claim.
    """
    if not found:
        return "undecided", None
    if part.kind == "disagree":
        p = min(holm([disagreement_p(of_pair) for of_pair in _pairs(found)]))
        holds = p <= LEVEL
    else:
        p = max(c.p for c in found)
        holds = all(c.verdict == "holds" for c in found)
    if holds:
        return "holds", p
    if against <= LEVEL:
        return "does not hold", against
    told = part.kind != "disagree" and any(c.verdict == "does not hold" for c in found)
    return "undecided", against if told else p


def _seeds_that_decide(part: Part, found: Sequence[Comparison], several: int) -> int | None:
    """As `Judged.needed`, where the claim has several comparisons."""
    if part.kind == "at_least":
        return None
    against = [] if part.kind == "disagree" else [c for c in found if not c.ahead]
    numbers = [c.needed for c in found if c.verdict == "undecided"]
    if against:  # the smallest p of these times the number of comparisons, as Holm has it
        numbers = [seeds_needed(c.values, c.worse, LEVEL / several) for c in against]
        return min((n for n in numbers if n is not None), default=None)
    return None if None in numbers else max((n for n in numbers if n is not None), default=None)


def _pairs(found: Sequence[Comparison]) -> list[list[Comparison]]:
    """Comparisons of the same two rows, by each expert."""
    pairs: dict[tuple[str, str, str], list[Comparison]] = {}
    for c in found:
        pairs.setdefault((c.data, c.row, c.other), []).append(c)
    return list(pairs.values())


def disagreement_p(of_experts: Sequence[Comparison]) -> float:
    """p of "no expert orders them one way, or none the other way", of one pair.

    Each side is the smallest one-sided p over experts, times their number; both have to be small.
    """
    sides = []
    for ahead in (True, False):
        p = [c.p / 2 for c in of_experts if c.ahead == ahead]
        sides.append(min(1.0, len(of_experts) * min(p)) if p else 1.0)
    return max(sides)


def seeds_needed(
    values: Sequence[float], others: Sequence[float], level: float = LEVEL
) -> int | None:
    """The fewest runs a row with which such a difference is told in POWER of all cases.

    The true means and deviations are taken to be those seen, the values to be normal; the test is
    Student's t, to which the permutation test comes close, once there are seeds enough for any p
    of it to reach the level.
    """
    if len(values) < 2 or len(others) < 2:
        return None
    gap, deviations = abs(mean(values) - mean(others)), (stdev(values), stdev(others))
    if gap == 0:
        return None
    low = max(LEAST, len(values) + 1, len(others) + 1)
    while least_p(low) > level:
        low += 1
    draws = np.random.default_rng(_SEED).standard_normal((2, _TRIALS, MOST_SEEDS))
    a, b = draws[0] * deviations[0] + gap, draws[1] * deviations[1]

    def tells(n: int) -> bool:
        one, other = a[:, :n], b[:, :n]
        error = ((one.var(1, ddof=1) + other.var(1, ddof=1)) / n) ** 0.5
        t = (one.mean(1) - other.mean(1)) / np.maximum(error, 1e-300)
        return float((abs(t) >= quantile(1 - level / 2, 2 * n - 2)).mean()) >= POWER

    if not tells(MOST_SEEDS):
        return None
    high = MOST_SEEDS
    while low < high:  # more seeds tell more often
        middle = (low + high) // 2
        low, high = (low, middle) if tells(middle) else (middle + 1, high)
    return low


def _welch(values: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """The 95% interval of a difference of two means whose deviations may differ."""
    gap = mean(values) - mean(others)
    parts = [stdev(v) ** 2 / len(v) if len(v) > 1 else 0.0 for v in (values, others)]
    if not sum(parts):
        return gap, gap
    degrees = sum(parts) ** 2 / sum(
        part**2 / (len(v) - 1)
        for part, v in zip(parts, (values, others), strict=True)
        if len(v) > 1
    )
    half = quantile(0.975, max(1, int(degrees))) * sum(parts) ** 0.5
    return gap - half, gap + half

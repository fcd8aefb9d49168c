"""Is the best better than each of the rest, or one row better than others? Over training runs.

Whoever picks the best row and then tests it has picked its luck too, so its tests are those of all
pairs of rows that could have come first. A closed test (Marcus, Peritz and Gabriel 1976) holds its
level for all of them at once, also where some rows are alike and others are not, and so for
whichever pairs are looked at afterwards: two rows are told apart only where every hypothesis under
which they are alike is rejected. Such a hypothesis divides the rows into sets of rows that are
alike (Begun and Gabriel 1981). Each set is tested by relabelling its own runs (Petrondas and
Gabriel 1983, "Multiple comparisons by rerandomization tests"), with the largest difference of two
means as statistic; of the sets of one division the smallest p counts, times their number
(Bonferroni).

A row that was fixed before the runs were seen leaves fewer hypotheses: each says of some of the
others that they are like it, which is one set.

"Alike" means one distribution of values. Where rows have one mean but unequal deviations, the
level is only about kept; docs/evaluation.md has figures. So that it is where rows have different
numbers of runs, a test of some rows takes as many of each as the one with the fewest has, the
first ones. Seeds that rows share bind their values together, which makes differences smaller and
the tests more careful.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, count
from math import inf

from idvae.report.permutation import LABELLINGS, SEED, least_p, permutation_test, points_two_ways
from idvae.report.sentences import listing

LEAST = 3  # seeds a row, below which it is left out
LEVEL = 0.05
MOST = 10  # rows: all sets of them are tested; more are told apart by Holm over pairs


@dataclass(frozen=True)
class Pair:
    """A row against another.

    Attributes:
        other: its name.
        better: whether the row compared is the better one by its mean.
        p: two-sided, corrected for all pairs that were or could have been looked at.
    """

    other: str
    better: bool
    p: float


@dataclass(frozen=True)
class Compared:
    """One row against the rest, in one measure.

    Attributes:
        row: the best of those with enough runs, or the one that was asked for; None where fewer
            than two rows can be tested.
        first: the best of those with enough runs.
        asked: whether the row was fixed before.
        pairs: of each other row with enough runs, in order.
        seeds: runs of each row that is tested.
        left_out: rows with too few runs, and how many they have.
        lacking: the row that was asked for, where it is one of those.
        exact: whether all labellings were counted.
    """

    row: str | None
    asked: bool
    first: str = ""
    pairs: tuple[Pair, ...] = ()
    seeds: tuple[int, ...] = ()
    left_out: tuple[tuple[str, int], ...] = ()
    exact: bool = True
    lacking: str | None = None

    @property
    def least(self) -> float:
        """A bound that no p can fall below, from the numbers of runs alone."""
        if self.asked:
            return min(1.0, self._times * least_p(min(self.seeds[0], max(self.seeds[1:]))))
        return min(1.0, self._times * least_p(sorted(self.seeds)[-2]))

    @property
    def needed(self) -> int:
        """The fewest runs a row with which a p could be significant."""
        return next(n for n in count(LEAST) if self._times * least_p(n) <= LEVEL)

    @property
    def _times(self) -> int:
        """By what the smallest p of two rows is multiplied at least."""
        rows = len(self.seeds)
        if self.asked:
            return 1 if rows <= MOST else rows - 1
        return rows // 2 if rows <= MOST else rows * (rows - 1) // 2


def compare(
    values: Mapping[str, Sequence[float]],
    less_is_better: bool = True,
    against: str | None = None,
    labellings: int = LABELLINGS,
) -> Compared:
    """Compare a row with each of the others; over all of them the level is held.

    Args:
        values: row → one finite value a training run.
        less_is_better: what best is.
        against: the row to compare, chosen before the values were seen; by default the best.
        labellings: as many as a permutation test counts at most.
    """
    enough = {name: found for name, found in values.items() if len(found) >= LEAST}
    few = tuple((name, len(found)) for name, found in values.items() if name not in enough)
    lacking = against if against not in enough else None
    if len(enough) < 2 or lacking is not None:
        return Compared(None, against is not None, left_out=few, lacking=lacking)
    means = {name: sum(found) / len(found) for name, found in enough.items()}
    sign = 1 if less_is_better else -1
    first = min(enough, key=lambda name: sign * means[name])
    row = first if against is None else against
    others = [name for name in enough if name != row]
    groups = [enough[name] for name in (row, *others)]
    exact = True

    @cache
    def p_of(members: frozenset[int]) -> float:
        nonlocal exact
        found = permutation_test([groups[i] for i in sorted(members)], labellings)
        exact = exact and found.exact
        return found.p

    many = len(groups) > MOST
    if against is None:
        p = _holm_of_pairs(p_of, len(groups)) if many else closed(p_of, len(groups))
    else:
        p = _holm_against(p_of, len(groups)) if many else closed_against(p_of, len(groups))
    pairs = tuple(
        Pair(
            name,
            sign * means[row] < sign * means[name],
            1.0 if points_two_ways(enough[row], enough[name]) else corrected,
        )
        for name, corrected in zip(others, p, strict=True)
    )
    seeds = tuple(map(len, groups))
    return Compared(row, against is not None, first, pairs, seeds, few, exact)


def closed(p_of: Callable[[frozenset[int]], float], rows: int) -> list[float]:
    """Corrected p of row 0 against rows 1, 2, …, where any row could have been picked as row 0.

    Args:
        p_of: the p of the hypothesis that the rows of a set, two at least, are alike.
        rows: how many there are.
    """

    @cache
    def hardest(rest: frozenset[int], sets: int) -> float:
        """The smallest p in that division of the rest into so many sets where it is largest."""
        if not sets:
            return inf
        if len(rest) < 2 * sets:
            return 0.0
        first, *others = sorted(rest)
        alone = hardest(rest - {first}, sets)
        joined = (
            min(p_of(one), hardest(rest - one, sets - 1))
            for size in range(1, len(others) + 1)
            for chosen in combinations(others, size)
            if (one := frozenset((first, *chosen)))
        )
        return max(alone, *joined)

    corrected = [0.0] * rows
    for size in range(1, rows):
        for chosen in combinations(range(1, rows), size):
            together = frozenset((0, *chosen))
            rest = frozenset(range(rows)) - together
            p = max(
                (1 + sets) * min(p_of(together), hardest(rest, sets))
                for sets in range(len(rest) // 2 + 1)
            )
            for other in chosen:
                corrected[other] = max(corrected[other], min(1.0, p))
    return corrected[1:]


def closed_against(p_of: Callable[[frozenset[int]], float], rows: int) -> list[float]:
    """Corrected p of row 0, which was fixed before, against rows 1, 2, …; as `closed`."""
    corrected = [0.0] * rows
    for size in range(1, rows):
        for chosen in combinations(range(1, rows), size):
            p = p_of(frozenset((0, *chosen)))
            for other in chosen:
                corrected[other] = max(corrected[other], p)
    return corrected[1:]


def holm(p: Sequence[float]) -> list[float]:
    """p-values corrected for their number by Holm (1979), in the order given."""
    corrected = [0.0] * len(p)
    largest = 0.0
    for rank, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        largest = max(largest, min(1.0, (len(p) - rank) * p[i]))
        corrected[i] = largest
    return corrected


def _holm_of_pairs(p_of: Callable[[frozenset[int]], float], rows: int) -> list[float]:
    """Row 0 against each other one; all pairs of rows are counted, for it was picked."""
    return holm([p_of(frozenset(pair)) for pair in combinations(range(rows), 2)])[: rows - 1]


def _holm_against(p_of: Callable[[frozenset[int]], float], rows: int) -> list[float]:
    return holm([p_of(frozenset((0, other))) for other in range(1, rows)])


def in_words(found: Mapping[str, Compared], heading: str = "##") -> str:
    """The tests as Markdown.

    Args:
        found: by measure; all of the best row, or all of one that was asked for.
        heading: the marks before the title.
    """
    tested = {by: one for by, one in found.items() if one.row is not None}
    asked = next((one.row or one.lacking for one in found.values() if one.asked), None)
    lines = [f"{heading} Is {asked or 'the best'} better than the rest?", ""]
    if not tested:
        return "\n".join([*lines, _untested(list(found.values()))]) + "\n"
    hopeless = {by: one for by, one in tested.items() if one.least > LEVEL}
    told = {by: one for by, one in tested.items() if by not in hopeless}
    if told:
        lines += [_how(list(told.values())), ""]
        lines += [f"- By {by}, {_sentence(one)}" for by, one in told.items()]
    if told and hopeless:
        lines.append("")
    if hopeless:
        lines.append(_too_few(hopeless))
    for by, one in found.items():
        if one.lacking is not None and one.lacking not in dict(one.left_out):
            lines += ["", f"Not tested by {by}: {one.lacking} has no value there."]
    if left_out := dict(pair for one in found.values() for pair in one.left_out):
        names = ", ".join(f"{name} ({n})" for name, n in left_out.items())
        lines += ["", f"Not tested, with fewer than {LEAST} seeds: {names}."]
    return "\n".join(lines) + "\n"


def _untested(found: Sequence[Compared]) -> str:
    """Why no test is made."""
    for one in found:
        if one.lacking is not None:
            seeds = dict(one.left_out).get(one.lacking)
            if seeds is None:
                return f"No test is made: {one.lacking} has no value there."
            return (
                f"No test is made: {one.lacking} has {seeds} of the {LEAST} seeds that it takes. "
                "Train and score more seeds of it."
            )
    if not any(one.left_out for one in found):
        return "There are no two rows to compare."
    return (
        f"No test is made: no two rows to compare have {LEAST} seeds or more, and fewer say "
        "nothing of how far trainings of one method differ. Train and score more seeds of each."
    )


def _how(found: Sequence[Compared]) -> str:
    counted = "all labellings are counted, so p is exact"
    if not all(one.exact for one in found):
        counted = (
            f"where there are more than {LABELLINGS:,} labellings, that many are drawn with seed "
            f"{SEED}"
        )
    if any(len(set(one.seeds)) > 1 for one in found):
        counted += (
            "; where rows have different numbers of seeds, those of the one with the fewest count "
            "and as many of the others, the first ones"
        )
    why = "the row was named" if found[0].asked else "the best was picked from these runs"
    ways = {"closed testing" if len(one.seeds) <= MOST else "Holm over pairs" for one in found}
    way = (
        f"closed testing, of more than {MOST} rows by Holm over pairs"
        if len(ways) > 1
        else ways.pop()
    )
    return (
        f"Two-sided permutation tests of the differences of means over training runs; {counted}. "
        f"p is corrected by {way}, as {why}; significant is p ≤ {LEVEL}."
    )


def _sentence(one: Compared) -> str:
    sides = (
        ("significantly better than", True, True, ""),
        ("significantly worse than", False, True, ""),
        ("ahead of", True, False, ", but not significantly"),
        ("behind", False, False, ", but not significantly"),
    )
    parts = []
    for how, better, significant, but in sides:
        names = [
            f"{pair.other} (p = {pair.p:.3g})"
            for pair in one.pairs
            if pair.better == better and (pair.p <= LEVEL) == significant
        ]
        if names:
            parts.append(f"{how} {listing(names)}{but}")
    return f"{_seeds([one])}: {one.row} is {'; '.join(parts)}."


def _too_few(hopeless: Mapping[str, Compared]) -> str:
    """What would be needed, where no p can fall to the level; and who is ahead all the same."""
    found = list(hopeless.values())
    by_row: dict[str, list[str]] = {}
    for by, one in hopeless.items():
        by_row.setdefault(one.first, []).append(by)
    ahead = "; ".join(f"{row} by {listing(measures)}" for row, measures in by_row.items())
    return (
        f"No difference can be significant by {listing(list(hopeless))}: with {_seeds(found)} "
        f"p cannot fall below {min(one.least for one in found):.3g}, and it takes at least "
        f"{max(one.needed for one in found)} seeds a row. In front: {ahead}."
    )


def _seeds(found: Sequence[Compared]) -> str:
    numbers = {n for one in found for n in one.seeds}
    least, most = min(numbers), max(numbers)
    return f"{least} seeds a row" if least == most else f"{least} to {most} seeds a row"

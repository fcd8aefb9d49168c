"""Claims and what was found of them: as Markdown, as CSV of every comparison, and as figures."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from statistics import mean, stdev

from idvae.pictures.chart import Interval, Intervals
from idvae.report.claims.claim import Part
from idvae.report.claims.measures import less_is_better, title
from idvae.report.claims.verdict import MOST_SEEDS, POWER, Comparison, Judged, Tested
from idvae.report.significance import LEVEL
from idvae.report.table import markdown_line

_COLOURS = {"holds": 0, "does not hold": 1, "undecided": 7}  # of theme.SERIES
_COLUMNS = (
    "claim",
    "part",
    "data",
    "measure",
    "row",
    "other",
    "n",
    "mean",
    "sd",
    "n_other",
    "mean_other",
    "sd_other",
    "margin",
    "p",
    "verdict",
    "seeds_needed",
)


def markdown(tested: Sequence[Tested]) -> str:
    """The table of claims, then each with all its comparisons."""
    lines = [
        markdown_line(["Claim", "Evidence", "p", "Verdict", "Seeds", "Seeds that would decide"]),
        markdown_line(["---", "---", "---:", "---", "---:", "---:"]),
    ]
    for one in tested:
        for i, judged in enumerate(one.parts):
            name = f"**{one.claim.name}** {one.claim.words}" if i == 0 else ""
            lines.append(
                markdown_line(
                    [
                        name,
                        evidence(judged),
                        "" if judged.p is None else f"{judged.p:.3g}",
                        judged.verdict if len(one.parts) == 1 else f"part: {judged.verdict}",
                        _seeds(judged.comparisons),
                        _needed(judged),
                    ]
                )
            )
        if len(one.parts) > 1:
            lines.append(markdown_line(["", "all parts", "", f"**{one.verdict}**", "", ""]))
    parts = ["\n".join(lines) + "\n", f"{EXPLAINED}\n"]
    parts += [_section(one) for one in tested]
    return "\n".join(parts)


EXPLAINED = (
    "Two-sided tests over trainings: permutations for two rows, Student's t for a bar. A claim "
    f"holds where all its comparisons are significant by themselves (p ≤ {LEVEL}; the largest p is "
    "shown), and does not where one is significant the other way, corrected by Holm for all "
    "comparisons of the claim (where one is by itself, the smallest corrected p is shown). Seeds "
    "that would decide: a row's, for differences and deviations like those seen to be told in "
    f"{POWER:.0%} of all cases, all of them, or the plainest of those that go the other way, "
    f"corrected; at most {MOST_SEEDS}. The verdicts of single comparisons are of each by itself."
)


def evidence(judged: Judged) -> str:
    """How many comparisons point which way, in words."""
    found = judged.comparisons
    if not found:
        return f"{judged.part.words}: nothing to test (no {', no '.join(judged.missing)})"
    if judged.part.kind == "disagree":
        return f"{judged.part.words}: {_sides(found)}"
    held = sum(c.verdict == "holds" for c in found)
    broken = sum(c.verdict == "does not hold" for c in found)
    counts = f"{held} of {len(found)} significantly so"
    if broken:
        counts += f", {broken} the other way"
    if judged.missing:
        counts += f"; missing: {', '.join(judged.missing)}"
    return f"{judged.part.words}: {counts}"


def _sides(found: Sequence[Comparison]) -> str:
    """Which experts order each pair which way, significantly."""
    told = []
    for row, other in dict.fromkeys((c.row, c.other) for c in found):
        pair = [c for c in found if (c.row, c.other) == (row, other)]
        for first, second, verdict in ((row, other, "holds"), (other, row, "does not hold")):
            experts = [c.measure.rpartition(":")[0] for c in pair if c.verdict == verdict]
            told += [f"{first} before {second} by {', '.join(experts)}"] if experts else []
    return "; ".join(told) or "no pair is told apart by any"


def as_csv(tested: Sequence[Tested]) -> str:
    """One line a comparison, every digit."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for one in tested:
        for i, judged in enumerate(one.parts, 1):
            for c in judged.comparisons:
                writer.writerow(
                    [
                        one.claim.name,
                        i,
                        c.data,
                        c.measure,
                        c.row,
                        c.other,
                        *_summary(c.values),
                        *(_summary(c.others) if c.other else ("", c.others[0], "")),
                        c.margin,
                        c.p,
                        c.verdict,
                        "" if c.needed is None else c.needed,
                    ]
                )
    return out.getvalue()


def chart(one: Tested) -> Intervals | None:
    """A claim's comparisons as intervals of relative differences; None where there is none."""
    rows = []
    several = len({c.data for judged in one.parts for c in judged.comparisons}) > 1
    for judged in one.parts:
        for c in judged.comparisons:
            found = c.difference
            if found is None or judged.part.kind == "at_least":
                continue
            sign = 1 if less_is_better(c.measure) else -1
            middle, *ends = (sign * value for value in found)
            name = f"{c.row} and {c.other}: {title(c.measure)}"
            name += f", {c.data}" if several else ""
            rows.append(
                Interval(name, middle, min(ends), max(ends), c.verdict, _COLOURS[c.verdict])
            )
    if not rows:
        return None
    note = (
        "Difference of means in % of the other's, with its 95% interval (Welch's t); to the left "
        "of 0 the row that is named first is better. The words are of each difference by itself."
    )
    return Intervals(tuple(rows), f"{one.claim.name}: {one.verdict}", note)


def _section(one: Tested) -> str:
    claim = one.claim
    lines = [f"## {claim.name}: {one.verdict}", "", f"> {claim.words}", ""]
    if claim.source:
        lines += [f"The paper, {claim.source}. {claim.paper}".rstrip(), ""]
    for judged in one.parts:
        lines += [f"**{judged.part.words}**: {judged.verdict}.", ""]
        if judged.missing:
            lines += [f"Missing: {', '.join(judged.missing)}.", ""]
        if judged.comparisons:
            lines += [_comparisons(judged.part, judged.comparisons), ""]
    return "\n".join(lines)


def _comparisons(part: Part, found: Sequence[Comparison]) -> str:
    bar = part.kind == "at_least"
    heads = ["Set", "Measure", "Row", "Mean ± sd", "Bar" if bar else "Other", "", "Difference", "p"]
    lines = [
        markdown_line([*heads, "Verdict", "Seeds needed"]),
        markdown_line(["---", "---", "---", "---:", "---", "---:", "---:", "---:", "---", "---:"]),
    ]
    for c in found:
        difference = c.difference
        told = "" if difference is None else "{:+.0%} [{:+.0%}, {:+.0%}]".format(*difference)
        lines.append(
            markdown_line(
                [
                    c.data,
                    title(c.measure),
                    c.row,
                    _cell(c.values),
                    c.other or f"{c.others[0]:g}",
                    _cell(c.others) if c.other else "",
                    told,
                    f"{c.p:.3g}",
                    c.verdict,
                    "" if c.verdict != "undecided" or bar else _or_more(c.needed),
                ]
            )
        )
    return "\n".join(lines)


def _summary(values: Sequence[float]) -> tuple[int, float, float | str]:
    return len(values), mean(values), stdev(values) if len(values) > 1 else ""


def _cell(values: Sequence[float]) -> str:
    deviation = f" ± {stdev(values):.3g}" if len(values) > 1 else ""
    return f"{mean(values):.4g}{deviation}"


def _seeds(found: Sequence[Comparison]) -> str:
    counts = [len(c.values) for c in found] + [len(c.others) for c in found if c.other]
    if not counts:
        return "0"
    return str(min(counts)) if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"


def _needed(judged: Judged) -> str:
    if judged.verdict != "undecided" or not judged.comparisons or judged.part.kind == "at_least":
        return ""
    return _or_more(judged.needed)


def _or_more(needed: int | None) -> str:
    return f"> {MOST_SEEDS}" if needed is None else str(needed)

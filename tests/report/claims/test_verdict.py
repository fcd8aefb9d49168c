"""Verdicts against counts by hand, and the levels that they promise by simulation."""

import csv
import math
from itertools import combinations

import numpy as np
import pytest

from idvae.cli import main
from idvae.report.claims import claim, evidence, page, verdict
from idvae.report.claims.verdict import against_row, seeds_needed
from idvae.report.significance import holm
from report.claims.made import by, claims, judgement, runs


def judged(tmp_path, part, rows, **made):
    runs(tmp_path / "runs", rows, **made)
    read = claim.read(claims(tmp_path / "claims", one=part))
    found = evidence.gather(tmp_path / "runs", ["images"])
    return verdict.found_of(read[0], found)


LOW, HIGH = [1, 2, 3, 4, 5], [11, 12, 13, 14, 15]
BETTER = {"better": ["a"], "than": ["b"], "by": ["fd"]}


def test_a_claim_holds_where_every_comparison_is_significant(tmp_path):
    found = judged(tmp_path, BETTER, {"a": by("x", LOW), "b": by("x", HIGH)})
    assert found.verdict == "holds"
    (part,) = found.parts
    assert part.p == pytest.approx(2 / math.comb(10, 5))  # two of 252 labellings are as far apart
    assert found.seeds == (5, 5)
    assert part.needed is None


def test_it_does_not_hold_where_one_is_significant_the_other_way(tmp_path):
    rows = {"a": by("x", HIGH), "b": by("x", LOW)}
    found = judged(tmp_path, BETTER, rows)
    assert found.verdict == "does not hold"
    assert found.parts[0].p == pytest.approx(2 / 252)


def test_the_other_way_is_corrected_for_the_number_of_comparisons(tmp_path):
    """Three comparisons that go the other way by p = 0.032: together no more than chance."""
    other_way = [5.5, 6, 7, 8, 3.5]  # one pair out of order: 8 of 252 labellings are as far
    rows = {"a": by("x", other_way), **{f"b{i}": by("x", LOW) for i in range(3)}}
    alone = against_row("set", "x:fd", ("a", "b"), other_way, LOW)
    assert LEVEL / 3 < alone.p <= LEVEL
    assert alone.verdict == "does not hold"
    part = {"better": ["a"], "than": ["b0", "b1", "b2"], "by": ["fd"]}
    found = judged(tmp_path, part, rows)
    assert found.verdict == "undecided"
    assert all(c.verdict == "does not hold" for c in found.parts[0].comparisons)


LEVEL = 0.05


def seen(rows):
    """Evidence of one set: row → one dict of measures a seed."""
    return evidence.Evidence(
        tuple(
            evidence.Seen("images", "set", row, seed, "vae", {}, values, {})
            for row, seeds in rows.items()
            for seed, values in enumerate(seeds)
        ),
        {},
    )


def part_of(kind, row, other, by="fd", **more):
    return claim.Part(kind, ((row, other),), (by,), "images", **more)


def found_of(parts, rows):
    return verdict.found_of(claim.Claim("1", "a claim", "", "", tuple(parts)), seen(rows))


def test_the_other_way_is_corrected_for_the_comparisons_of_all_parts():
    """A part of one comparison each: a claim in three parts says no more than one in one part."""
    other_way = by("x", [5.5, 6, 7, 8, 3.5])
    rows = {"a": other_way, **{f"b{i}": by("x", LOW) for i in range(3)}}
    parts = [part_of("better", "a", f"b{i}") for i in range(3)]
    alone = found_of(parts[:1], rows)
    assert alone.verdict == "does not hold"
    found = found_of(parts, rows)
    assert found.verdict == "undecided"
    assert [part.verdict for part in found.parts] == ["undecided"] * 3
    assert [part.p for part in found.parts] == pytest.approx([3 * alone.parts[0].p] * 3)


def test_bars_and_rows_are_corrected_together():
    at_bar = [{"generated": v, "edited": 0.95 + v / 100} for v in (0.7, 0.72, 0.74, 0.78, 0.8)]
    rows = {"a": by("x", HIGH), "b": by("x", LOW), "c": at_bar}
    bar = claim.Part("at_least", (("c", ""),), ("generated", "edited"), "images", bar=0.8)
    found = found_of([part_of("better", "a", "b"), bar], rows)
    (row,), (generated, edited) = (part.comparisons for part in found.parts)
    t = (np.mean(generated.values) - 0.8) / (np.std(generated.values, ddof=1) / 5**0.5)
    assert t == pytest.approx(-2.8037, abs=1e-4)
    assert generated.p == pytest.approx(0.0486, abs=1e-4)  # 2 · 0.0243, four degrees of freedom
    assert (generated.verdict, edited.verdict) == ("does not hold", "holds")
    assert found_of([bar], rows).parts[0].p == pytest.approx(2 * generated.p)
    corrected = holm([row.p, generated.p, 1.0])
    assert [part.p for part in found.parts] == pytest.approx(corrected[:2])
    assert [part.verdict for part in found.parts] == ["does not hold", "undecided"]


def test_seeds_that_decide_what_one_comparison_spoils_are_of_that_one():
    """Told by itself, but not among so many: the next seed makes p small enough."""
    parts = [part_of("better", "a", f"b{i}") for i in range(12)]
    rows = {"a": by("x", HIGH), **{f"b{i}": by("x", LOW) for i in range(12)}}
    found = found_of(parts, rows)
    assert found.verdict == "undecided"  # 12 · 2/252 is 0.095
    assert found.parts[0].p == pytest.approx(12 * 2 / 252)
    assert found.parts[0].needed == 6  # 12 · 2/924 is 0.026


@pytest.mark.parametrize("kind", ["rows", "bar", "disagree"])
def test_of_claims_that_chance_alone_speaks_against_at_most_a_twentieth_do_not_hold(
    monkeypatch, kind
):
    """Four parts of rows that are alike; a mean at the bar, by two measures of four rows."""
    monkeypatch.setattr(verdict, "seeds_needed", lambda *given: None)
    rng, found = np.random.default_rng(1), []
    names = [f"b{i}" for i in range(4)]
    measures = {"rows": ["x:fd"], "bar": ["generated", "edited"], "disagree": ["x:fd", "y:fd"]}
    parts = {
        "rows": [part_of("better", f"a{i}", f"b{i}") for i in range(4)],
        "bar": [
            claim.Part(
                "at_least", tuple((n, "") for n in names), ("generated", "edited"), "images",
                bar=0.8,
            )
        ],
        "disagree": [part_of("disagree", f"a{i}", f"b{i}") for i in range(4)],
    }[kind]  # fmt: skip
    for _ in range(400):
        rows = {
            row: [{m: rng.normal(0.8, 0.1) for m in measures[kind]} for _ in range(5)]
            for row in [*names, *(f"a{i}" for i in range(4))]
        }
        found.append(found_of(parts, rows).verdict)
    assert found.count("does not hold") / 400 <= LEVEL
    assert found.count("holds") / 400 <= LEVEL


def test_every_expert_is_meant_unless_one_is_named(tmp_path):
    one, other = by("x", LOW), by("x", HIGH)
    for values, more in ((one, HIGH), (other, LOW)):  # y says the reverse of x
        for value, number in zip(values, more, strict=True):
            value["y:fd"] = float(number)
    found = judged(tmp_path, BETTER, {"a": one, "b": other})
    assert [c.measure for c in found.parts[0].comparisons] == ["x:fd", "y:fd"]
    assert found.verdict == "does not hold"
    read = claim.read(claims(tmp_path / "named", one=BETTER | {"by": ["x:fd"]}))
    again = verdict.found_of(read[0], evidence.gather(tmp_path / "runs", ["images"]))
    assert [c.measure for c in again.parts[0].comparisons] == ["x:fd"]
    assert again.verdict == "holds"


def test_more_is_better_where_the_measure_says_so(tmp_path):
    rows = {"a": by("x", HIGH, "recall"), "b": by("x", LOW, "recall")}
    found = judged(tmp_path, BETTER | {"by": ["recall"]}, rows)
    assert found.verdict == "holds"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([104, 105, 103, 104, 105], "holds"),  # 4% worse, within a tenth for sure
        ([119, 121, 120, 122, 118], "does not hold"),
        ([100, 120, 105, 114, 111], "undecided"),  # about a tenth
    ],
)
def test_not_worse_is_by_less_than_the_margin(tmp_path, values, expected):
    part = {"not_worse": ["a"], "than": ["b"], "by": ["fd"], "margin": 0.1}
    found = judged(tmp_path, part, {"a": by("x", values), "b": by("x", [99, 100, 101, 100, 100])})
    assert found.verdict == expected
    (one,) = found.parts[0].comparisons
    shifted = [1.1 * v for v in (99, 100, 101, 100, 100)]
    assert one.p == pytest.approx(p_by_hand(values, shifted))


@pytest.mark.parametrize(
    ("measure", "other", "bound"),
    [
        ("x:kid", -2.0, -1.8),  # a distance below 0: worse is nearer to 0
        ("x:kid", 2.0, 2.2),
        ("x:recall", 0.5, 0.45),  # a tenth less
        ("psnr", -3.0, -3.3),
    ],
)
def test_worse_by_a_margin_is_worse_whatever_the_sign(measure, other, bound):
    others = [other * (1 + 0.01 * v) for v in (-1, -0.5, 0, 0.5, 1)]
    worse = 1 if bound > other else -1
    for beyond, expected in ((-0.02, "holds"), (0.02, "does not hold")):
        values = [bound + worse * beyond * abs(bound) + (v - other) / 10 for v in others]
        one = against_row("set", measure, ("a", "b"), values, others, 0.1)
        assert np.mean(one.worse) == pytest.approx(bound)
        assert one.verdict == expected
    same = against_row("set", measure, ("a", "b"), others, others, 0.1)
    assert same.verdict == "holds"  # a row is never worse than itself


def test_rows_at_the_margin_are_seldom_told_from_it(monkeypatch):
    monkeypatch.setattr(verdict, "seeds_needed", lambda *given: None)
    rng = np.random.default_rng(2)
    told = []
    for _ in range(1000):
        one, other = rng.normal(15, 1, 5), rng.normal(10, 1, 5)
        told.append(against_row("set", "x:fd", ("a", "b"), one, other, 0.5).verdict)
    assert told.count("holds") + told.count("does not hold") <= 1000 * (LEVEL + 0.02)


def p_by_hand(a, b):
    """Two-sided permutation test, all labellings by brute force."""
    every = np.array([*a, *b], float)
    seen = abs(np.mean(a) - np.mean(b))
    hits = total = 0
    for chosen in combinations(range(len(every)), len(a)):
        mask = np.isin(np.arange(len(every)), chosen)
        hits += abs(every[mask].mean() - every[~mask].mean()) >= seen - 1e-9
        total += 1
    return hits / total


def test_experts_disagree_where_each_side_is_significant(tmp_path):
    a = [{"x:fd": v, "y:fd": w} for v, w in zip(LOW, HIGH, strict=True)]
    b = [{"x:fd": v, "y:fd": w} for v, w in zip(HIGH, LOW, strict=True)]
    found = judged(tmp_path, {"disagree": [["a", "b"]], "by": ["fd"]}, {"a": a, "b": b})
    assert found.verdict == "holds"
    assert page.evidence(found.parts[0]).endswith("a before b by x; b before a by y")
    # A side is one-sided (1 of 252) times two experts; both sides have to be.
    assert found.parts[0].p == pytest.approx(2 / 252)


def test_experts_that_order_a_pair_alike_do_not_disagree(tmp_path):
    a = [{"x:fd": v, "y:fd": 2 * v} for v in LOW]
    b = [{"x:fd": v, "y:fd": 2 * v} for v in HIGH]
    found = judged(tmp_path, {"disagree": [["a", "b"]], "by": ["fd"]}, {"a": a, "b": b})
    assert found.verdict == "does not hold"
    near = judged(tmp_path / "near", {"disagree": [["a", "b"]], "by": ["fd"]}, {"a": a, "b": a})
    assert near.verdict == "undecided"


def test_what_could_not_be_seen_to_disagree_is_not_told_to_be_alike(tmp_path):
    a, b = ([{"x:fd": v, "y:fd": 2 * v} for v in values] for values in (LOW, HIGH))
    alone = {"disagree": [["a", "b"]], "by": ["x:fd"]}  # of one expert
    assert judged(tmp_path / "one", alone, {"a": a, "b": b}).verdict == "undecided"
    absent = {"disagree": [["a", "b"], ["c", "d"]], "by": ["fd"]}  # no runs of c and d
    assert judged(tmp_path / "two", absent, {"a": a, "b": b}).verdict == "undecided"


def test_a_side_of_a_disagreement_is_not_halved_beyond_what_can_be_seen(tmp_path):
    """Three experts, 3 and 4 seeds: as many of each count, and one side is 1 of 20, not 1 of 70."""
    a = [{"x:fd": v, "y:fd": w, "z:fd": w} for v, w in zip(LOW[:3], HIGH[:3], strict=True)]
    b = [{"x:fd": v, "y:fd": w, "z:fd": w} for v, w in zip(HIGH[:4], LOW[:4], strict=True)]
    found = judged(tmp_path, {"disagree": [["a", "b"]], "by": ["fd"]}, {"a": a, "b": b})
    assert (found.verdict, found.parts[0].p) == ("undecided", pytest.approx(3 / 20))


@pytest.mark.parametrize(
    ("generated", "expected"), [(0.9, "holds"), (0.7, "does not hold"), (0.8, "undecided")]
)
def test_at_least_looks_where_the_interval_lies(tmp_path, generated, expected):
    rows = {"c": [{"x:fd": 1.0}] * 4}
    runs(tmp_path / "runs", rows)
    for seed, shift in enumerate((-0.02, -0.01, 0.01, 0.02)):
        folder = tmp_path / "runs" / "images" / "set-abc" / f"c-seed{seed}"
        judgement(folder, generated + shift, 0.95)
    part = {"at_least": 0.8, "of": ["c"], "by": ["generated", "edited"]}
    read = claim.read(claims(tmp_path / "claims", one=part))
    found = verdict.found_of(read[0], evidence.gather(tmp_path / "runs", ["images"]))
    assert found.verdict == expected
    one, other = found.parts[0].comparisons
    assert np.mean(one.values) == pytest.approx(generated)  # the mean over classes, then over runs
    assert other.verdict == "holds"


def test_what_is_missing_is_told_and_nothing_holds_without_it(tmp_path):
    part = {"better": ["a"], "than": ["b", "c", "d"], "by": ["fd", "squared_error"]}
    rows = {"a": by("x", LOW), "b": by("x", HIGH), "c": by("x", HIGH[:2])}
    found = judged(tmp_path, part, rows)
    assert found.verdict == "undecided"
    assert found.parts[0].missing == (
        "squared_error of 3 seeds of a on set-abc",
        "squared_error of 3 seeds of b on set-abc",
        "fd of 3 seeds of c on set-abc",
        "squared_error of 3 seeds of c on set-abc",
        "fd of 3 seeds of d on set-abc",
        "squared_error of 3 seeds of d on set-abc",
    )
    assert "missing: squared_error of 3 seeds of a on" in page.evidence(found.parts[0])


def test_a_run_that_is_not_scored_yet_is_left_out(tmp_path):
    rows = {"a": [*by("x", LOW), {}], "b": by("x", HIGH)}
    found = judged(tmp_path, BETTER, rows)
    assert (found.verdict, found.seeds, found.parts[0].missing) == ("holds", (5, 5), ())


def test_a_plan_without_runs_is_missing(tmp_path):
    part = BETTER | {"plan": "points"}
    runs(tmp_path / "runs", {"a": by("x", LOW)})
    read = claim.read(claims(tmp_path / "claims", one=part))
    found = verdict.found_of(read[0], evidence.gather(tmp_path / "runs", ["images", "points"]))
    assert found.parts[0].missing == ("runs of points",)
    assert "nothing to test (no runs of points)" in page.markdown([found])


def test_parameters_are_compared_too(tmp_path):
    runs(tmp_path / "runs", {"a": by("x", LOW)}, parameters={"trunk": 100})
    runs(tmp_path / "runs", {"b": by("x", LOW)}, parameters={"trunk": 150})
    read = claim.read(claims(tmp_path / "claims", one=BETTER | {"by": ["parameters"]}))
    found = verdict.found_of(read[0], evidence.gather(tmp_path / "runs", ["images"]))
    assert found.verdict == "holds"


@pytest.mark.slow
@pytest.mark.parametrize("gap", [1.0, 1.6, 3.0])
def test_seeds_that_would_decide_do_decide(gap):
    """With as many seeds as are said to be needed, about 80% of fresh comparisons are told."""
    rng = np.random.default_rng(0)
    basis = np.array([-1.5, -0.5, 0.0, 0.5, 1.5])
    basis /= basis.std(ddof=1)
    needed = seeds_needed(basis, basis + gap)
    told = [
        against_row(
            "set", "x:fd", ("a", "b"), rng.normal(size=needed), rng.normal(gap, 1, needed)
        ).verdict
        == "holds"
        for _ in range(400)
    ]
    assert np.mean(told) == pytest.approx(0.8, abs=0.08) or (needed == 6 and np.mean(told) > 0.8)


def test_seeds_needed_grow_as_differences_shrink():
    basis = [-1.0, 0.0, 1.0, 0.5, -0.5]
    needed = [seeds_needed(basis, [v + gap for v in basis]) for gap in (2.0, 1.0, 0.5)]
    assert needed == sorted(needed)
    assert needed[0] < needed[-1] <= 200
    assert seeds_needed(basis, [v + 0.001 for v in basis]) is None
    assert seeds_needed(basis, basis) is None


@pytest.mark.slow
def test_rows_that_are_alike_are_seldom_told_apart(monkeypatch):
    """Of claims about rows that are alike at most 5% do not hold, and no more hold."""
    monkeypatch.setattr(verdict, "seeds_needed", lambda *given: None)
    rng = np.random.default_rng(1)
    part = claim.Part("better", (("a", "b"), ("a", "c"), ("a", "d")), ("fd",), "images")
    one = claim.Claim("1", "a claim", "", "", (part,))
    counts = {"holds": 0, "does not hold": 0, "undecided": 0}
    for _ in range(600):
        rows = {row: [{"x:fd": rng.normal()} for _ in range(5)] for row in "abcd"}
        counts[verdict.found_of(one, seen(rows)).verdict] += 1
    assert counts["does not hold"] <= 0.05 * 600 + 12
    assert counts["holds"] <= 0.05 * 600


def test_the_command_writes_table_evidence_and_figures(tmp_path, capsys):
    runs(tmp_path / "runs", {"a": by("x", LOW), "b": by("x", HIGH)})
    folder = claims(
        tmp_path / "claims", first=BETTER, second=BETTER | {"better": ["b"], "than": ["a"]}
    )
    out = tmp_path / "out"
    arguments = ["claims", str(folder), "--runs", str(tmp_path / "runs"), "--out", str(out)]
    assert main(arguments) == 0
    text = (out / "claims.md").read_text()
    assert text in capsys.readouterr().out
    assert "| **first** about first | a better than b by fd: 1 of 1 significantly so |" in text
    assert "## second: does not hold" in text
    lines = list(csv.DictReader((out / "claims.csv").read_text().splitlines()))
    assert [(line["claim"], line["verdict"]) for line in lines] == [
        ("first", "holds"),
        ("second", "does not hold"),
    ]
    assert float(lines[0]["mean"]) == 3
    assert {"first.png", "first.svg", "second.png"} <= {p.name for p in out.iterdir()}
    assert main(arguments) == 2
    assert "exists already" in capsys.readouterr().err
    # The evidence that was kept gives the same table, without the runs.
    again = tmp_path / "again"
    kept = ["claims", str(folder), "--runs", str(out / "evidence.json"), "--out", str(again)]
    assert main(kept) == 0
    assert (again / "claims.md").read_text() == text
    assert "gone" not in (out / "evidence.json").read_text()  # the path of the data

"""Claims as files: what is refused, and the claims that come with the project."""

from pathlib import Path

import pytest

from idvae.cli import main
from idvae.errors import UserError
from idvae.report.claims import claim
from idvae.sweep.plan import Plan
from idvae.training import settings
from report.claims.made import by, claims, runs

REPLICATION = Path(__file__).parents[3] / "replication"
SIZES = sorted(p.name for p in REPLICATION.iterdir() if (p / "images.yaml").is_file())
PART = "{better: [a], than: [b], by: [fd]}"


def read(folder, text):
    folder.mkdir(exist_ok=True)
    (folder / "1.yaml").write_text(text)
    return claim.read(folder)


def test_a_claim_is_read(tmp_path):
    (one,) = read(
        tmp_path / "c",
        "claim: a sentence\nsource: section 1\npaper: 3 and 4\nplan: images\n"
        "parts:\n"
        "  - {better: [a], than: [b, c], by: [fd, squared_error]}\n"
        "  - {not_worse: a, than: b, by: 'x:fd', margin: 0.2, plan: other, data: [set]}\n"
        "  - {disagree: [[a, b]], by: fd}\n"
        "  - {at_least: 0.5, of: [a], by: [generated]}\n",
    )
    assert (one.name, one.words, one.source, one.paper) == (
        "1",
        "a sentence",
        "section 1",
        "3 and 4",
    )
    assert [part.kind for part in one.parts] == ["better", "not_worse", "disagree", "at_least"]
    assert one.parts[0].pairs == (("a", "b"), ("a", "c"))
    assert one.parts[1] == claim.Part(
        "not_worse", (("a", "b"),), ("x:fd",), "other", ("set",), margin=0.2
    )
    assert one.parts[3].bar == 0.5
    assert one.parts[1].words == "a not 20% worse than b by x:fd"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("parts: [1]", "claim is missing"),
        ("claim: x\nplan: p\nparts: []", "a list of one or more"),
        ("claim: x\nplan: p\nparts: [{by: [fd]}]", "a part says one of better, not_worse"),
        ("claim: x\nplan: p\nparts: [{better: [a], by: [fd]}]", "than is missing"),
        (f"claim: x\nparts: [{PART}]", "plan is the name of a sweep's folder"),
        (f"claim: x\nplan: ../p\nparts: [{PART}]", "plan is the name of a sweep's folder"),
        (f"claim: x\nplan: p\nwhat: 1\nparts: [{PART}]", "unknown key 'what'"),
        ("claim: x\nplan: p\nparts: [{better: a, than: b, by: fdd}]", "unknown measure 'fdd'"),
        ("claim: x\nplan: p\nparts: [{better: a, than: b, by: 'x:covered'}]", "unknown measure"),
        ("claim: x\nplan: p\nparts: [{better: a, than: b, by: fd, margin: 1}]", "unknown key"),
        (
            "claim: x\nplan: p\nparts: [{not_worse: a, than: b, by: fd, margin: 1}]",
            "margin 1.0 is out of range",
        ),
        ("claim: x\nplan: p\nparts: [{disagree: [a, b], by: fd}]", "a pair of disagree is two"),
        ("claim: x\nplan: p\nparts: [{at_least: high, of: a, by: fd}]", "at_least is a number"),
        ("claim: x\nplan: p\nparts: [{better: [1], than: b, by: fd}]", "better is a list of names"),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path, text, told):
    with pytest.raises(UserError, match=told) as caught:
        read(tmp_path / "c", text)
    assert "1.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_claims_and_no_runs_are_told(tmp_path, capsys):
    assert main(["claims", str(tmp_path), "--runs", str(tmp_path), "--out", "x"]) == 2
    assert "no claims there" in capsys.readouterr().err
    (tmp_path / "1.yaml").write_text(f"claim: x\nplan: p\nparts: [{PART}]")
    (tmp_path / "runs").mkdir()
    arguments = ["claims", str(tmp_path), "--runs", str(tmp_path / "runs"), "--out"]
    assert main([*arguments, str(tmp_path / "out")]) == 2
    assert "no runs there" in capsys.readouterr().err


def test_figures_of_claims_are_replaced_and_nothing_else(tmp_path, capsys):
    runs(tmp_path / "runs", {"a": by("x", [1, 2, 3]), "b": by("x", [7, 8, 9])})
    one = claims(tmp_path / "claims", one={"better": "a", "than": "b", "by": "fd"})
    out = tmp_path / "out"
    command = ["claims", str(one), "--runs", str(tmp_path / "runs"), "--out", str(out)]
    assert main(command) == main([*command, "--overwrite"]) == 0
    assert (out / "one.svg").is_file()
    (out / "mine.png").touch()
    assert main([*command, "--overwrite"]) == 2
    assert "holds mine.png" in capsys.readouterr().err


def test_the_paper_has_nine_claims_about_rows_that_are_trained():
    claims = claim.read(REPLICATION / "claims")
    assert [one.name[0] for one in claims] == [str(i) for i in range(1, 10)]
    rows = {p.stem: set(Plan.read(p).methods) for p in sorted((REPLICATION / "cpu").glob("*.yaml"))}
    for one in claims:
        assert one.source
        for part in one.parts:
            assert {name for pair in part.pairs for name in pair if name} <= rows[part.plan]


@pytest.mark.parametrize("size", SIZES)
def test_plans_of_a_size_ask_for_five_seeds_and_options_that_there_are(size):
    for file in sorted((REPLICATION / size).glob("*.yaml")):
        plan = Plan.read(file)
        assert len(plan.seeds) >= 5
        for row in plan.methods:
            settings.from_mapping(plan.method_of(row), plan.options_of(row), [])


def test_the_same_rows_stand_in_every_size():
    rows = {size: list(Plan.read(REPLICATION / size / "images.yaml").methods) for size in SIZES}
    assert len(set(map(tuple, rows.values()))) == 1, rows

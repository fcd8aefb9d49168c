"""What is taken as evidence: measures of the last step that were made alike, and no others."""

import json
import shutil

import pytest

from idvae.errors import UserError
from idvae.report.claims import evidence
from report.claims.made import by, counted, judgement, runs

VALUES = [{"x:fd": 1.0, "squared_error": 2.0}] * 3


@pytest.fixture
def place(tmp_path):
    """Runs of two rows on two sets, scored, counted and judged."""
    for data in ("one", "other"):
        runs(tmp_path / "runs", {"a": VALUES, "b": VALUES}, data=data)
    for folder in (tmp_path / "runs").glob("images/*/*"):
        counted(folder)
        judgement(folder, 0.9, 0.8)
    return tmp_path / "runs"


def change(file, *keys, value):
    content = json.loads(file.read_text())
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    file.write_text(json.dumps(content))


def refused(place):
    """The message, of one line."""
    with pytest.raises(UserError) as caught:
        evidence.gather(place, ["images"])
    told = str(caught.value)
    assert "\n" not in told
    assert "--ignore" not in told
    return told


def test_what_all_runs_have_in_common_is_kept_by_set(place, tmp_path):
    found = evidence.gather(place, ["images"])
    assert found.facts["images"]["other"] == {
        "scores": {"n": 100},
        "reconstructions": {"n": 9, "indices": "x"},
        "modes": {"step": 100, "n": 10_000, "modes": 25},
        "judgements": {"n": 200, "classifier": {"weights": "x"}},
    }
    found.save(tmp_path / "evidence.json")
    assert evidence.gather(tmp_path / "evidence.json", ["images"]) == found


@pytest.mark.parametrize(
    ("name", "keys", "value", "told"),
    [
        ("scores.json", ("facts", "n"), 200, "scores differ in n: 100 and 200"),
        (
            "scores.json",
            ("reconstruction", "facts", "indices"),
            "y",
            "reconstructions differ in indices: x and y",
        ),
        ("modes.json", ("n",), 500, "modes differ in n: 10000 and 500"),
        ("modes.json", ("modes",), 8, "modes differ in modes: 25 and 8"),
        ("conditions.json", ("facts", "n"), 20, "judgements differ in n: 200 and 20"),
        (
            "conditions.json",
            ("facts", "classifier", "weights"),
            "y",
            "judgements differ in classifier.weights: x and y",
        ),
    ],
)
def test_measures_that_were_made_otherwise_are_refused(place, name, keys, value, told):
    change(place / "images" / "one" / "b-seed1" / name, *keys, value=value)
    message = refused(place)
    assert told in message
    assert "a-seed0" in message
    assert "b-seed1" in message


def test_sets_of_a_plan_may_be_measured_each_in_its_way(place):
    """A part of a claim may be about one of them, and no test is of two."""
    for folder in (place / "images" / "other").iterdir():
        change(folder / "scores.json", "facts", "n", value=200)
        change(folder / "modes.json", "modes", value=8)
    facts = evidence.gather(place, ["images"]).facts["images"]
    assert [facts[data]["scores"]["n"] for data in ("one", "other")] == [100, 200]


@pytest.mark.parametrize(
    ("name", "keys", "again"),
    [
        ("scores.json", ("about", "step"), "idvae evaluate"),
        ("modes.json", ("step",), "idvae train --resume"),
        ("conditions.json", ("facts", "step"), "idvae judge"),
    ],
)
def test_measures_of_a_step_before_the_last_are_refused(place, name, keys, again):
    folder = place / "images" / "one" / "a-seed2"
    change(folder / name, *keys, value=60)
    message = refused(place)
    assert message.startswith(f"{folder / name} is of step 60, and the training goes to 100; ")
    assert f"{again} {folder}" in message


def test_scores_of_the_last_step_and_older_ones_without_a_step_are_taken(place):
    before = evidence.gather(place, ["images"])
    change(place / "images" / "one" / "a-seed2" / "scores.json", "about", "step", value=100)
    after = evidence.gather(place, ["images"])
    assert [run.values for run in after.runs] == [run.values for run in before.runs]


def test_seeds_of_a_row_have_equal_steps_and_rows_need_not(tmp_path):
    runs(tmp_path, {"a": by("x", [1, 2, 3])})
    runs(tmp_path, {"b": by("x", [1, 2, 3])}, steps=300)
    assert len(evidence.gather(tmp_path, ["images"]).runs) == 6
    config = tmp_path / "images" / "set-abc" / "b-seed1" / "config.yaml"
    config.write_text(config.read_text().replace("steps: 300", "steps: 200"))
    assert "their trainings of b differ in steps: 300 and 200" in refused(tmp_path)


def test_a_damaged_file_is_told(place):
    (place / "images" / "one" / "a-seed0" / "modes.json").write_text("{}")
    assert "modes.json is damaged: covered is missing" in refused(place)


@pytest.mark.parametrize(
    ("name", "keys", "value"),
    [
        ("modes.json", ("covered",), "x"),
        ("modes.json", ("covered",), [1]),
        ("modes.json", ("good_share",), float("nan")),
        ("conditions.json", ("facts",), []),
        ("conditions.json", ("rows",), []),
        ("conditions.json", ("rows", "a"), {"generated": 3}),
        ("conditions.json", ("rows", "a"), {"generated": [float("nan")]}),
    ],
)
def test_a_value_that_is_none_is_told(place, name, keys, value):
    change(place / "images" / "one" / "a-seed0" / name, *keys, value=value)
    assert f"{name} is damaged: " in refused(place)


def test_evidence_of_the_first_format_is_read(place, tmp_path):
    """It noted facts of scores alone, one for all sets of a plan."""
    file = tmp_path / "evidence.json"
    evidence.gather(place, ["images"]).save(file)
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"format": 1, "facts": {"images": {"n": 100}}}))
    found = evidence.gather(file, ["images"])
    scores = {"scores": {"n": 100}}
    assert found.facts == {"images": {"one": scores, "other": scores}}


@pytest.mark.parametrize(
    ("old", "new"), [('"seed": 0', '"seed": null'), ('"x:fd": 1.0', '"x:fd": Infinity')]
)
def test_evidence_of_a_stranger_is_told(place, tmp_path, old, new):
    file = tmp_path / evidence.FILE
    evidence.gather(place, ["images"]).save(file)
    assert evidence.gather(file, ["images"]).runs
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    with pytest.raises(UserError, match=r"is no evidence\.json"):
        evidence.gather(file, ["images"])


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ({"width": 64}, "trainings of a differ in width"),
        ({"checksum": "xyz"}, "training data differ in checksum"),
    ],
)
def test_seeds_that_were_trained_otherwise_are_no_row(tmp_path, made, told):
    runs(tmp_path, {"a": by("x", [1, 2])})
    runs(tmp_path / "other", {"a": by("x", [1, 2, 3])}, **made)
    last = "images/set-abc/a-seed2"
    shutil.move(tmp_path / "other" / last, tmp_path / last)
    with pytest.raises(UserError, match=told):
        evidence.gather(tmp_path, ["images"])

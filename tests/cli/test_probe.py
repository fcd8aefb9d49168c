"""`idvae evaluate RUN --probe`, and what `idvae compare` makes of it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from idvae import data
from idvae.cli import main
from idvae.evaluate.probe import rows_of
from idvae.model import load
from report.made import scored

TINY = ["--steps=2", "--width=4", "--z-dim=3", "--batch-size=8", "--threads=1", "--grid-every=0"]
RUNS = {
    "plain": ["vae", "digits-16"],
    "other": ["vae", "digits-16", "--seed", "1"],
    "told": ["idvae", "digits-16", "--condition", "labels"],
    "faces": ["vae", "faces"],
    "gan": ["gan", "digits-16"],
    "bare": ["vae", "bare"],
    "points": ["vae", "ring"],
}


@pytest.fixture(scope="module")
def place(data_root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("probe")
    data.prepare("digits", size=16, n=300)
    data.prepare("avatars", size=16, n=100, set_name="faces")
    data.prepare("gaussians-ring", n=200, set_name="ring")
    shutil.copytree(data_root / "digits-16", data_root / "bare")  # neither classes nor attributes
    (data_root / "bare" / "labels.npy").unlink()
    meta = json.loads((data_root / "bare" / "meta.json").read_text())
    meta |= {"name": "bare", "classes": None}
    (data_root / "bare" / "meta.json").write_text(json.dumps(meta))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, (method, on, *more) in RUNS.items():
            assert main(["train", method, "--data", on, "--out", name, *more, *TINY]) == 0
    return folder


@pytest.fixture(autouse=True)
def inside(place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setenv("IDVAE_CACHE", str(place / "cache"))
    monkeypatch.setattr("idvae.evaluate.probe.PENALTIES", (0.1, 0.01))  # the slow ones are weaker


def probed(name, *more):
    assert main(["evaluate", name, "--probe", "--probe-n", "60", "--overwrite", *more]) == 0
    return json.loads(Path(name, "probe.json").read_text())


def test_a_run_is_probed_and_its_neighbours_are_those_of_its_codes(capsys):
    found = probed("plain")
    told = capsys.readouterr().out
    assert "| VAE | 2 | code | 3 | " in told
    assert "wrote plain/probe.json" in told
    model, prepared = load("plain"), data.open_set(Path(load("plain").run.config["data"]["path"]))
    rows = rows_of(prepared, 60)
    assert found["facts"]["n"] == {split: len(r) for split, r in rows.items()}
    assert found["facts"]["n"]["train"] == 60
    assert found["facts"]["checksum"] == prepared.checksum
    about = {"method": "vae", "data": "digits-16", "step": 2, "training_seed": 0, "told": None}
    assert found["about"] == about | {"seed": 0}
    values = found["values"]["classes"]
    splits = {s: prepared.split(s) for s in rows}
    for name, function in (("code", model.encode), ("trunk", model.features)):
        train, test = (function(splits[s].gather(rows[s])) for s in ("train", "test"))
        nearest = np.square(test[:, None].astype(float) - train).sum(-1).argmin(1)
        right = splits["train"].labels(rows["train"])[nearest] == splits["test"].labels(
            rows["test"]
        )
        assert values[name]["nearest"] == pytest.approx(right.mean())
        assert values[name]["dimensions"] == train.shape[1]
    assert values["pixels"]["dimensions"] == 256
    assert probed("plain") == found  # to the bit


def test_an_encoder_that_is_told_the_class_does_not_know_it_by_that(capsys, monkeypatch):
    """Were codes nothing but the class that is told, the probe would still find nothing."""
    from idvae.model import Model

    monkeypatch.setattr(Model, "encode", lambda self, images, y: y)
    found = probed("told")
    assert "code, told the condition of another image" in capsys.readouterr().out
    assert found["about"]["told"] == "the condition of another image"
    assert found["values"]["classes"]["code"]["linear"] < 0.45
    assert probed("told", "--seed", "1")["values"] != found["values"]


@pytest.mark.slow
def test_attributes_are_probed_where_a_set_has_them():
    (known,) = probed("faces")["values"].items()
    assert known[0] == "attributes"
    assert 0.5 < known[1]["majority"] <= 1


def test_a_comparison_holds_probes(capsys):
    for name in ("plain", "other"):
        probed(name)
        scored(name, (1.0, 2.0)).save(Path(name, "scores.json"))
    scored("gan", (1.0, 2.0)).save("gan/scores.json")
    assert main(["compare", "plain", "other", "gan", "--out", "all"]) == 0
    assert "Without a probe: GAN." in Path("all/table.md").read_text()
    values = [json.loads(Path(n, "probe.json").read_text())["values"] for n in ("plain", "other")]
    mean = np.mean([v["classes"]["code"]["linear"] for v in values])
    assert f"VAE,classes,code,3,,2,linear,{float(mean)!r}," in Path("all/probe.csv").read_text()
    assert main(["compare", "plain", "other", "--out", "all", "--overwrite"]) == 0
    assert main(["compare", "gan", "--out", "none"]) == 0
    assert not Path("none/probe.csv").exists()


def test_a_report_holds_probes():
    for name in ("plain", "other"):
        probed(name)
    assert main(["report", "plain", "other", "gan", "--out", "page"]) == 0
    page = Path("page/report.html").read_text()
    assert "What codes know" in page
    assert "linear probe" in page
    assert "Without a probe: GAN." in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gan", "--probe"], "GAN has no encoder, so it has no code to probe"),
        (["bare", "--probe"], "bare has neither classes nor attributes"),
        (["points", "--probe"], "points makes points; --probe is of images"),
        (["cache", "--probe"], "cache is no run"),
        (["nowhere", "--probe"], "nowhere is no run"),
        (["plain", "--probe", "--probe-n", "1"], "--probe-n 1 is out of range"),
        (["plain", "--probe", "-n", "7"], "-n does not go with --probe"),
        (["plain", "--probe", "--experts", "lite0"], "--experts does not go with --probe"),
        (["plain", "--probe-n", "7"], "--probe-n is of --probe"),
        (["plain", "--probe", "--step", "9", "--out", "new.json"], "9"),
        (["plain", "--probe", "--out", "plain/config.yaml"], "plain/config.yaml"),
        (["plain", "--probe", "--out", "plain/config.yaml", "--overwrite"], "which this command"),
    ],
)
def test_mistakes_are_told_in_one_line_and_leave_nothing(arguments, words, capsys):
    Path("cache").mkdir(exist_ok=True)
    before = {path.name for path in Path(arguments[0]).glob("*")}
    capsys.readouterr()
    assert main(["evaluate", *arguments]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
    assert {path.name for path in Path(arguments[0]).glob("*")} == before


def test_what_is_there_is_not_replaced_unasked(capsys):
    probed("plain")
    assert main(["evaluate", "plain", "--probe"]) == 2
    assert "exists already" in capsys.readouterr().err

"""`idvae evaluate` of a run by a split, and by several processes."""

import json

import numpy as np
import pytest
import torch

from evaluate import onnx_files
from idvae import data
from idvae.cli import main
from idvae.evaluate.reconstruct import reconstruction
from idvae.model import load
from idvae.training import start
from torchrun import start_all


@pytest.fixture
def images(tmp_path):
    """Two files of different images."""
    generator = np.random.default_rng(0)
    places = [str(tmp_path / f"{name}.npz") for name in ("fake", "real")]
    for place in places:
        np.savez(place, images=generator.integers(0, 256, (200, 16, 16, 3), np.uint8))
    return places


@pytest.mark.slow
@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch has no distributed here")
def test_two_processes_score_as_one(images, tmp_path):
    pytest.importorskip("efficientnet_lite_pytorch")
    fake, real = images
    command = ["evaluate", fake, "--reference", real, "--experts", "lite0@32", "-n", "150"]
    command += ["--repeats", "1"]
    found = []
    for name in ("one", "two"):
        out = tmp_path / f"{name}.json"
        if name == "one":
            assert main([*command, "--out", str(out)]) == 0
        else:
            for process in start_all([*command, "--out", str(out)]):
                _, errors = process.communicate(timeout=300)
                assert process.returncode == 0, errors
        found.append(json.loads(out.read_text(encoding="utf-8")))
    one, two = found
    assert (one["about"]["processes"], two["about"]["processes"]) == (1, 2)
    assert one["facts"] == two["facts"]
    for metric, value in one["row"]["lite0@32"].items():
        assert two["row"]["lite0@32"][metric]["mean"] == pytest.approx(value["mean"], rel=1e-9)


def test_a_run_is_scored_by_its_validation_split_beside_its_usual_scores(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IDVAE_CACHE", str(tmp_path / "cache"))
    prepared = data.prepare("digits", size=16, n=200, overwrite=True)
    start.train("vae", prepared.name, "run", steps=2, width=4, batch_size=8, grid_every=0)
    onnx_files.write("net.onnx")
    scoring = ["evaluate", "run", "--experts", "mine=net.onnx@16", "-n", "20", "--repeats", "2"]
    assert main([*scoring, "--split", "validation"]) == 0
    assert main(scoring) == 0
    by_split, usual = (
        json.loads((tmp_path / "run" / name).read_text())
        for name in ("scores-validation.json", "scores.json")
    )
    held_out = prepared.split("validation")
    model = load("run")
    expected = reconstruction(held_out, lambda x, numbers: model.reconstruct(x))
    assert by_split["reconstruction"]["values"] == expected["values"]
    assert by_split["reconstruction"]["facts"] == expected["facts"] | {"split": "validation"}
    assert by_split["facts"]["reference"]["n"] == len(held_out)
    assert by_split["about"]["step"] == usual["about"]["step"] == 2
    assert usual["facts"]["reference"].keys() == {"checksum", "n"}
    assert usual["reconstruction"]["facts"].keys() == {"n", "indices", "experts"}
    assert main([*scoring, "--split", "validation"]) == 2  # not replaced unasked
    assert main(["compare", "run/scores-validation.json", "--out", "table"]) == 0
    assert "| VAE |" in (tmp_path / "table" / "table.md").read_text()

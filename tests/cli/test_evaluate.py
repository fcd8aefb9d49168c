"""`idvae evaluate` of a run by a split, and by several processes."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

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


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A conditional run of two steps, and an expert of a file."""
    pytest.importorskip("onnxruntime", reason="pip install 'idvae[onnx]'")
    place = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        prepared = data.prepare("digits", size=16, n=1300, set_name="shared")
        options = {"steps": 2, "width": 4, "batch_size": 8, "grid_every": 0, "condition": "labels"}
        start.train("idvae", prepared.name, "run", **options)
        onnx_files.write("net.onnx")
    return place


def done_by(world, arguments, place, status=0):
    """Standard error of each process of a command in `place`."""
    processes = start_all(arguments, world=world, cwd=place)
    try:
        told = [process.communicate(timeout=300)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [status] * world, told
    return told


@pytest.fixture(scope="module")
def by_one(trained):
    return scored_and_probed(1, trained)


def scored_and_probed(world, place):
    scoring = ["--experts", "mine=net.onnx@16,wavelet", "-n", "101", "--repeats", "2", "--infinity"]
    found = []
    for kind, flags in (("scores", [*scoring, "--perceptual"]), ("probe", ["--probe"])):
        out = f"{kind}-{world}.json"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("IDVAE_CACHE", str(place / f"cache-{world}"))
            done_by(world, ["evaluate", "run", *flags, "--out", out], place)
        found.append(json.loads((place / out).read_text(encoding="utf-8")))
    return found


@pytest.mark.slow
@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch has no distributed here")
@pytest.mark.parametrize("world", [2, 3])
def test_a_run_is_scored_and_probed_by_several_as_by_one(world, by_one, trained):
    """101 samples of a run are two blocks: of three processes one draws none."""
    for one, several in zip(by_one, scored_and_probed(world, trained), strict=True):
        if "row" in one:
            assert several["about"].pop("processes") == world
            assert one["about"] | {"processes": 1} == several["about"] | {"processes": 1}
            assert "fd_infinity" in several["row"]["mine@16"]
            assert several["true_data"]["wavelet"]["fd"]["values"]
            assert "perceptual/mine@16" in several["reconstruction"]["values"]
        assert numbers(several) == pytest.approx(numbers(one), rel=1e-9, abs=1e-12)
        assert several["facts"] == one["facts"]


def numbers(tree, at=""):
    """Every number of nested dicts and lists, by where it is."""
    if isinstance(tree, dict | list):
        pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
        return {k: v for key, part in pairs for k, v in numbers(part, f"{at}/{key}").items()}
    return {at: tree} if isinstance(tree, int | float) and "/about/" not in at else {}


@pytest.mark.slow
@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch has no distributed here")
def test_an_image_that_one_process_cannot_read_ends_all_with_one_line(trained):
    generator = np.random.default_rng(0)
    (trained / "pictures").mkdir()
    for i in range(131):
        pixels = generator.integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(trained / "pictures" / f"{i:03d}.png")
    (trained / "pictures" / "100.png").write_bytes(b"no picture")
    command = ["evaluate", "pictures", "--reference", "shared", "--experts", "mine=net.onnx@16"]
    for told in done_by(3, [*command, "--out", "none.json"], trained, status=2):
        (line,) = [line for line in told.splitlines() if line.startswith("idvae: error:")]
        assert "pictures/100.png cannot be read as an image" in line
        assert "Traceback" not in told
    assert not (trained / "none.json").exists()


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
    told = {"split": "validation", "data": prepared.checksum}
    assert by_split["reconstruction"]["facts"] == expected["facts"] | told
    assert by_split["facts"]["reference"]["n"] == len(held_out)
    assert by_split["about"]["step"] == usual["about"]["step"] == 2
    asked = [one["about"]["asked"]["split"] for one in (by_split, usual)]
    assert asked == ["validation", None]
    assert usual["facts"]["reference"].keys() == {"checksum", "n"}
    assert usual["reconstruction"]["facts"].keys() == {"n", "indices", "experts", "data"}
    assert main([*scoring, "--split", "validation"]) == 2  # not replaced unasked
    assert main(["compare", "run/scores-validation.json", "--out", "table"]) == 0
    assert "| VAE |" in (tmp_path / "table" / "table.md").read_text()

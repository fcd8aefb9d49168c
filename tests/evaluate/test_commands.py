import json

import numpy as np
import pytest
import torch

from evaluate import onnx_files
from evaluate.toys import Pooled, images
from idvae.cli import compare, evaluate, experts
from idvae.errors import UserError
from idvae.evaluate.experts.weights import sha256


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder to work in, with real images, samples of two models, and an expert."""
    monkeypatch.chdir(tmp_path)
    np.savez("real.npz", images=images(200, 1))
    np.savez("more.npz", images=images(60, 2))
    np.savez("good.npz", images=images(120, 3, level=132))
    np.save("bad.npy", images(120, 4, level=200))
    onnx_files.write("net.onnx")
    return tmp_path


BASE = ["--reference", "real.npz", "--experts", "mine=net.onnx@16", "-n", "60", "--repeats", "2"]


def test_two_sets_are_scored_and_compared(place, capsys):
    for name in ("good.npz", "bad.npy"):
        out = f"{name}.json"
        also = ["--metrics", "fd,kid,is,mind", "--infinity", "--true-data", "more.npz"]
        evaluate.run([name, *BASE, *also, "--out", out])
    told = capsys.readouterr()
    assert "mine@16  fd " in told.out
    assert "True Data  mine@16" in told.out
    compare.run(["good.npz.json", "bad.npy.json", "--out", "tables"])
    table = (place / "tables" / "table.md").read_text()
    assert "| True Data |" in table
    assert "| good.npz | **" in table
    assert "One expert alone" in (place / "tables" / "agreement.md").read_text()
    assert (place / "tables" / "table.tex").read_text().startswith(r"\begin{tabular}")
    lines = (place / "tables" / "table.csv").read_text().splitlines()
    assert {line.split(",")[2] for line in lines[1:]} >= {"fd", "fd_infinity", "kid", "mind", "is"}
    compare.run(["good.npz.json", "bad.npy.json", "--out", "tables", "--overwrite"])
    with pytest.raises(UserError, match="exists already"):
        evaluate.run(["good.npz", *BASE, "--out", "good.npz.json"])
    facts = json.loads((place / "good.npz.json").read_text())["facts"]
    assert facts["experts"]["mine@16"]["resolution"] == 16
    assert facts["experts"]["mine@16"]["weights"] == sha256("net.onnx")


@pytest.mark.filterwarnings("ignore")  # torch now prefers other formats than TorchScript
def test_torchscript_is_evaluated_only_if_it_is_trusted(place):
    torch.jit.trace(Pooled(), torch.zeros(2, 3, 16, 16)).save("net.pt")
    call = ["good.npz", *BASE, "--experts", "mine=net.pt@16", "--no-true-data"]
    with pytest.raises(UserError, match="pass --trust"):
        evaluate.run(call)
    assert not (place / "scores.json").exists()
    evaluate.run([*call, "--trust"])
    assert (place / "scores.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gone", *BASE], "no such file or folder"),
        (["good.npz", "--experts", "mine=net.onnx@16"], "--reference DATA"),
        (["good.npz", *BASE, "--reference", "nowhere"], "unknown data set"),
        (["good.npz", *BASE, "-n", "1"], "-n 1 is out of range|--n 1 is out of range"),
        (["good.npz", *BASE, "-n", "500"], "fewer than the 500"),
        (["good.npz", *BASE, "--range", "1,0"], "the lower one"),
        (["good.npz", *BASE, "--weights", "fid15"], "NAME=PATH"),
        (["good.npz", *BASE, "--experts", "fid15"], "idvae experts fetch fid15"),
        (["good.npz", *BASE, "--metrics", "fid"], "unknown metric"),
        (["good.npz", *BASE, "--step", "3"], "belongs to a run"),
        (["good.npz", *BASE, "--reference", "trained"], "trained is a run, not real images"),
        (["good.npz", *BASE, "--true-data", "trained"], "trained is a run, not real images"),
        (["good.npz", *BASE, "--name", "two\nlines"], "is no line of text"),
        (["good.npz", *BASE, "--experts", "mine=net.pt"], "no such file"),
        (["good.npz", *BASE, "--device", "gpu"], "unknown --device gpu"),
    ],
)
def test_mistakes_of_evaluate_are_told(place, arguments, words):
    (place / "trained").mkdir()
    (place / "trained" / "config.yaml").touch()
    with pytest.raises(UserError, match=words):
        evaluate.run(arguments)
    assert not (place / "scores.json").exists()


def test_mistakes_of_compare_are_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "precious").mkdir()
    (tmp_path / "a.json").write_text("[]")
    for arguments, words in (
        (["gone.json", "--out", "x"], "no such file"),
        (["run", "--out", "x"], "was not scored yet"),
        (["a.json", "--out", "x"], "is no scores.json"),
        (["a.json", "--out", "precious", "--overwrite"], "leaves it alone"),
    ):
        with pytest.raises(UserError, match=words):
            compare.run(arguments)


def test_experts_are_listed_and_trained(tmp_path, monkeypatch, capsys):
    experts.run(["list"])
    told = capsys.readouterr().out
    assert "lite0   EfficientNet-Lite0" in told
    assert "idvae experts fetch fid15" in told
    experts.run(["train", "digits", "--steps", "2", "--out", str(tmp_path / "d.safetensors")])
    assert "classes: " in capsys.readouterr().out
    assert (tmp_path / "d.safetensors").is_file()
    again = ["train", "digits", "--steps", "1", "--out", str(tmp_path / "d.safetensors")]
    for arguments, words in (
        ([], "say list, fetch or train"),
        (["fetch", "lite0"], "nothing to fetch"),
        (["train", "digits", "--steps", "0"], "out of range"),
        (["train", "digits", "--device", "gpu"], "unknown --device gpu"),
        (again, "exists already"),
        (["train", "digits", "--out", str(tmp_path / "d.pth")], r"written as FILE\.safetensors"),
    ):
        with pytest.raises(UserError, match=words):
            experts.run(arguments)
    before = (tmp_path / "d.safetensors").read_bytes()
    experts.run([*again, "--overwrite"])
    assert (tmp_path / "d.safetensors").read_bytes() != before

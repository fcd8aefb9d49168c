"""`idvae bench` as a user types it, on the smallest sizes."""

import importlib.util
import json

import pytest

from idvae.bench import training
from idvae.bench.processes import images_per_second
from idvae.bench.training import LAYERS, MACHINE
from idvae.cli import main
from idvae.errors import UserError

TINY = ["--size", "16", "--width", "4", "--batch", "8", "--threads", "1", "--repeats", "1"]
NO_PYTHAE, NO_WEBDATASET, NO_DIFFUSERS = (
    importlib.util.find_spec(name) is None for name in ("pythae", "webdataset", "diffusers")
)


def run(capsys, *arguments):
    status = main(["bench", *arguments])
    return status, *capsys.readouterr()


@pytest.mark.slow
def test_train_against_plain_code_and_the_ceiling(capsys, tmp_path):
    out = tmp_path / "figures.json"
    flags = [*TINY, "--steps", "2", "--rivals", "plain", "--out", str(out)]
    status, printed, _ = run(capsys, "train", *flags)
    assert status == 0
    assert "times plain" in printed
    assert "times the machine's rate" in printed
    assert "e9 multiply-adds a second, of " in printed
    saved = json.loads(out.read_text())
    names = [f["name"] for f in saved["figures"]]
    assert names[:2] == ["idvae", "plain"]
    assert all(f["median"] > 0 for f in saved["figures"])
    shares = [f["ratios"] for f in saved["figures"] if f["of"] in (MACHINE, LAYERS)]
    assert len(shares) == 2
    assert all(ratio <= 1 for ratios in shares for ratio in ratios)
    status, _, error = run(capsys, "train", *flags)
    assert status == 2
    assert error.count("\n") == 1
    assert "--overwrite" in error


@pytest.mark.skipif(NO_PYTHAE, reason="pythae is not installed")
@pytest.mark.filterwarnings("ignore")  # pythae's own
def test_train_against_pythae(capsys):
    status, printed, error = run(capsys, "train", *TINY, "--steps", "2", "--rivals", "pythae")
    assert status == 0, error
    assert "times pythae" in printed
    assert "times plain" not in printed


@pytest.mark.skipif(not NO_PYTHAE, reason="pythae is installed")
def test_without_pythae_it_says_what_to_install(capsys):
    status, _, error = run(capsys, "train", *TINY, "--steps", "2", "--rivals", "pythae")
    assert status == 2
    assert "idvae[bench]" in error


def test_rivals_of_training_that_are_not_there_are_left_out(capsys, monkeypatch):
    def measure(what, rivals, repeats, announce):
        raise UserError(f"beside {rivals}")

    monkeypatch.setattr(training, "measure", measure)
    _, printed, error = run(capsys, "train", *TINY)
    assert ("pythae is left out: " in printed) == NO_PYTHAE
    assert f"beside {['plain'] if NO_PYTHAE else ['plain', 'pythae']}" in error


@pytest.mark.filterwarnings("ignore")  # webdataset's own
@pytest.mark.parametrize("flag", ["-n", "--n"])
def test_data(flag, capsys):
    status, printed, _ = run(capsys, "data", *TINY, flag, "64", "--workers", "2")
    assert status == 0
    assert "gathered by 1 thread" in printed
    for rival in ("torch's DataLoader, 2 processes", "torch's DataLoader, in this process"):
        assert f"times {rival}" in printed
    assert "times training" in printed
    assert ("webdataset is left out: " in printed) == NO_WEBDATASET
    assert ("times webdataset, 2 processes" in printed) != NO_WEBDATASET


@pytest.mark.filterwarnings("ignore")  # the rivals' own
def test_sample(capsys):
    flags = [flag for flag in TINY if flag not in ("--batch", "8")]
    status, printed, error = run(capsys, "sample", *flags, "-n", "70")
    assert status == 0, error
    assert "drawn, idvae" in printed
    assert "encoded, idvae" in printed
    for package, missing in (("pythae", NO_PYTHAE), ("diffusers", NO_DIFFUSERS)):
        assert (f"{package} is left out: " in printed) == missing
        assert (f"times encoded, {package}'s" in printed) != missing


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["speed"], "unknown benchmark 'speed'"),
        (["train", "--rivals", "plain,mine"], "knows no 'mine'"),
        (["train", "--repeats", "0"], "--repeats 0 is out of range"),
        (["train", "--size", "9"], "--size"),
        (["train", "--graphs", "--steps", "3"], "with --graphs it is at least 4"),
        (["train", "--preset", "big"], "big"),
        (["data", "-n", "0"], "-n 0 is out of range"),
        (["data", "-n", "255", "--workers", "2"], "256 images"),
        (["data", "--workers", "0"], "--workers 0 is out of range"),
    ],
)
def test_mistakes_are_told_in_one_line(capsys, arguments, said):
    status, _, error = run(capsys, *arguments)
    assert status == 2
    assert error.count("\n") == 1
    assert said in error


def test_help_lists_the_benchmarks(capsys):
    status, printed, _ = run(capsys)
    assert status == 0
    assert all(f"  {what} " in printed for what in ("train", "evaluate", "data", "sample", "start"))


@pytest.mark.slow
def test_processes_and_start(capsys):
    flags = ["--size", "16", "--width", "4", "--batch", "8", "--repeats", "1", "--steps", "5"]
    status, printed, error = run(capsys, "train", *flags, "--processes", "2")
    assert status == 0, error
    assert "times 1 process of 1 thread" in printed
    status, printed, error = run(capsys, "start", "--repeats", "1")
    assert status == 0, error
    assert "idvae --help" in printed


def test_a_failed_training_is_no_figure(tmp_path, data_root):
    from idvae.errors import UserError

    command = ["train", "idvae", "--data", "there-is-none", "--out", str(tmp_path / "run")]
    with pytest.raises(UserError, match="has failed"):
        images_per_second(command, 1, 5, [], tmp_path / "run")

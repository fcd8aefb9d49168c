"""The commands as a user types them, on real digits and on points."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from idvae import data
from idvae.cli import COMMANDS, main
from idvae.cli.output import check_out, write
from idvae.errors import UserError

TINY = [
    "--lr",
    "0.01",
    "--steps",
    "4",
    "--width",
    "4",
    "--z-dim",
    "3",
    "--batch-size",
    "8",
    "--grid-every",
    "2",
]


@pytest.fixture(scope="module")
def folder(data_root, tmp_path_factory):
    """A folder with a run on digits and one on points, made by the command line."""
    place = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        longer = ["--steps", "60", "--grid-every", "40"]
        assert main(["train", "idvae", "--data", "digits-16", "--out", "run", *TINY, *longer]) == 0
        data.prepare("gaussians-ring", n=500, set_name="ring-tiny")
        points = ["train", "idvae", "--data", "ring-tiny", "--out", "points", "--steps", "4"]
        assert main([*points, "--batch-size", "8"]) == 0
    return place


@pytest.fixture(autouse=True)
def inside(folder, monkeypatch):
    monkeypatch.chdir(folder)


def test_a_run_holds_what_it_should():
    files = {str(p.relative_to("run")) for p in Path("run").rglob("*") if p.is_file()}
    assert {"config.yaml", "metrics.jsonl", "curves.png"} <= files
    assert "samples/00000060.png" in files
    assert "reconstructions/00000040.png" in files
    assert "checkpoints/00000060/model.safetensors" in files
    assert not [f for f in files if f.endswith((".pt", ".pth", ".pkl"))]


def test_a_run_on_points_reports_modes():
    assert {"modes.json", "curves.png"} <= set(os.listdir("points"))


def test_samples_go_to_a_grid_an_npz_or_a_folder(capsys):
    assert main(["sample", "run", "-n", "5", "--out", "s.png"]) == 0
    with Image.open("s.png") as picture:
        assert min(picture.size) >= 480
    assert main(["sample", "run", "-n", "5", "--out", "s.npz"]) == 0
    images = np.load("s.npz", allow_pickle=False)["images"]
    assert images.shape == (5, 16, 16, 1)
    assert images.dtype == np.uint8
    assert main(["sample", "run", "-n", "5", "--out", "pngs"]) == 0
    assert sorted(os.listdir("pngs")) == [f"{i:05d}.png" for i in range(5)]
    with Image.open("pngs/00003.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), images[3, :, :, 0])
    assert main(["sample", "run", "-n", "2", "--out", "pngs", "--overwrite"]) == 0
    assert len(os.listdir("pngs")) == 2


def test_samples_depend_on_the_seed_and_not_on_n():
    for name, n, seed in (("a", 3, 1), ("b", 5, 1), ("c", 3, 2)):
        command = ["sample", "run", "-n", str(n), "--seed", str(seed), "--out", f"{name}.npz"]
        assert main(command) == 0
    a, b, c = (np.load(f"{name}.npz")["images"] for name in "abc")
    np.testing.assert_array_equal(a, b[:3])
    assert (a != c).any()


def test_reconstructions_of_the_test_split_and_of_a_folder(capsys):
    assert main(["reconstruct", "run", "-n", "6", "--out", "r.npz"]) == 0
    assert "mean squared error" in capsys.readouterr().out
    arrays = np.load("r.npz")
    test = data.open_set("digits-16").split("test").gather(np.arange(6))
    np.testing.assert_array_equal(arrays["originals"], test)
    Path("own").mkdir()
    Image.new("RGB", (30, 50), (255, 0, 0)).save("own/a.jpg")
    assert main(["reconstruct", "run", "--input", "own", "--out", "own.png"]) == 0
    assert Path("own.png").exists()


def test_interpolations_start_and_end_at_reconstructions():
    command = ["interpolate", "run", "-n", "4", "--between", "5", "--out", "i.npz"]
    assert main(command) == 0
    ways = np.load("i.npz")["ways"]
    assert ways.shape == (2, 5, 16, 16, 1)
    assert main(["reconstruct", "run", "-n", "4", "--out", "ends.npz"]) == 0
    ends = np.load("ends.npz")["images"].astype(int)
    assert abs(ways[0, 0].astype(int) - ends[0]).max() <= 1
    assert abs(ways[1, -1].astype(int) - ends[3]).max() <= 1
    assert main(["interpolate", "run", "--out", "i.png"]) == 0


def test_points_are_drawn_as_densities_or_kept_as_arrays():
    assert main(["sample", "points", "-n", "100", "--out", "p.png"]) == 0
    assert main(["reconstruct", "points", "-n", "50", "--out", "pr.png"]) == 0
    assert main(["sample", "points", "-n", "100", "--out", "p.npz"]) == 0
    assert np.load("p.npz")["points"].shape == (100, 2)


def test_resume_goes_on(capsys):
    assert main(["train", "idvae", "--data", "digits-16", "--out", "more", *TINY]) == 0
    assert main(["train", "--resume", "more", "--steps", "6"]) == 0
    assert "steps 4 to 6" in capsys.readouterr().out
    assert Path("more/checkpoints/00000006").is_dir()


def test_overwrite_replaces_a_run():
    command = ["train", "idvae", "--data", "digits-16", "--out", "again", *TINY]
    assert main(command) == 0
    assert main(command) == 2
    assert main([*command, "--overwrite"]) == 0


def test_options_can_be_printed_and_read_back(capsys):
    assert main(["train", "idvae", "--alpha", "2", "--print_config"]) == 0
    text = capsys.readouterr().out
    Path("c.yaml").write_text(text)
    assert main(["train", "idvae", "--config", "c.yaml", "--print_config"]) == 0
    assert capsys.readouterr().out == text
    assert "alpha: 2.0" in text


def test_methods_and_data_are_listed(capsys):
    assert main(["methods"]) == 0
    assert "moves shared, dis" in capsys.readouterr().out
    assert main(["data", "list"]) == 0
    assert "gaussians-grid" in capsys.readouterr().out


def processor_seconds():
    """What processes that have ended used: waiting for a busy processor is not in it."""
    spent = os.times()
    return spent.children_user + spent.children_system


@pytest.mark.parametrize("command", [[], *[[c] for c in COMMANDS]], ids=str)
def test_help_needs_no_torch_and_is_quick(command):
    code = (
        "import sys; from idvae.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as e: assert e.code == 0, e.code\n"
        "assert 'torch' not in sys.modules"
    )
    before = processor_seconds()
    subprocess.run(
        [sys.executable, "-c", code, *command, "--help"], check=True, capture_output=True
    )
    # 0.5 s is the promise on a quiet core; tests run beside others, on slower ones too.
    assert processor_seconds() - before < 5


def test_the_options_of_a_method_are_explained(capsys):
    assert main(["train", "idvae", "--help"]) == 0
    text = capsys.readouterr().out
    for flag in ("--lambda", "--schedule", "--batch-size", "--data", "--preset"):
        assert flag in text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_to_be_ended_is_for_a_command_as_ctrl_c(number, hangup, monkeypatch, capsys):
    def asked_to_end(argv):
        os.kill(os.getpid(), number)
        time.sleep(30)

    monkeypatch.setattr("idvae.cli.methods.run", asked_to_end)
    assert main(["methods"]) == 130
    assert capsys.readouterr().err == "idvae: error: interrupted\n"
    assert signal.getsignal(number) == signal.SIG_DFL


def test_what_nohup_ignores_stays_ignored(hangup, monkeypatch):
    monkeypatch.setattr("idvae.cli.methods.run", lambda argv: os.kill(os.getpid(), signal.SIGHUP))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert main(["methods"]) == 0
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


@pytest.mark.parametrize("name", ["late.png", "late.npz"])
def test_a_picture_that_appears_meanwhile_is_not_replaced_unasked(name):
    out = check_out(name, False, Path("run"))
    Path(name).write_text("of another")
    images = np.zeros((1, 16, 16, 1), np.uint8)
    with pytest.raises(UserError, match="exists already"):
        write(out, {"images": images}, images[0])
    assert Path(name).read_text() == "of another"


def test_attributes_are_of_runs_that_are_told_them(capsys):
    command = ["reconstruct", "run", "--input", ".", "--attributes", "none.csv", "--out", "new.npz"]
    assert main(command) == 2
    assert "trained without a condition; leave --attributes out" in capsys.readouterr().err


def test_a_signal_saves_and_says_how_to_go_on(data_root):
    command = [sys.executable, "-m", "idvae", "train", "idvae", "--data", "digits-16"]
    command += ["--out", "stopped", "--steps", "100000", "--log-every", "5", *TINY[6:]]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while not Path("stopped/metrics.jsonl").exists() and process.poll() is None:
        time.sleep(0.05)
    process.terminate()
    output, _ = process.communicate(timeout=180)
    assert process.returncode == 130  # what comes after it in a script is not for half a training
    assert "go on with: idvae train --resume stopped" in output
    assert list(Path("stopped/checkpoints").iterdir())

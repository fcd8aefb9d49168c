"""Every mistake of a user's: one line on standard error that says what to do, exit 2, no trace.

Each case also must leave the working folder as it was.
"""

import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from idvae import data
from idvae.cli import main
from idvae.training import start

TINY = ["--steps", "2", "--width", "4", "--z-dim", "3", "--batch-size", "4", "--grid-every", "0"]


@pytest.fixture(scope="module")
def run(data_root, tmp_path_factory):
    """A finished run of two steps."""
    options = {"steps": 2, "width": 4, "z_dim": 3, "batch_size": 4, "grid_every": 0}
    path = tmp_path_factory.mktemp("runs") / "run"
    data.resolve("digits-16")
    start.train("idvae", "digits-16", path, **options)
    return path


@pytest.fixture(scope="module")
def points_run(data_root, tmp_path_factory):
    data.prepare("gaussians-ring", n=200, set_name="ring-small")
    path = tmp_path_factory.mktemp("runs") / "points"
    start.train("idvae", "ring-small", path, steps=2, width=4, batch_size=4, grid_every=0, ema=0)
    return path


def snapshot(folder):
    """Every file below, and what it holds."""
    return {p: p.read_bytes() if p.is_file() else None for p in sorted(Path(folder).rglob("*"))}


@pytest.fixture
def here(tmp_path, monkeypatch, run, points_run):
    """A working folder with a run, some pictures, and some things that are wrong."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, "run")
    shutil.copytree(points_run, "points")
    Path("empty").mkdir()
    Path("pictures").mkdir()
    for i in range(4):
        Image.new("RGB", (20, 20), (i, 0, 0)).save(f"pictures/{i}.png")
    Path("broken").mkdir()
    shutil.copy("pictures/0.png", "broken/good.png")
    Path("broken/bad.png").write_bytes(Path("pictures/1.png").read_bytes()[:40])
    Path("few.csv").write_text("file,Hat\n0.png,1\n")
    Path("there.png").write_bytes(b"mine")
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("mine")
    Path("gama.yaml").write_text("gama: 1\n")
    Path("text.yaml").write_text("alpha: much\n")
    Path("twice.yaml").write_text("steps: 2\nwidth: 4\nsteps: 3\n")
    return tmp_path


def refuse(capsys, arguments, words):
    before, sets = snapshot("."), snapshot(data.root())
    status = main(arguments)
    captured = capsys.readouterr()
    assert status == 2, captured
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1, captured.err
    assert lines[0].startswith("idvae: error: ")
    assert words in lines[0]
    assert "Traceback" not in captured.err
    assert snapshot(".") == before
    assert snapshot(data.root()) == sets


CASES = {
    "no command": (["trian"], "did you mean train"),
    "unknown method": (["train", "idvea", "--data", "digits-16"], "did you mean idvae"),
    "unknown method, methods": (["methods", "idvea"], "did you mean idvae"),
    "no method": (["train"], "which METHOD"),
    "unknown data": (["train", "idvae", "--data", "digit-16"], "unknown data set"),
    "no data": (["train", "idvae"], "--data NAME"),
    "unknown option": (
        ["train", "idvae", "--data", "digits-16", "--alhpa", "1"], "did you mean --alpha?",
    ),
    "unknown key": (["train", "idvae", "--data", "digits-16", "--config", "gama.yaml"], "gamma"),
    "wrong type": (["train", "idvae", "--data", "digits-16", "--steps", "ten"], "option steps"),
    "wrong type in a file": (
        ["train", "idvae", "--data", "digits-16", "--config", "text.yaml"], "option alpha",
    ),
    "no such config": (
        ["train", "idvae", "--data", "digits-16", "--config", "no.yaml"], "does not exist",
    ),
    "steps out of range": (
        ["train", "idvae", "--data", "digits-16", "--out", "new", "--steps", "0"], "--steps 0",
    ),
    "a weight below 0": (
        ["train", "idvae", "--data", "digits-16", "--beta", "-1"], "--beta -1.0 is out of range",
    ),
    "a batch of one": (
        ["train", "vae", "--data", "digits-16", "--batch-size", "1"], "--batch-size 1 is out of",
    ),
    "a huge width": (
        ["train", "vae", "--data", "digits-16", "--width", "100000"], "--width 100000 is out of",
    ),
    "a huge z": (
        ["train", "vae", "--data", "digits-16", "--z-dim", "99999999"], "--z-dim 99999999 is out",
    ),
    "networks larger than memory": (
        ["train", "vae", "--data", "digits-16", "--out", "new", "--width", "65536"],
        "choose a smaller --width or --z-dim",
    ),
    "a batch larger than memory": (
        ["train", "vae", "--data", "digits-16", "--out", "new", "--batch-size", "99999999999"],
        "choose a smaller --batch-size",
    ),
    "a key twice": (
        ["train", "vae", "--data", "digits-16", "--config", "twice.yaml"], "'steps' is there twice",
    ),
    "an underscore": (
        ["train", "alpha-gan", "--data", "digits-16", "--lambda_dec", "1"],
        "did you mean --lambda-dec?",
    ),
    "preset for points": (
        ["train", "idvae", "--data", "ring-small", "--out", "new", "--preset", "paper"],
        "does not fit points",
    ),
    "a run that is there": (
        ["train", "idvae", "--data", "digits-16", "--out", "run", *TINY], "exists already",
    ),
    "overwriting what is no run": (
        ["train", "idvae", "--data", "digits-16", "--out", "mine", "--overwrite", *TINY],
        "is not a run folder",
    ),
    "no GPU": (
        ["train", "idvae", "--data", "digits-16", "--out", "new", "--device", "cuda", *TINY],
        "no CUDA GPU",
    ),
    "unknown device": (
        ["train", "idvae", "--data", "digits-16", "--out", "new", "--device", "tpu", *TINY],
        "unknown --device tpu",
    ),
    "a number of the CPU": (
        ["train", "idvae", "--data", "digits-16", "--out", "new", "--device", "cpu:²", *TINY],
        "unknown --device cpu:²",
    ),
    "no GPU, sample": (["sample", "run", "--out", "a.png", "--device", "cuda"], "no CUDA GPU"),
    "resume nothing": (["train", "--resume", "nowhere"], "no such run folder"),
    "resume no run": (["train", "--resume", "mine"], "is not a run folder"),
    "resume a finished run": (["train", "--resume", "run"], "has reached its 2 steps"),
    "size": (["data", "prepare", "digits", "--size", "48"], "no network fits"),
    "size of points": (["data", "prepare", "gaussians-ring", "--size", "32"], "points have none"),
    "n = 0": (["data", "prepare", "avatars", "--n", "0"], "--n 0"),
    "n negative": (["data", "prepare", "avatars", "--n", "-5"], "--n -5"),
    "unknown source": (["data", "prepare", "nothing"], "unknown source"),
    "empty folder": (["data", "prepare", "folder", "--source", "empty"], "holds no image"),
    "no folder": (["data", "prepare", "folder", "--source", "nowhere"], "no such folder"),
    "broken image": (["data", "prepare", "folder", "--source", "broken"], "bad.png cannot be read"),
    "attributes": (
        ["data", "prepare", "folder", "--source", "pictures", "--attributes", "few.csv"],
        "no row for 1.png",
    ),
    "data what": (["data"], "list, prepare or shard"),
    "sample nothing": (["sample", "nowhere", "--out", "a.png"], "no such run folder"),
    "sample no run": (["sample", "mine", "--out", "a.png"], "is not a run folder"),
    "sample n = 0": (["sample", "run", "-n", "0", "--out", "a.png"], "-n 0"),
    "sample n negative": (["sample", "run", "-n", "-3", "--out", "a.png"], "-n -3"),
    "sample n text": (["sample", "run", "-n", "many", "--out", "a.png"], "invalid int value"),
    "sample no out": (["sample", "run"], "--out"),
    "sample over a file": (["sample", "run", "--out", "there.png"], "exists already"),
    "sample over a folder": (["sample", "run", "--out", "mine", "--overwrite"], "leaves it alone"),
    "sample ending": (["sample", "run", "--out", "a.gif"], "unknown ending .gif"),
    "sample step": (["sample", "run", "--out", "a.png", "--step", "7"], "no checkpoint of step 7"),
    "points to a folder": (["sample", "points", "--out", "pngs"], "points are no images"),
    "reconstruct n": (["reconstruct", "run", "-n", "0", "--out", "a.png"], "-n 0"),
    "reconstruct empty": (
        ["reconstruct", "run", "--input", "empty", "--out", "a.png"], "holds no image",
    ),
    "reconstruct broken": (
        ["reconstruct", "run", "--input", "broken", "--out", "a.png"], "bad.png cannot be read",
    ),
    "interpolate points": (["interpolate", "points", "--out", "a.png"], "trained on points"),
    "reconstruct points": (
        ["reconstruct", "points", "--input", "pictures", "--out", "a.npz"], "trained on points",
    ),
    "out among the input": (
        ["reconstruct", "run", "--input", "pictures", "--out", "pictures/a.png"],
        "--out pictures/a.png lies within pictures, which this command reads",
    ),
    "columns of rows": (
        ["sample", "run", "--condition", "each", "--columns", "5", "--out", "a.png"],
        "-n images in a row; leave --columns out",
    ),
    "columns of no grid": (
        ["sample", "run", "--columns", "5", "--out", "a.npz"], "--columns is of a grid",
    ),
    "interpolate an odd one": (
        ["interpolate", "run", "-n", "5", "--out", "a.png"], "-n 5 leaves an image without",
    ),
    "interpolate one": (["interpolate", "run", "-n", "1", "--out", "a.png"], "at least 2"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_told_in_one_line(case, here, capsys):
    refuse(capsys, *CASES[case])


COUNTS = {
    "sample": ["sample", "run", "--out", "a.png"],
    "reconstruct": ["reconstruct", "run", "--out", "a.png"],
    "edit": ["edit", "run", "--out", "a.png"],
    "interpolate": ["interpolate", "run", "--out", "a.png"],
    "judge": ["judge", "run"],
    "evaluate": ["evaluate", "run"],
    "data prepare": ["data", "prepare", "avatars"],
    "bench evaluate": ["bench", "evaluate"],
    "bench data": ["bench", "data"],
}


@pytest.mark.parametrize("command", COUNTS)
@pytest.mark.parametrize("flag", ["-n", "--n"])
def test_a_count_is_asked_for_in_two_ways_everywhere(command, flag, here, capsys):
    refuse(capsys, [*COUNTS[command], flag, "0"], "n 0 is out of range")


def checkpoint_file(name):
    return next(Path("run/checkpoints").glob("*")) / name


class Bomb:
    def __reduce__(self):
        return (os.mkdir, ("exploded",))


def truncate():
    file = checkpoint_file("model.safetensors")
    file.write_bytes(file.read_bytes()[:-40])


def disguise():
    checkpoint_file("model.safetensors").write_bytes(pickle.dumps(Bomb()))


def disguise_as_torch():
    torch.save({"weights": Bomb()}, checkpoint_file("model.safetensors"))


def of_another_method():
    checkpoint_file("state.json").write_text('{"format": 1, "step": 2, "method": "vae"}')


def damage_config():
    Path("run/config.yaml").write_text("method: [")


def changed_config(**changes):
    config = yaml.safe_load(Path("run/config.yaml").read_text())
    for place, value in changes.items():
        group, key = place.split("__") if "__" in place else (None, place)
        (config[group] if group else config)[key] = value
    Path("run/config.yaml").write_text(yaml.safe_dump(config))


def text_for_options():
    changed_config(options="steps: 2")


def data_above():
    changed_config(data__path="/data/../../etc")


def another_file():
    changed_config(options__config="gama.yaml")


def huge_config():
    with Path("run/config.yaml").open("a") as file:
        file.write("# " + "x" * 2_000_000)


def huge_state():
    with checkpoint_file("state.json").open("a") as file:
        file.write(" " * 1_000_000)


def key_twice():
    with Path("run/config.yaml").open("a") as file:
        file.write("method: vae\n")


def other_networks():
    config = Path("run/config.yaml")
    config.write_text(config.read_text().replace("width: 4", "width: 8"))


def no_checkpoint():
    shutil.rmtree("run/checkpoints")


BROKEN_RUNS = {
    "truncated": (truncate, "is damaged"),
    "pickle": (disguise, "is damaged or no checkpoint"),
    "torch pickle": (disguise_as_torch, "is damaged or no checkpoint"),
    "another method": (of_another_method, "is a checkpoint of vae, not of idvae"),
    "config": (damage_config, "config.yaml cannot be read as YAML"),
    "text for options": (text_for_options, "options is missing, or cannot be what it is"),
    "data above": (data_above, "data.path is missing, or cannot be what it is"),
    "another file of options": (another_file, "no option 'config'"),
    "a huge config": (huge_config, "is larger than"),
    "a huge state": (huge_state, "is larger than"),
    "a key twice": (key_twice, "the key 'method' is there twice"),
    "other networks": (other_networks, "does not fit the networks"),
}


@pytest.mark.parametrize("case", [*BROKEN_RUNS, "none"])
@pytest.mark.parametrize("command", ["sample", "resume"])
def test_a_broken_run_is_refused_unread(case, command, here, capsys):
    damage, words = BROKEN_RUNS.get(case, (no_checkpoint, "holds no checkpoint yet"))
    damage()
    if command == "sample":
        refuse(capsys, ["sample", "run", "--out", "a.png"], words)
    elif case != "none":  # a run without a checkpoint starts again
        refuse(capsys, ["train", "--resume", "run", "--steps", "9"], words)
    assert not Path("exploded").exists()


def test_data_that_changed_since_are_refused(here, capsys):
    config = Path("run/config.yaml")
    text = config.read_text()
    checksum = data.open_set("digits-16").checksum
    config.write_text(text.replace(checksum, "f" * 64))
    refuse(capsys, ["train", "--resume", "run", "--steps", "9"], "its checksum differs")


def test_skip_bad_counts_and_goes_on(here, capsys):
    for i in range(8):
        shutil.copy("pictures/0.png", f"broken/{i}.png")
    command = ["data", "prepare", "folder", "--source", "broken", "--size", "16", "--skip-bad"]
    assert main(command) == 0
    assert data.open_set("broken-16").meta["skipped"] == 1
    assert "1 image could not be read" in capsys.readouterr().out


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
@pytest.mark.parametrize("command", ["sample", "train"])
def test_a_full_disk_is_told_and_leaves_nothing_half_written(command, here, capsys, monkeypatch):
    import errno

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    arguments = {
        "sample": ["sample", "run", "--out", "a.png"],
        "train": ["train", "--resume", "run", "--steps", "4"],
    }[command]
    monkeypatch.setattr(os, "fsync", full)
    before = set(snapshot("."))
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "No space left on device" in error
    assert {p for p in set(snapshot(".")) - before if p.name != "metrics.jsonl"} == set()


def test_a_read_only_disk_is_told(here, capsys, monkeypatch):
    import errno
    import tempfile

    def read_only(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "a.png")

    monkeypatch.setattr(tempfile, "mkstemp", read_only)
    refuse(capsys, ["sample", "run", "--out", "a.png"], "a.png: Read-only file system")


def test_a_machine_without_processes_to_give_is_told(here, capsys, monkeypatch):
    import errno
    import tempfile

    def none(*_, **__):
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(tempfile, "mkstemp", none)
    refuse(capsys, ["sample", "run", "--out", "a.png"], "no more processes, memory or open files")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_place_is_told(here, capsys):
    Path("locked").mkdir(mode=0o500)
    refuse(capsys, ["sample", "run", "--out", "locked/a.png"], "Permission denied")


def test_a_place_below_a_file_is_told(here, capsys):
    refuse(capsys, ["sample", "run", "--out", "there.png/a.png"], "there.png")


def test_images_of_another_shape_are_told_in_python(run):
    from idvae import load
    from idvae.errors import UserError

    model = load(run)
    for images in (
        np.zeros((2, 8, 8, 1), np.uint8),
        np.zeros((2, 16, 16, 1)),
        np.zeros((0, 16, 16, 1), np.uint8),
    ):
        with pytest.raises(UserError, match="the model takes uint8"):
            model.reconstruct(images)
    with pytest.raises(UserError, match="-n 0"):
        model.sample(0)

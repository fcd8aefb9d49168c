"""Nothing of the user's is lost: what --overwrite replaces, and what it leaves alone."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from idvae import data
from idvae.cli import main
from idvae.errors import UserError
from idvae.io.destination import Destination, Kind, whole

TINY = ["--width", "4", "--z-dim", "4", "--batch-size", "4", "--steps", "2", "--grid-every", "0"]
THINGS = Kind("a thing", "mark.txt", ("mark.txt", "*.part", "inner", "inner/*.own"))


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """The tests' working folder and its sets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IDVAE_DATA", str(tmp_path / "sets"))
    return tmp_path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A tiny run on digits, made once; tests copy it."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IDVAE_DATA", str(folder / "sets"))
        patch.chdir(folder)
        data.prepare("digits", size=16)
        assert main(["train", "idvae", "--data", "digits-16", "--out", "run", *TINY]) == 0
        assert main(["sample", "run", "-n", "3", "--out", "made"]) == 0
    return folder


@pytest.fixture
def at_run(trained, place):
    import shutil

    for name in ("run", "made", "sets"):
        shutil.copytree(trained / name, place / name)
    return place


def photographs(folder, n=3, name="photo{}.png"):
    folder.mkdir(parents=True)
    for i in range(n):
        Image.new("RGB", (20, 20), (i * 60, 9, 9)).save(folder / name.format(i))


def snapshot(folder):
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in Path(folder).rglob("*") if p.is_file()
    }


def refuse(capsys, command, words):
    before = snapshot(".")
    assert main([str(part) for part in command]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert words in error
    assert "Traceback" not in error
    assert snapshot(".") == before


def thing(folder):
    folder.mkdir(parents=True)
    (folder / "mark.txt").touch()
    (folder / "1.part").touch()
    return folder


# --------------------------------------------------------------------------------------- the rule


def test_a_folder_of_its_kind_is_replaced(place):
    with Destination(thing(place / "x"), True, THINGS).folder() as folder:
        (folder / "mark.txt").write_text("new")
    assert snapshot("x") == {"mark.txt": b"new"}
    assert os.listdir(place) == ["x"]


@pytest.mark.parametrize("missing", ["the mark", "nothing"])
def test_a_folder_that_holds_more_or_lacks_the_mark_is_left_alone(place, missing):
    folder = thing(place / "x")
    if missing == "the mark":
        (folder / "mark.txt").unlink()
    else:
        (folder / "thesis.txt").write_text("years")
    before = snapshot("x")
    with pytest.raises(UserError, match="leaves it alone"):
        Destination(folder, True, THINGS).check()
    assert snapshot("x") == before


def test_what_a_kill_left_is_no_strangers(place):
    folder = thing(place / "x")
    for rest in (".mark.idvae-a1b2c3d4.txt", ".x.idvae-old-a1b2c3_4", ".a.b.idvae-a1b2c3d4"):
        (folder / rest).touch()
    Destination(place / "x", True, THINGS).check()


@pytest.mark.parametrize("name", [".git", ".git-credentials", ".mark-a1b2c3d4.txt"])
def test_what_a_user_hid_in_a_folder_keeps_it(place, name):
    (thing(place / "x") / name).mkdir()
    with pytest.raises(UserError, match=f"holds {re.escape(name)}"):
        Destination(place / "x", True, THINGS).check()


@pytest.mark.parametrize(
    ("name", "told"),
    [(n, n) for n in ("inner/mine.txt", "inner/.mine.txt")] + [("inner/deep/a.own", "inner/deep")],
)
def test_what_a_user_put_into_an_inner_folder_keeps_it(place, name, told):
    file = thing(place / "x") / name
    file.parent.mkdir(parents=True)
    (place / "x" / "inner" / "a.own").touch()
    file.touch()
    with pytest.raises(UserError, match=f"holds {re.escape(told)},"):
        Destination(place / "x", True, THINGS).check()


def test_a_file_is_looked_at_again_before_it_gets_its_name(place):
    wanted = Destination(place / "new.txt")

    def late():
        with wanted.file():
            (place / "new.txt").write_text("of another")

    with pytest.raises(UserError, match=r"new\.txt exists already"):
        late()
    assert (place / "new.txt").read_text() == "of another"
    with whole(Destination(place / "new.txt", overwrite=True)) as temporary:
        temporary.write_text("mine")
    assert (place / "new.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("out", "given", "how"),
    [
        ("x", "x", "is x"),
        ("x", "x/1.part", "holds"),
        ("x/inner", "x", "lies within"),
        ("x", "link", "is link"),
        ("link", "x", "is x"),
        ("x", "linked/a.png", "holds"),
        ("x", "linked", "holds"),
        ("link/inner", "x", "lies within"),
    ],
)
def test_an_input_is_never_replaced(place, out, given, how):
    thing(Path("x"))
    thing(Path("x/inner"))
    Path("link").symlink_to("x")
    Path("linked").mkdir()
    Path("linked/a.png").symlink_to("../x/1.part")
    with pytest.raises(UserError, match=how):
        Destination(Path(out), True, THINGS, (Path(given),)).check()
    Destination(Path("x/inner"), True, THINGS, (Path("elsewhere"),)).check()


def test_a_stranger_that_comes_meanwhile_is_left_alone(place):
    folder = thing(place / "x")

    def replace():
        with Destination(folder, True, THINGS).folder() as made:
            (made / "mark.txt").touch()
            (folder / "thesis.txt").write_text("years")

    with pytest.raises(UserError, match=r"holds thesis\.txt"):
        replace()
    assert (folder / "thesis.txt").read_text() == "years"
    assert os.listdir(place) == ["x"]


def test_a_file_that_is_an_input_is_never_replaced(place):
    Path("in").mkdir()
    Path("in/a.npz").write_bytes(b"mine")
    Path("b.npz").symlink_to("in/a.npz")
    for out, given in (("in/a.npz", "in/a.npz"), ("in/a.npz", "in"), ("b.npz", "in/a.npz")):
        with pytest.raises(UserError, match="which this command reads"):
            Destination(Path(out), True, None, (Path(given),)).check()
    with pytest.raises(UserError, match="exists already"):
        Destination(Path("in/a.npz")).check()
    Destination(Path("in/a.npz"), True, None, (Path("in"),), ours=lambda file: True).check()


# ----------------------------------------------------------------------------------- the commands


def test_preparing_a_folder_never_deletes_the_photographs(place, capsys):
    photographs(place / "sets" / "cats")
    command = ["data", "prepare", "folder", "--size", "16", "--name", "cats", "--overwrite"]
    refuse(capsys, [*command, "--source", "sets/cats"], "is sets/cats, which this command reads")
    Path("album").symlink_to("sets/cats")
    refuse(capsys, [*command, "--source", "album"], "is album")
    photographs(place / "sets" / "cats" / "inner")
    refuse(capsys, [*command, "--source", "sets/cats/inner"], "holds sets/cats/inner")
    photographs(place / "others")
    refuse(capsys, [*command, "--source", "others"], "is not a prepared set")
    (place / "sets" / "cats" / "meta.json").write_text("{}")
    refuse(capsys, [*command, "--source", "others"], "holds inner, which is no part of")


def test_a_set_that_holds_its_attributes_table_is_left_alone(place, capsys):
    photographs(place / "album")
    command = ["data", "prepare", "folder", "--source", "album", "--size", "16"]
    assert main(command) == 0
    table = place / "sets" / "album-16" / "attributes.npy"
    table.write_text("file,red\n" + "".join(f"photo{i}.png,1\n" for i in range(3)))
    refuse(capsys, [*command, "--attributes", table, "--overwrite"], "attributes.npy, which this")


def test_training_never_deletes_its_data(at_run, capsys):
    set_path = at_run / "run" / "samples" / "set"
    set_path.parent.mkdir(exist_ok=True)
    (at_run / "sets" / "digits-16").rename(set_path)
    command = ["train", "idvae", "--out", "run", "--overwrite", *TINY]
    refuse(capsys, [*command, "--data", set_path], "holds ")
    assert (set_path / "images.npy").is_file()


def test_training_never_deletes_its_options_nor_a_project(at_run, capsys):
    command = ["train", "idvae", "--data", "digits-16", "--overwrite", *TINY]
    Path("run/mine.yaml").write_text("alpha: 2\n")
    refuse(capsys, [*command, "--out", "run", "--config", "run/mine.yaml"], "run/mine.yaml")
    refuse(capsys, [*command, "--out", "run"], "holds mine.yaml")
    Path("run/mine.yaml").unlink()
    Path("run/samples").mkdir(exist_ok=True)
    Path("run/samples/00000002.png").touch()
    Path("run/samples/best.png").write_text("chosen")
    refuse(capsys, [*command, "--out", "run"], "holds samples/best.png")
    Path("project").mkdir()
    Path("project/config.yaml").write_text("a: 1\n")
    refuse(capsys, [*command, "--out", "project"], "is not a run folder")


def test_a_run_is_there_until_the_new_one_is(at_run, monkeypatch):
    """The old run used to be removed before the new folder was made."""
    from idvae.training.run import Run

    before = snapshot("run")
    monkeypatch.setattr(Run, "write_config", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Run.create("run", {"method": "idvae"}, overwrite=True)
    assert snapshot("run") == before
    monkeypatch.undo()
    monkeypatch.chdir(at_run)
    facts = {"method": "idvae", "data": {}, "options": {}}
    assert Run.create("run", facts, overwrite=True).path == Path("run")
    assert list(snapshot("run")) == ["config.yaml"]


def test_an_empty_folder_becomes_a_run_and_stays_the_same_folder(place):
    """It may be a mount, or where the user's shell stands."""
    from idvae.training.run import Run

    Path("out").mkdir()
    number = Path("out").stat().st_ino
    Run.create("out", {"method": "idvae"})
    assert Path("out").stat().st_ino == number


def test_pictures_replace_pictures_that_idvae_made_and_no_others(at_run, capsys):
    assert main(["sample", "run", "-n", "2", "--out", "made", "--overwrite"]) == 0
    assert len(os.listdir("made")) == 2
    photographs(at_run / "faces", name="0000{}.png")
    refuse(capsys, ["sample", "run", "--out", "faces", "--overwrite"], "that idvae made")
    for command in (["reconstruct"], ["interpolate", "-n", "2"]):
        whole = [command[0], "run", *command[1:], "--input", "made", "--out", "made"]
        refuse(capsys, [*whole, "--overwrite"], "is made, which this command reads")
        whole[-1] = "made/00001.png"
        refuse(capsys, [*whole, "--overwrite"], "lies within made")
    Path("album").mkdir()
    for file in Path("made").iterdir():
        (Path("album") / file.name).symlink_to(file.absolute())
    linked = ["reconstruct", "run", "--input", "album", "--out", "made", "--overwrite"]
    refuse(capsys, linked, "holds album")
    Path("made").rename("run/samples")
    refuse(capsys, ["sample", "run", "--out", "run/samples", "--overwrite"], "lies within run")


@pytest.mark.filterwarnings("ignore")
def test_scores_and_experts_never_replace_what_they_are_made_of(at_run, capsys):
    np.savez("real.npz", images=np.zeros((4, 16, 16, 1), np.uint8))
    np.savez("made.npz", images=np.zeros((4, 16, 16, 1), np.uint8))
    photographs(at_run / "album")
    start = ["evaluate", "made.npz", "--reference", "real.npz", "--overwrite", "--out"]
    for out in ("made.npz", "real.npz"):
        refuse(capsys, [*start, out], f"{out} is {out}, which this command reads")
    command = ["evaluate", "album", "--reference", "digits-16", "--overwrite", "--out"]
    refuse(capsys, [*command, "album/photo1.png"], "lies within album")
    refuse(capsys, [*command, "sets/digits-16/images.npy"], "which this command reads")
    run = ["evaluate", "run", "--overwrite", "--out", "run/config.yaml"]
    refuse(capsys, run, "run/config.yaml is run/config.yaml")
    experts = ["experts", "train", "digits-16", "--steps", "1", "--out", "e.safetensors"]
    Path("e.safetensors").write_text("an expert of days")
    refuse(capsys, experts, "exists already")
    experts[-1] = "sets/digits-16/e.safetensors"
    Path(experts[-1]).write_text("part of the set")
    refuse(capsys, [*experts, "--overwrite"], "lies within")


def test_a_judgement_is_not_replaced_unasked(at_run, capsys):
    Path("run/conditions.md").write_text("my notes")
    refuse(capsys, ["judge", "run"], "was judged already")


def test_a_comparison_is_replaced_and_nothing_else(place, capsys):
    for name in ("tables", "runs"):
        Path(name).mkdir()
        Path(f"{name}/table.md").touch()
    Path("tables/table.notes.txt").write_text("mine")
    Path("runs/scores.json").write_text("{}")
    compare = ["compare", "runs/scores.json", "--overwrite", "--out"]
    refuse(capsys, [*compare, "tables"], "holds table.notes.txt")
    refuse(capsys, [*compare, "runs"], "holds runs/scores.json")

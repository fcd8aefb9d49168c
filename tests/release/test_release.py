"""A run is released, found by its name, and makes what the run makes; nothing else is taken."""

import json
import os
import shutil
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

import idvae
from evaluate import onnx_files
from idvae import data, pretrained
from idvae.cli import main
from idvae.errors import UserError
from idvae.evaluate.scores import Scores, Value
from idvae.release import card
from idvae.training import checkpoints, released, start
from idvae.training.run import WEIGHTS, Run

ROOT = Path(__file__).parents[2]
HOME = pretrained.FOLDER  # tests put another in its place
MOST = 5_000_000  # bytes of a model in the repository
OPTIONS = {"width": 4, "z_dim": 3, "batch_size": 8, "grid_every": 0, "threads": 1, "lr": 0.01}
PARTS = {WEIGHTS, "config.yaml", "conditions.npy", "README.md", "samples.png"}


def scored(run, step):
    """Scores and a judgement as the commands write them."""
    facts = {"experts": {}, "n": 1234, "reference": {"checksum": "x", "n": 777}}
    row = {"lite0@64": {"fd": Value.of([61.25, 63.75])}}
    real = {"lite0@64": {"fd": Value.of([4.5, 5.5])}}
    Scores("run", facts, row, real, about={"step": step}).save(run / "scores.json")
    rows = {"3": {"classifier": 0.97, "generated": [0.875, 0.01]}}
    facts = {"step": step, "n": 200, "repeats": 5, "edited": 99, "expert_name": "lite0@96"}
    judged = {"kind": "labels", "rows": rows, "identity_scale": {}, "facts": facts}
    (run / "conditions.json").write_text(json.dumps(judged))


@pytest.fixture(scope="module")
def trained(data_root, tmp_path_factory):
    """A run with averages and a condition."""
    data.resolve("digits-16")
    path = tmp_path_factory.mktemp("runs") / "run"
    options = OPTIONS | {"steps": 30, "ema": 0.8, "condition": "labels", "save_every": 15}
    start.train("idvae-plus", "digits-16", path, **options)
    scored(path, 30)
    return path


@pytest.fixture(scope="module")
def made(trained, tmp_path_factory):
    """A registry with one model, in the place of the one that comes with idvae."""
    home = tmp_path_factory.mktemp("home")
    (home / pretrained.REGISTRY).write_text("{}\n")
    assert main(["release", str(trained), "digits-tiny", "--out", str(home / "digits-tiny")]) == 0
    return home


@pytest.fixture(autouse=True)
def home(made, tmp_path, monkeypatch):
    """A copy of it that tests may damage; each stands in a folder of its own."""
    folder = shutil.copytree(made, tmp_path / "home")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(pretrained, "FOLDER", folder)
    return folder


@pytest.fixture
def model(home):
    return home / "digits-tiny"


def images(n):
    split = data.open_set("digits-16").split("test")
    rows = np.arange(n)
    return split.gather(rows), np.eye(10, dtype=np.float32)[split.labels(rows)]


def test_it_makes_what_the_run_makes(trained, model):
    run, small = idvae.load(trained), idvae.load("pretrained/digits-tiny")
    assert small.step == 30
    assert small.run.path == model
    assert {p.dtype for p in small.method.parameters()} == {torch.float32}
    x, y = images(40)
    changed = np.roll(y, 3, 1)
    for of in (
        lambda m: m.sample(40, 7),
        lambda m: m.sample(40, 7, y),
        lambda m: m.reconstruct(x, y),
        lambda m: m.edit(x, y, changed),
    ):
        off = np.abs(of(run).astype(int) - of(small))
        assert off.max() <= 2  # of 255: float16 has eleven bits
        assert off.mean() < 0.1
    # The rest of it would be noticed: an edit is no reconstruction, this training moved something.
    assert np.abs(run.edit(x, y, changed).astype(int) - run.reconstruct(x, y)).max() > 5
    np.testing.assert_allclose(small.encode(x, y), run.encode(x, y), rtol=0.01, atol=0.01)


def test_it_holds_averages_in_float16_and_nothing_of_training(trained, model):
    assert {file.name for file in model.iterdir()} == PARTS
    weights = load_file(model / WEIGHTS)
    assert {name.partition(".")[0] for name in weights} == {"shared", "enc", "dec"}
    assert {t.dtype for t in weights.values()} == {torch.float16}
    saved = checkpoints.load(trained / "checkpoints", "idvae-plus")
    for name, value in saved.average.items():
        assert torch.equal(weights[f"dec.{name}"], value.half())
    live = {name: saved.model[f"dec.{name}"] for name in saved.average}
    assert any(not torch.equal(saved.average[name], live[name]) for name in live)
    for name in ("shared", "enc"):
        for key in (key for key in weights if key.startswith(name)):
            assert torch.equal(weights[key], saved.model[key].half())


def test_no_place_of_the_machine_is_in_it(trained, model, data_root):
    for file in model.iterdir():
        content = file.read_bytes()
        for place in (data_root, trained.parent, ROOT):
            assert os.fsencode(place) not in content, file
    assert "path" not in yaml.safe_load((model / "config.yaml").read_text())["data"]


def test_frozen_networks_and_found_attributes_come_along(tmp_path):
    start.train("gan", "digits-16", "gan", steps=4, condition="labels", **OPTIONS)
    options = OPTIONS | {"steps": 4, "condition": "labels", "pretrained": "gan", "ema": 0.5}
    start.train("icgan", "digits-16", "icgan", **options)
    assert main(["release", "icgan", "untold"]) == 0
    assert "gan" not in yaml.safe_load(Path("untold/config.yaml").read_text())["options"].values()
    card = Path("untold/README.md").read_text()
    assert "multiply-adds, of its second phase: the first" in card
    assert "It began from a run of `idvae train gan --condition" in card
    shutil.rmtree("gan")
    run, small = idvae.load("icgan"), idvae.load("untold")
    x, _ = images(9)
    y = np.eye(10, dtype=np.float32)[[4] * 9]
    assert np.abs(run.edit(x, None, y).astype(int) - small.edit(x, None, y)).max() <= 2
    assert np.abs(run.attributes(x) - small.attributes(x)).max() < 0.01


# ------------------------------------------------------------------------------------ its weights


def flip(file):
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def swap(file):
    """The same names and shapes with other numbers."""
    save_file({name: t + 1 for name, t in load_file(file).items()}, file)


DAMAGE = {
    "one bit": flip,
    "other weights": swap,
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-10]),
    "pickle": lambda file: torch.save({"a": torch.zeros(3)}, file),
    "empty": lambda file: file.write_bytes(b""),
    "large": lambda file: os.truncate(file, 1 << 40),  # sparse
    "gone": lambda file: file.unlink(),
    "folder": lambda file: (file.unlink(), file.mkdir()),
}


@pytest.fixture
def nothing_is_read(monkeypatch):
    def never(*_):
        raise AssertionError("tensors were about to be read")

    monkeypatch.setattr("idvae.training.checkpoints.load_file", never)
    monkeypatch.setattr("torch.load", never)


@pytest.mark.parametrize("registered", [True, False])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_other_weights_are_refused_unread(model, damage, registered, request):
    if not registered:
        model = Path(shutil.copytree(model, "own"))
    damage(model / WEIGHTS)
    request.getfixturevalue("nothing_is_read")
    with pytest.raises(UserError, match=r"sha256 differs|is not there, or larger than"):
        idvae.load(model)


def test_the_registry_tells_what_a_changed_config_would_hide(model):
    swap(model / WEIGHTS)
    file = model / "config.yaml"
    config = yaml.safe_load(file.read_text())
    config["released"]["sha256"] = released.sha256_of(model / WEIGHTS)
    file.write_text(yaml.safe_dump(config))
    with pytest.raises(UserError, match="sha256 differs"):
        idvae.load("pretrained/digits-tiny")
    assert idvae.load(shutil.copytree(model, "own"))  # one's own has no other witness


def test_another_model_takes_the_place_of_one_in_the_registry(trained, model, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    (run / "scores.json").unlink()  # of another step
    (run / "conditions.json").unlink()
    before = released.sha256_of(model / WEIGHTS)
    call = ["release", str(run), "digits-tiny", "--step", "15", "--out", str(model)]
    assert main(call) == 2
    assert main([*call, "--overwrite"]) == 0
    assert released.sha256_of(model / WEIGHTS) != before
    assert idvae.load("pretrained/digits-tiny").step == 15


@pytest.mark.parametrize(
    ("place", "to", "words"),
    [
        (("options", "width"), 8, "does not fit the networks"),
        (("released", "step"), -1, "released.step"),
        (("released", "sha256"), 3, "released.sha256"),
        (("released",), [1], "released"),
        (("data", "asked", "n"), "many", "data.asked.n"),
        (("data", "asked", "crop"), "../x", "data.asked.crop"),
    ],
)
def test_a_config_that_fits_nothing_allocates_nothing(model, place, to, words, nothing_is_read):
    file = model / "config.yaml"
    config = inner = yaml.safe_load(file.read_text())
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = to
    file.write_text(yaml.safe_dump(config))
    with pytest.raises(UserError, match=words):
        idvae.load(model)


# ---------------------------------------------------------------------------------- what it is not


def refused(command, words, capsys):
    assert main(command) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["train", "--resume", "pretrained/digits-tiny", "--steps", "99"], "training cannot go on"),
        (["train", "icgan", "--data", "digits-16", "--condition", "labels", "--out", "x",
          "--pretrained", "digits-tiny"], "without all networks of its training"),
        (["release", "digits-tiny", "again"], "is a released model already"),
        (["sample", "digits-tiny", "--step", "15", "--out", "x.png"], "of step 30 alone"),
        (["sample", "digits-tine", "--out", "x.png"], "did you mean digits-tiny?"),
        (["sample", "pretrained/nobody", "--out", "x.png"], "there are digits-tiny"),
        (["evaluate", "digits-tine"], "did you mean digits-tiny?"),
    ],
)  # fmt: skip
def test_what_it_cannot_do_is_told_in_a_line(command, words, capsys):
    refused(command, words, capsys)
    assert not list(Path().iterdir())


def test_where_no_model_comes_along_none_is_promised(home, capsys):
    (home / pretrained.REGISTRY).write_text("{}\n")
    refused(["sample", "nobody", "--out", "x.png"], "nobody: no such run folder", capsys)
    refused(["sample", "pretrained/nobody", "--out", "x.png"], "no pretrained model", capsys)
    assert main(["pretrained"]) == 0
    assert "no model comes" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    ["a: 3", "a: {what: x}", f"../a: {{what: x, sha256: {'0' * 64}}}",
     "a: {what: x, sha256: abc}", "[]", "a: ["],
)  # fmt: skip
def test_a_damaged_registry_is_told(home, text):
    (home / pretrained.REGISTRY).write_text(text)
    with pytest.raises(UserError, match=r"registry\.yaml"):
        idvae.load("pretrained/digits-tiny")


def test_a_damaged_registry_gets_no_model_that_is_not_in_it(home, trained, capsys):
    (home / pretrained.REGISTRY).write_text("a: 3")
    out = home / "another"
    refused(["release", str(trained), "another", "--out", str(out)], "registry.yaml is", capsys)
    assert not out.exists()


def test_a_run_on_points_or_scored_at_another_step_is_not_released(trained, capsys):
    data.prepare("gaussians-ring", n=200)
    start.train("vae", "gaussians-ring", "points", steps=2, batch_size=8)
    refused(["release", "points", "p"], "was trained on points", capsys)
    release = ["release", str(trained), "early"]
    refused([*release, "--step", "15"], "scores.json is of step 30, not 15", capsys)
    run = Path(shutil.copytree(trained, "run"))
    (run / "scores.json").unlink()
    refused(["release", "run", "early", "--step", "15"], "conditions.json is of step 30", capsys)
    (run / "conditions.json").write_text('{"facts": {"step": 30}}')
    refused(["release", "run", "late"], "is no conditions.json", capsys)
    (run / "conditions.json").unlink()
    assert main(["release", "run", "early", "--step", "15"]) == 0
    assert idvae.load("early").step == 15
    assert "## Scores" not in Path("early/README.md").read_text()


def test_nothing_is_overwritten_that_is_no_release(trained, model, capsys):
    release = ["release", str(trained), "digits-tiny", "--out"]
    refused([*release, str(model)], "exists already", capsys)
    (model / "notes.txt").write_text("mine")
    refused([*release, str(model), "--overwrite"], "holds notes.txt", capsys)
    (model / "notes.txt").unlink()
    assert main([*release, str(model), "--overwrite"]) == 0
    refused([*release, str(trained), "--overwrite"], "which this command reads", capsys)
    refused([*release, str(model.parent / "other")], "has the name of the model", capsys)
    refused(["release", str(trained), "../up"], "cannot name a model", capsys)
    assert set(Path().iterdir()) == set()
    assert main(["release", str(trained), "mine"]) == 0
    assert {file.name for file in Path("mine").iterdir()} == PARTS


# ------------------------------------------------------------------------------------- where it is


@pytest.mark.parametrize("name", ["digits-tiny", "pretrained/digits-tiny"])
def test_commands_take_a_name_for_a_run(name, model):
    assert main(["sample", name, "-n", "5", "--out", "a.npz"]) == 0
    with np.load("a.npz") as file:
        np.testing.assert_array_equal(file["images"], idvae.load(model).sample(5))
    asked = ["--set", "3", "-n", "4"]
    assert main(["edit", name, *asked, "--out", "edits.png"]) == 0
    assert main(["reconstruct", name, "-n", "4", "--out", "r.png"]) == 0
    assert main(["interpolate", name, "-n", "4", "--out", "w.png"]) == 0


def test_a_folder_of_that_name_goes_first(model, trained):
    shutil.copytree(trained, "digits-tiny")
    assert not idvae.load("digits-tiny").run.is_released
    assert idvae.load("pretrained/digits-tiny").run.is_released


def test_its_scores_and_judgement_lie_here_and_not_in_it(model, monkeypatch, tmp_path):
    monkeypatch.setenv("IDVAE_CACHE", str(tmp_path / "cache"))
    onnx_files.write("net.onnx")
    scoring = ["--experts", "mine=net.onnx@16", "-n", "20", "--repeats", "1"]
    assert main(["evaluate", "digits-tiny", *scoring]) == 0
    found = Scores.load("scores.json")
    assert found.name == "digits-tiny"
    assert found.about["step"] == 30
    small = [
        "-n",
        "10",
        "--repeats",
        "1",
        "--classifier-steps",
        "3",
        "--expert",
        "mine=net.onnx@16",
    ]
    assert main(["judge", "digits-tiny", *small]) == 0
    assert Path("conditions.json").is_file()
    assert {file.name for file in model.iterdir()} == PARTS


def test_its_data_are_told_by_their_checksum(data_root, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("IDVAE_DATA", str(tmp_path / "elsewhere"))
    reconstruct = ["reconstruct", "digits-tiny", "--out", "r.png"]
    (tmp_path / "elsewhere").mkdir()
    refused(reconstruct, "prepare it: idvae data prepare digits --size 16", capsys)
    data.prepare("digits", size=16, n=100)
    refused(reconstruct, "no prepared set has its checksum", capsys)
    shutil.copytree(data_root / "digits-16", tmp_path / "elsewhere/mine")
    assert main(reconstruct) == 0


def test_a_place_that_a_stranger_names_is_not_looked_at(model, tmp_path, monkeypatch):
    there = shutil.copytree(model, tmp_path / "theirs")
    config = yaml.safe_load((there / "config.yaml").read_text())
    config["data"]["path"] = "http://127.0.0.1:9/set"
    (there / "config.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.setattr("idvae.data.is_there", None)  # what asks a place: to call it is an error
    assert main(["reconstruct", str(there), "--out", "q.png"]) == 0


def test_the_list_names_each(capsys):
    assert main(["pretrained"]) == 0
    line = capsys.readouterr().out.splitlines()[0].split(maxsplit=3)
    assert line[0] == "digits-tiny"
    assert line[3] == "IDVAE+ on digits, 16 px, told 10 classes"


# --------------------------------------------------------------------------------------- its card


def test_the_card_says_what_was_found(model, trained):
    text = (model / "README.md").read_text()
    seen = 30 * 8
    total = Run.open(trained).config["step_macs"] * seen
    for words in (
        "# digits-tiny\n",
        "IDVAE+ on digits, 16 px, told 10 classes.",
        "![samples](samples.png)",
        'idvae.load("pretrained/digits-tiny")',
        f"30 steps, {seen} images in batches of 8, seed 0; {card.with_unit(total)} multiply-adds",
        "CC BY 4.0",
        "idvae data prepare digits --size 16",
        data.open_set("digits-16").checksum,
        "width: 4\n",
        "ema: 0.8\n",
        "condition: labels\n",
        "| expert | Fréchet distance |",
        "| lite0@64 | 62.5 ± 1.8 |",
        "| lite0@64, real data | 5 ± 0.71 |",
        "n = 1,234 images a sample set, 2 sample sets",
        "against 777 real images",
        "| 3 | 97.0 | 87.5 ± 1.0 |",
    ):
        assert words in text, words
    for words in ("save_every", "threads", "grid_every", "device"):
        assert words not in text


def front_matter(folder):
    before, block, _ = (folder / "README.md").read_text().split("---\n", 2)
    assert not before
    return yaml.safe_load(block)


def test_machines_read_what_it_is_and_what_was_found(model, trained):
    """The block above the card, as the Hugging Face hub takes it."""
    task = "unconditional-image-generation"
    told = front_matter(model)
    (about,) = told.pop("model-index")
    assert told == {
        "library_name": "idvae",
        "pipeline_tag": task,
        "tags": ["idvae", "idvae-plus", "autoencoder", "conditional"],
    }
    assert about["name"] == "digits-tiny"
    (result,) = about["results"]
    assert result["task"] == {"type": task}
    assert result["dataset"] == {"name": "digits-16", "type": "digits-16"}
    args = {"expert": "lite0@64", "n": 1234, "sample_sets": 2, "reference_n": 777}
    name = "Fréchet distance, lite0@64"
    assert result["metrics"] == [{"type": "fd", "name": name, "value": 62.5, "args": args}]


@pytest.mark.parametrize(
    ("reference", "told"),
    [("digits-16, training split", True), ("digits-164", False), ("/home/me/faces", False)],
)
def test_scores_against_other_images_are_not_told_to_machines(trained, reference, told):
    run = Path(shutil.copytree(trained, "scored"))
    scores = Scores.load(run / "scores.json")
    scores.about["reference"] = reference
    scores.save(run / "scores.json")
    assert main(["release", str(run), "tiny", "--license", "cc-by-4.0"]) == 0
    values = front_matter(Path("tiny"))
    assert values["license"] == "cc-by-4.0"
    assert ("model-index" in values) == told
    text = Path("tiny/README.md").read_text()
    assert "/home" not in text  # a place of this machine
    assert ("which are not of digits-16 but of" in text) == (not told)
    assert "real data: held-out images" in text


def test_the_example_of_a_card_runs(model):
    found = {}
    exec((model / "README.md").read_text().split("```python\n")[1].split("```")[0], found)
    assert found["edited"].shape == found["again"].shape == (64, 16, 16, 1)
    assert (found["edited"] != found["again"]).any()


def test_the_options_of_a_card_train_it_again(model, trained):
    text = (model / "README.md").read_text()
    Path("o.yaml").write_text(text.split("```yaml\n")[1].split("```")[0])
    command = ["train", "idvae-plus", "--data", "digits-16", "--no-recipe", "--config", "o.yaml"]
    assert main([*command, "--grid-every", "0", "--out", "again"]) == 0
    old, new = idvae.load(trained), idvae.load("again")
    np.testing.assert_array_equal(old.sample(9), new.sample(9))


# --------------------------------------------------------------------- those that come with idvae


def check(folder, entry):
    """What every model in a registry has to be."""
    assert {file.name for file in folder.iterdir()} - {"conditions.npy"} == PARTS - {
        "conditions.npy"
    }
    assert pretrained.size_of(folder) < MOST
    loaded = idvae.load(folder)
    sha256 = loaded.run.config["released"]["sha256"]
    assert sha256 == entry.sha256 == released.sha256_of(folder / WEIGHTS)
    assert f"| sha256 of weights.safetensors | `{sha256}` |" in (folder / "README.md").read_text()
    assert card.what(loaded) == entry.what
    s = loaded.shape
    drawn = loaded.sample(3)
    assert drawn.shape == (3, s.size, s.size, s.channels)
    if loaded.method.reconstructs:
        y = loaded.draw_conditions(0, 3, 0)
        assert loaded.reconstruct(drawn, y).shape == drawn.shape


COMING = {name: (HOME, entry) for name, entry in pretrained.entries(HOME).items()}


@pytest.mark.parametrize("name", ["digits-tiny", *COMING])
def test_each_model_is_small_whole_and_says_its_hash(name, home, monkeypatch):
    where, entry = COMING.get(name, (home, None))
    monkeypatch.setattr(pretrained, "FOLDER", where)
    check(where / name, entry or pretrained.entries(home)[name])


@pytest.mark.parametrize("where", [HOME, None], ids=["idvae", "made"])
def test_each_folder_is_registered(where, home):
    where = where or home
    folders = {f.name for f in where.iterdir() if f.is_dir() and f.name != "__pycache__"}
    assert folders == set(pretrained.entries(where))


def test_wheels_carry_each_file(home):
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    patterns = settings["package-data"]["idvae"]
    places = [f"pretrained/{pretrained.REGISTRY}"]
    places += [f"pretrained/digits-tiny/{part}" for part in PARTS]
    for place in places:
        fitting = [p for p in patterns if fnmatch(place, p) and p.count("/") == place.count("/")]
        assert fitting, place

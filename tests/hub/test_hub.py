"""A run goes to the hub and comes back: exactly a released folder, checked, and nothing unasked."""

import hashlib
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

import idvae
from evaluate import onnx_files
from hub import stand_in
from idvae import data
from idvae.cli import main
from idvae.errors import UserError
from idvae.evaluate.scores import Scores
from idvae.hub import contents, pull
from idvae.release import card
from idvae.training import released, start
from idvae.training.run import WEIGHTS, Run

pytest.importorskip("huggingface_hub", reason="the extra hub is not installed")

OPTIONS = {"width": 4, "z_dim": 3, "batch_size": 8, "grid_every": 0, "threads": 1, "steps": 3}
PARTS = set(contents.FILES)


@pytest.fixture(scope="module")
def trained(data_root, tmp_path_factory):
    data.resolve("digits-16")
    path = tmp_path_factory.mktemp("runs") / "run"
    start.train("idvae-plus", "digits-16", path, condition="labels", **OPTIONS)
    return path


@pytest.fixture(scope="module")
def folder(trained, tmp_path_factory):
    """The run, released."""
    out = tmp_path_factory.mktemp("released") / "digits-tiny"
    command = ["release", str(trained), "digits-tiny", "--out", str(out), "--licence", "mit"]
    assert main(command) == 0
    return out


def bytes_of(place):
    return {file.name: file.read_bytes() for file in Path(place).iterdir()}


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub of this machine, one who is logged in there, and a folder to stand in."""
    import huggingface_hub
    from huggingface_hub import constants

    template = "{repo_id}/resolve/{revision}/{filename}"
    with stand_in.running() as running:
        monkeypatch.setattr(constants, "ENDPOINT", running.address)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", f"{running.address}/{template}"
        )
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.setenv("HF_TOKEN", stand_in.TOKEN)
        monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
        monkeypatch.setenv("IDVAE_CACHE", str(tmp_path / "cache"))
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        yield running
        huggingface_hub.close_session()


@pytest.fixture
def there(hub, folder):
    """The commit of a model that is on the hub already."""
    return hub.put("me/digits-tiny", bytes_of(folder))


def refused(command, words, capsys):
    assert main(command) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("idvae: error: ")
    assert words in message
    return message


# ------------------------------------------------------------------------------------------- push


def test_a_run_is_released_and_pushed_and_comes_back(hub, trained, folder, capsys):
    assert main(["push", str(trained), "me/digits-tiny", "--licence", "mit"]) == 0
    told = capsys.readouterr().out.splitlines()[-1]
    commit = [*hub.repositories["me/digits-tiny"]["versions"]][-1]
    assert told.startswith(f"pushed hf://me/digits-tiny@{commit}, ")
    assert told.endswith(" MB, private")
    assert hub.repositories["me/digits-tiny"]["private"]
    pushed = hub.files("me/digits-tiny")
    assert set(pushed) == PARTS | {".gitattributes"}
    same = PARTS - {"README.md"}
    assert {name: pushed[name] for name in same} == {n: bytes_of(folder)[n] for n in same}
    told = 'idvae.load("hf://me/digits-tiny")'
    assert pushed["README.md"].decode() == bytes_of(folder)["README.md"].decode().replace(
        'idvae.load("path/to/digits-tiny")', told
    )
    assert not list(Path().iterdir())
    model = idvae.load("hf://me/digits-tiny")
    np.testing.assert_array_equal(model.sample(5), idvae.load(folder).sample(5))
    assert main(["pull", "me/digits-tiny"]) == 0
    assert {n: c for n, c in pushed.items() if n in PARTS} == bytes_of("digits-tiny")


def test_a_released_folder_is_pushed_as_it_is(hub, folder):
    assert main(["push", str(folder), "me/other", "--public"]) == 0
    assert not hub.repositories["me/other"]["private"]
    files = hub.files("me/other")
    del files[".gitattributes"]
    assert files == bytes_of(folder)


def test_without_a_token_nothing_is_asked(hub, trained, monkeypatch, capsys):
    monkeypatch.delenv("HF_TOKEN")
    refused(["push", str(trained), "me/x"], "log in by `hf auth login`, or set HF_TOKEN", capsys)
    assert not hub.calls


def test_what_is_there_is_not_replaced_unasked(hub, folder, there, capsys):
    command = ["push", str(folder), "me/digits-tiny", "--public"]
    refused(command, "holds files; choose another name or pass --overwrite", capsys)
    hub.put("me/digits-tiny", {**bytes_of(folder), WEIGHTS: b"older"})
    assert main([*command, "--overwrite"]) == 0
    assert hub.files("me/digits-tiny")[WEIGHTS] == bytes_of(folder)[WEIGHTS]
    assert len(hub.repositories["me/digits-tiny"]["versions"]) == 3


def test_a_file_that_is_no_part_any_more_goes(hub, folder, there, tmp_path):
    smaller = shutil.copytree(folder, tmp_path / "smaller")
    (smaller / "samples.png").unlink()
    assert main(["push", str(smaller), "me/digits-tiny", "--public", "--overwrite"]) == 0
    assert set(hub.files("me/digits-tiny")) == PARTS - {"samples.png"} | {".gitattributes"}


def test_another_model_is_left_alone(hub, folder, capsys):
    hub.put("me/bert", {"config.json": b"{}", "README.md": b"mine"}, private=True)
    command = ["push", str(folder), "me/bert", "--overwrite"]
    refused(command, "holds config.json, which is no part of a released model", capsys)
    assert hub.files("me/bert")["README.md"] == b"mine"


def test_a_push_never_makes_public_what_was_not_to_be(hub, folder, capsys):
    hub.put("me/public", {})
    refused(["push", str(folder), "me/public"], "is there and public; pass --public", capsys)
    hub.put("me/private", {}, private=True)
    command = ["push", str(folder), "me/private", "--public"]
    refused(command, "is there and private; leave --public out", capsys)
    assert not [call for call in hub.calls if not call.startswith("GET")]


def test_no_other_file_goes_along(hub, folder, tmp_path, capsys):
    own = shutil.copytree(folder, tmp_path / "own")
    (own / "notes.txt").write_text("mine")
    words = "holds notes.txt, which is no part of a released model"
    refused(["push", str(own), "me/x"], words, capsys)
    assert not hub.repositories


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--step", "3"], "is pushed as it is; leave --step and --licence out"),
        (["--licence", "mit"], "is pushed as it is; leave --step and --licence out"),
    ],
)
def test_a_card_that_is_there_is_not_changed(hub, folder, more, words, capsys):
    refused(["push", str(folder), "me/x", *more], words, capsys)


def test_damaged_weights_are_not_pushed(hub, folder, tmp_path, capsys):
    own = shutil.copytree(folder, tmp_path / "own")
    save_file({name: t + 1 for name, t in load_file(own / WEIGHTS).items()}, own / WEIGHTS)
    refused(["push", str(own), "me/x"], "its sha256 differs", capsys)
    assert not hub.repositories


@pytest.mark.parametrize(
    ("status", "words"), [(403, "your token may not do this"), (500, "the hub answered 500")]
)
def test_a_hub_that_refuses_is_told_in_a_line(hub, folder, status, words, capsys):
    hub.status = status
    refused(["push", str(folder), "me/x"], words, capsys)


def test_a_version_that_came_between_is_not_lost(hub, folder, capsys, monkeypatch):
    from idvae.hub import push

    hub.put("me/x", {"README.md": b"first"}, private=True)
    look = push.look

    def and_another(*arguments):
        place = look(*arguments)
        hub.put("me/x", {"README.md": b"of another"})
        return place

    monkeypatch.setattr(push, "look", and_another)
    command = ["push", str(folder), "me/x", "--overwrite"]
    refused(command, "the hub answered 412", capsys)
    assert hub.files("me/x")["README.md"] == b"of another"


# ------------------------------------------------------------------------------------------- pull


def test_only_known_files_are_fetched(hub, folder):
    evil = pickle.dumps(print)
    others = {"pytorch_model.bin": evil, "x/config.yaml": b"", "run.py": b"", "model.pt": evil}
    hub.put("me/mixed", {**bytes_of(folder), **others})
    assert main(["pull", "me/mixed", "--out", "own"]) == 0
    assert bytes_of("own") == bytes_of(folder)
    assert set(hub.fetched()) == PARTS


def test_a_command_takes_an_address(hub, there):
    assert main(["sample", "hf://me/digits-tiny", "-n", "4", "--out", "s.png"]) == 0
    assert main(["reconstruct", f"hf://me/digits-tiny@{there}", "-n", "4", "--out", "r.npz"]) == 0
    onnx_files.write("net.onnx")
    scoring = ["--experts", "mine=net.onnx@16", "-n", "20", "--repeats", "1"]
    assert main(["evaluate", "hf://me/digits-tiny", *scoring, "--metrics", "fd"]) == 0
    assert Scores.load("scores.json").name == "digits-tiny"  # here, and not in the cache
    assert hub.fetched() == [*contents.FILES]  # once


def test_a_commit_in_the_cache_needs_no_network(hub, there):
    idvae.load("hf://me/digits-tiny")
    asked = len(hub.calls)
    assert idvae.load(f"hf://me/digits-tiny@{there}").run.path.name == "digits-tiny"
    assert len(hub.calls) == asked


def test_a_new_version_is_found(hub, there, folder, tmp_path):
    old = idvae.load("hf://me/digits-tiny").run.path
    text = (folder / "README.md").read_bytes() + b"more\n"
    commit = hub.put("me/digits-tiny", {**bytes_of(folder), "README.md": text})
    new = Run.open("hf://me/digits-tiny").path
    assert new != old
    assert new.parent.name == commit
    assert (new / "README.md").read_bytes() == text
    assert Run.open(f"hf://me/digits-tiny@{there}").path == old


def test_a_private_model_needs_who_may_see_it(hub, folder, monkeypatch, capsys):
    hub.put("me/secret", bytes_of(folder), private=True)
    assert idvae.load("hf://me/secret").step == 3
    monkeypatch.delenv("HF_TOKEN")
    words = "there is no me/secret, or it is not yours to see; mend the name, or log in by"
    refused(["pull", "me/secret"], words, capsys)


def test_a_token_stays_with_the_hub(hub, there):
    idvae.load("hf://me/digits-tiny")
    brought = dict(zip(hub.calls, hub.tokens, strict=True))
    assert {token for call, token in brought.items() if "/lfs/" in call} == {None}
    assert {t for call, t in brought.items() if "/lfs/" not in call} == {f"Bearer {stand_in.TOKEN}"}


def other_weights(folder, tmp_path):
    """The same names and shapes with other numbers."""
    file = tmp_path / "other.safetensors"
    save_file({name: t + 1 for name, t in load_file(folder / WEIGHTS).items()}, file)
    return file.read_bytes()


def test_other_weights_are_refused_unread(hub, there, folder, tmp_path, monkeypatch, capsys):
    hub.served[WEIGHTS] = other_weights(folder, tmp_path)
    assert len(hub.served[WEIGHTS]) == (folder / WEIGHTS).stat().st_size

    def never(*_):
        raise AssertionError("tensors were about to be read")

    monkeypatch.setattr("idvae.training.checkpoints.load_file", never)
    monkeypatch.setattr("torch.load", never)
    for command in (
        ["pull", "me/digits-tiny"],
        ["sample", "hf://me/digits-tiny", "--out", "s.png"],
    ):
        refused(command, "is not the one that was released: its sha256 differs", capsys)
    assert not list(Path().iterdir())
    assert not list((tmp_path / "cache").rglob(WEIGHTS))


@pytest.mark.parametrize("name", sorted(PARTS))
def test_a_file_that_is_too_large_is_not_fetched(hub, there, name, capsys):
    hub.sizes[name] = contents.FILES[name] + 1
    refused(["pull", "me/digits-tiny"], f"holds a {name} of {hub.sizes[name]:,} bytes", capsys)
    assert not hub.fetched()


@pytest.mark.parametrize(
    ("more", "words"), [(1, "broke off after"), (-1, "has more than"), (None, "of no known size")]
)
def test_a_size_that_is_no_truth_is_noticed(hub, there, folder, more, words, capsys):
    size = (folder / WEIGHTS).stat().st_size
    hub.sizes[WEIGHTS] = None if more is None else size + more
    refused(["pull", "me/digits-tiny"], words, capsys)
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"README.md": b""}, "is no released model: it has no config.yaml and no weights"),
        ({"config.yaml": b"a: 1", WEIGHTS: b""}, "its config.yaml names no sha256"),
        ({"config.yaml": b"released: {sha256: x}", WEIGHTS: b""}, "names no sha256"),
        ({"config.yaml": b"a: !!python/name:os.system", WEIGHTS: b""}, "cannot be read as YAML"),
        (
            {
                "config.yaml": f"released: {{sha256: {hashlib.sha256(b'').hexdigest()}}}".encode(),
                WEIGHTS: b"",
            },
            "is damaged: it lacks data, format, method, options",
        ),
    ],
    ids=range(5),
)
def test_what_is_no_released_model(hub, files, words, capsys):
    hub.put("me/x", files)
    refused(["pull", "me/x"], words, capsys)
    assert not list(Path().iterdir())


def test_nothing_is_replaced_unasked(hub, there, folder, capsys):
    Path("digits-tiny").mkdir()
    refused(["pull", "me/digits-tiny"], "digits-tiny exists already", capsys)
    words = "digits-tiny is not a released model, so --overwrite leaves it alone"
    refused(["pull", "me/digits-tiny", "--overwrite"], words, capsys)
    assert not hub.calls
    Path("digits-tiny").rmdir()
    assert main(["pull", "me/digits-tiny"]) == 0
    assert main(["pull", "me/digits-tiny", "--overwrite"]) == 0
    assert bytes_of("digits-tiny") == bytes_of(folder)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("me/nobody", "there is no me/nobody, or it is not yours to see"),
        ("me/digits-tiny@v9", "me/digits-tiny has no such revision"),
        ("nobody", "names no model of the hub; it is OWNER/NAME"),
    ],
)
def test_what_is_not_there(hub, there, address, words, capsys):
    refused(["pull", address], words, capsys)
    refused(["sample", f"hf://{address}", "--out", "s.png"], words, capsys)


def test_no_network_is_told_in_a_line(hub, there, monkeypatch, capsys):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:1")
    command = ["sample", "hf://me/digits-tiny", "--out", "s.png"]
    message = refused(command, "the hub cannot be reached", capsys)
    assert "is here and needs no network" not in message
    monkeypatch.setattr(constants, "ENDPOINT", hub.address)
    assert main(command) == 0
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    words = f"HF_HUB_OFFLINE is set; unset it; hf://me/digits-tiny@{there} is here and needs no"
    refused([*command, "--overwrite"], words, capsys)


def test_without_the_package_it_says_what_to_install(hub, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    refused(["pull", "me/x"], "pip install 'idvae[hub]'", capsys)


def test_by_the_environment_alone(hub, there, folder, tmp_path):
    """As a user does it, in a process that has never heard of this test."""
    own = {
        "HF_ENDPOINT": hub.address,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(tmp_path / "hf"),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, "-m", "idvae", "pull", "me/digits-tiny"]
    done = subprocess.run(
        command, env={**os.environ, **own}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert bytes_of("digits-tiny") == bytes_of(folder)


# --------------------------------------------------------------------------------- what it is of


def test_the_list_of_files_is_that_of_a_released_folder(folder):
    assert set(bytes_of(folder)) == PARTS
    assert {WEIGHTS, "config.yaml", "conditions.npy", card.FILE, card.PICTURE} == PARTS
    assert released.sha256_of(folder / WEIGHTS) == Run.open(folder).config["released"]["sha256"]


def test_loading_a_local_model_asks_no_one(hub, folder):
    idvae.load(folder)
    with pytest.raises(UserError, match="no such run folder"):
        idvae.load("hf-me/nobody")
    assert not hub.calls


def test_the_cache_is_filled_whole_or_not_at_all(hub, there, monkeypatch, tmp_path):
    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(pull, "_download", killed)
    with pytest.raises(KeyboardInterrupt):
        idvae.load("hf://me/digits-tiny")
    assert not [file for file in (tmp_path / "cache").rglob("*") if file.is_file()]


def test_the_front_matter_is_what_the_hub_reads(folder):
    from huggingface_hub import ModelCard

    read = ModelCard((folder / "README.md").read_text("utf-8")).data
    assert read.library_name == "idvae"
    assert read.license == "mit"
    assert read.pipeline_tag == "unconditional-image-generation"
    assert read.tags == ["idvae", "idvae-plus", "autoencoder", "conditional"]
    assert read.eval_results is None


def test_a_licence_is_an_identifier(trained, capsys):
    words = "is no identifier of the hub's; it is one such as mit"
    refused(["release", str(trained), "x", "--licence", "My Own"], words, capsys)


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_model_that_was_damaged_in_the_cache_is_fetched_anew(hub, there, damage):
    place = idvae.load("hf://me/digits-tiny").run.path
    whole = (place / WEIGHTS).read_bytes()
    if damage == "cut":
        (place / WEIGHTS).write_bytes(whole[:100])
    else:
        (place / WEIGHTS).unlink()
    assert idvae.load(f"hf://me/digits-tiny@{there}").run.path == place
    assert (place / WEIGHTS).read_bytes() == whole

"""The commands of README and docs, page by page, are run as they stand there, in a short form."""

import os
import re
import shlex
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from idvae import data
from idvae.cli import main
from idvae.io import strict_yaml
from test_docs import PAGES, arguments, fenced, named

# What makes a command short: flags that come last win.
TRAIN = ["--width", "4", "--batch-size", "8", "--threads", "1", "--log-every", "1"]
SHORT = {
    "evaluate": ["--experts", "lite0@32", "-n", "8", "--reference-n", "40", "--repeats", "1"],
}
ASKED_FOR = ("mnist", "cifar10", "celeba")  # sets that a reader has and a test has not
# A hub, a cluster, what ends by Ctrl-C, and a classifier of more images than there are.
ELSEWHERE = ("push", "pull", "prepare hub", "hf://", "slurm", "demo", "judge")
PLAN = """
methods: {vae: , idvae: }
data: [digits]
seeds: [0, 1]
options: {steps: 2, width: 4, batch_size: 8, threads: 1}
evaluate: {experts: "lite0@32", n: 8, repeats: 1, reference_n: 40}
"""
SEARCH = """
methods: {vae: {beta: {low: 0.01, high: 1, log: true}}}
trials: 2
data: [digits]
seeds: [0]
options: {steps: 2, width: 4, batch_size: 8, threads: 1}
objective: {expert: lite0@32, metric: fd}
evaluate: {n: 8, repeats: 1, reference_n: 40}
search_seed: 0
"""


def short(words):
    """The same command with less to do, or None where it needs what only a reader has."""
    text = " ".join(words)
    if any(re.search(rf"\b{name}\b(?!-idvae)", text) for name in ASKED_FOR):
        return None
    if "results/" in text or "replication/" in text:  # hours
        return None
    if any(name in text for name in ELSEWHERE):
        return None
    words = [os.path.expanduser(word) for word in words]
    words = [re.sub(r"^NAME$", "fashion-mnist-32", word) for word in words]
    words = [
        str(path)
        for word in words
        for path in (sorted(Path().glob(word)) if "*" in word or "?" in word else [word])
    ]
    if words[0] == "train" and words[1] == "--resume":
        return [*words[:3], "--steps", "4"]
    if words[0] == "train":
        return [*words, "--steps", "2", *TRAIN]
    if words[0] == "evaluate" and "--probe" in words:
        return [*words, "--probe-n", "40"]
    return [*words, *SHORT.get(words[0], [])]


@pytest.fixture
def place(tmp_path, monkeypatch, data_root):
    """A home with photos, a tar of them, a plan and a search, and small drawn faces."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    if not (data_root / "avatars-32").exists():
        data.prepare("avatars", size=32, n=60)
    shutil.copytree(data_root / "avatars-32", tmp_path / "data" / "avatars-32")
    monkeypatch.setenv("IDVAE_DATA", str(tmp_path / "data"))  # each page prepares its own
    faces = data.open_set("avatars-32").split("train")
    rows = np.arange(120) % len(faces)
    for folder in ("photos", "faces", "some/folder"):
        (tmp_path / folder).mkdir(parents=True)
        for i, image in enumerate(faces.gather(rows)):
            Image.fromarray(image).save(tmp_path / folder / f"{i:03d}.png")
    (tmp_path / "tars").mkdir()
    with tarfile.open(tmp_path / "tars" / "000.tar", "w") as tar:
        for image in sorted((tmp_path / "photos").iterdir()):
            tar.add(image, image.name)
    names = list(data.open_set("avatars-32").attribute_names)
    table = [",".join(["path", *names])]
    attributes = np.asarray(faces.attributes(rows))
    table += [",".join([f"{i:03d}.png", *map(str, row)]) for i, row in enumerate(attributes)]
    for name in ("faces.csv", "table.csv"):
        (tmp_path / name).write_text("\n".join(table) + "\n", "utf-8")
    for name, plan in (("plan.yaml", PLAN), ("search.yaml", SEARCH)):
        (tmp_path / name).write_text(plan, "utf-8")
        strict_yaml.read_mapping(tmp_path / name)
    return tmp_path


def callers():
    return [page for page in PAGES if any(map(arguments, fenced(page)))]


@pytest.mark.slow
@pytest.mark.parametrize("page", callers(), ids=named)
def test_a_page_runs_from_top_to_bottom(page, place, capsys):
    pytest.importorskip("efficientnet_lite_pytorch", reason="experts need idvae[experts]")
    made = set()
    for words in map(arguments, fenced(page)):
        command = short(words) if words else None
        if command is None or (command[0] != "data" and missing(command, made)):
            continue
        if "--out" in command:
            made.add(command[command.index("--out") + 1])
        assert main(command) == 0, f"idvae {shlex.join(command)}: {capsys.readouterr().err}"


def missing(command, made):
    """A run of another page, or of a set that a test has not; what this page makes is there."""
    runs = [word for word in command[1:] if word.startswith("runs/") and word not in made]
    new = command[command.index("--out") + 1] if "--out" in command else None
    return any(run != new and not Path(run).exists() for run in runs)

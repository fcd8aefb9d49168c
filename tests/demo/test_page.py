"""There is a page for every kind of model of images."""

import json
import subprocess
import sys

import pytest
from PIL import Image

import idvae
from idvae import data

pytest.importorskip("gradio", reason="the demo is drawn by gradio, the extra demo")

OPTIONS = {"steps": 1, "batch_size": 8, "grid_every": 0, "threads": 1, "width": 4}
TABS = {
    ("idvae", None): ["Generate", "Reconstruct", "Interpolate", "Discriminator"],
    ("idvae", "labels"): ["Generate", "Reconstruct", "Edit", "Interpolate", "Discriminator"],
    ("vae", None): ["Generate", "Reconstruct", "Interpolate"],
    ("gan", None): ["Generate", "Interpolate", "Discriminator"],
    ("gan", "labels"): ["Generate", "Interpolate", "Discriminator"],
}
GUESSED = [None, True, None, None, None]  # whether an image's class is found
# In a process of its own: Gradio leaves loops of events open.
SCRIPT = """
import json, sys
from pathlib import Path
import gradio, idvae
from idvae.demo.page import Chosen, page

for run in sys.argv[2:]:
    model = idvae.load(run)
    parts = page(model, "run").blocks.values()
    tabs = [p.label for p in parts if isinstance(p, gradio.Tab)]
    with gradio.Blocks():
        name = Chosen(model, "image", 0).guess(Path(sys.argv[1]))
    print(json.dumps([tabs, None if name is None else name in model.condition.names]))
"""


def test_it_has_the_tabs_that_the_model_can_fill_and_guesses_a_class(data_root, tmp_path):
    data.prepare("digits", size=16, n=200)
    runs = [
        idvae.train(method, "digits-16", tmp_path / f"{i}", condition=condition, **OPTIONS).path
        for i, (method, condition) in enumerate(TABS)
    ]
    Image.new("L", (16, 16), 90).save(tmp_path / "image.png")
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "image.png"), *map(str, runs)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert told.returncode == 0, told.stderr
    found = [json.loads(line) for line in told.stdout.splitlines()]
    assert [tabs for tabs, _ in found] == list(TABS.values())
    assert [name for _, name in found] == GUESSED

"""There is a page for every kind of model of images."""

import json
import subprocess
import sys

import pytest

import idvae
from idvae import data

pytest.importorskip("gradio", reason="the demo is drawn by gradio, the extra demo")

OPTIONS = {"steps": 1, "batch_size": 8, "grid_every": 0, "threads": 1, "width": 4}
TABS = {
    ("idvae", None): ["Generate", "Reconstruct", "Interpolate", "Discriminator"],
    ("idvae", "labels"): ["Generate", "Reconstruct", "Edit", "Interpolate", "Discriminator"],
    ("vae", None): ["Generate", "Reconstruct", "Interpolate"],
    ("gan", None): ["Generate", "Interpolate", "Discriminator"],
}
# In a process of its own: Gradio leaves loops of events open.
SCRIPT = """
import json, sys
import gradio, idvae
from idvae.demo.page import page

for run in sys.argv[1:]:
    parts = page(idvae.load(run), "run").blocks.values()
    print(json.dumps([p.label for p in parts if isinstance(p, gradio.Tab)]))
"""


def test_it_has_the_tabs_that_the_model_can_fill(data_root, tmp_path):
    data.prepare("digits", size=16, n=200)
    runs = [
        idvae.train(method, "digits-16", tmp_path / f"{i}", condition=condition, **OPTIONS).path
        for i, (method, condition) in enumerate(TABS)
    ]
    told = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, runs)], capture_output=True, text=True, timeout=100
    )
    assert told.returncode == 0, told.stderr
    assert [json.loads(line) for line in told.stdout.splitlines()] == list(TABS.values())

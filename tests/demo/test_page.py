"""There is a page for every kind of model of images."""

import pytest

import idvae
from idvae import data

gradio = pytest.importorskip("gradio", reason="the demo is drawn by gradio, the extra demo")

OPTIONS = {"steps": 1, "batch_size": 8, "grid_every": 0, "threads": 1, "width": 4}


@pytest.mark.parametrize(
    ("method", "condition", "tabs"),
    [
        ("idvae", None, ["Generate", "Reconstruct", "Interpolate", "Discriminator"]),
        ("idvae", "labels", ["Generate", "Reconstruct", "Edit", "Interpolate", "Discriminator"]),
        ("vae", None, ["Generate", "Reconstruct", "Interpolate"]),
        ("gan", None, ["Generate", "Interpolate", "Discriminator"]),
    ],
)
def test_it_has_the_tabs_that_the_model_can_fill(method, condition, tabs, data_root, tmp_path):
    from idvae.demo.page import page

    data.prepare("digits", size=16, n=200)
    run = idvae.train(method, "digits-16", tmp_path / "run", condition=condition, **OPTIONS)
    made = page(idvae.load(run.path), "run")
    kinds = made.blocks.values()
    assert [b.label for b in kinds if isinstance(b, gradio.Tab)] == tabs

"""Fonts and colours lie in one place; figures leave a caller's own alone."""

import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from PIL import Image

import idvae
from idvae.pictures import theme
from idvae.pictures.curves import save_curves

PACKAGE = Path(idvae.__file__).parent
DATA = PACKAGE / "data"  # colours there are those of drawn faces


def test_labels_have_greek_letters():
    font = theme.font(20)
    missing = bytes(font.getmask("\U0010fffd"))
    for letter in "αβγλμσω":
        assert bytes(font.getmask(letter)) != missing


@pytest.mark.parametrize("word", ["pyplot", "truetype", "findfont", "rcParams", "cmap="])
def test_no_other_module_chooses_a_font_or_a_map(word):
    using = [p.name for p in PACKAGE.rglob("*.py") if re.search(rf"\b{word}", p.read_text("utf-8"))]
    assert set(using) <= {"theme.py"}


def test_no_other_module_names_a_colour():
    for path in PACKAGE.rglob("*.py"):
        if path.name != "theme.py" and DATA not in path.parents:
            assert not re.search(
                r"[\"']#[0-9a-fA-F]{3,8}[\"']|color=\"(?!\*)", path.read_text("utf-8")
            ), path


def test_a_figure_is_in_the_theme_and_leaves_pyplot_as_it_was(tmp_path):
    before = dict(matplotlib.rcParams), matplotlib.get_backend(), pyplot.get_fignums()
    with theme.figure((4, 2), lines=2, columns=3) as (figure, axes):
        assert axes.shape == (2, 3)
        assert matplotlib.rcParams["svg.fonttype"] == "none"
        axes[0, 0].set_title("ω against Dis(x̃)")
        theme.save(figure, tmp_path / "f.svg")
        theme.save(figure, tmp_path / "f.png", dpi=50)
    assert (dict(matplotlib.rcParams), matplotlib.get_backend(), pyplot.get_fignums()) == before
    words = (tmp_path / "f.svg").read_text(encoding="utf-8")
    assert "ω against Dis(x̃)" in words
    assert theme.FONT in words
    assert "<dc:date>" not in words
    with Image.open(tmp_path / "f.png") as picture:
        assert picture.size == (200, 100)


def test_curves_are_drawn_one_panel_a_metric_on_paper(tmp_path):
    rows = [{"step": s, "loss_enc": 1 / s, "images_per_s": 9.0} for s in (1, 2, 3)]
    save_curves(tmp_path / "one.png", rows, "VAE")
    save_curves(tmp_path / "two.png", [row | {"dis_x": 0.5} for row in rows], "VAE")
    with Image.open(tmp_path / "one.png") as one, Image.open(tmp_path / "two.png") as two:
        assert two.size == (2 * one.width, one.height)
        assert (np.asarray(one.convert("L"))[0] == theme.BLANK).all()

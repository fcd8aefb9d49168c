"""Figures as files: whole pictures, one for each row."""

import numpy as np
from PIL import Image

from idvae.report.page import papers
from idvae.report.page.subject import Conditional, Shown, Ways
from report.made import entry
from report.page.test_document import subject


def images(*shape):
    return np.zeros((*shape, 16, 16, 1), np.uint8)


def test_table_2_has_as_many_generations_as_originals(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(papers, "save_mosaic", lambda path, real, strips: seen.append(strips))
    shown = Shown(originals=images(3), of_set={"IDVAE"})
    shown.ways["GAN"], shown.generations["GAN"] = Ways(images(4, 8), real=False), images(10)
    shown.generations["IDVAE"], shown.reconstructions["IDVAE"] = images(10), images(3)
    papers.save(tmp_path, subject([entry(tmp_path / "r")], shown))
    ((strip,),) = seen
    assert len(strip.generations) == len(strip.reconstructions) == 3
    assert strip.name == "IDVAE"  # the GAN, which has no encoder, is of another set


def test_grey_and_coloured_models_are_in_one_picture(tmp_path):
    shown = Shown()
    shown.ways["grey"] = Ways(images(4, 8), real=False)
    shown.ways["coloured"] = Ways(np.full((4, 8, 16, 16, 3), (9, 90, 200), np.uint8), real=False)
    papers.save(tmp_path, subject([entry(tmp_path / "r")], shown))
    with Image.open(tmp_path / "interpolations.png") as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 16)}
    assert {(0, 0, 0), (9, 90, 200)} <= colours


def test_rows_whose_names_begin_alike_have_pictures_of_their_own(tmp_path):
    long = "IDVAE+ (batch_size 32, condition labels, lambda_dec 0.1, lambda_dis 0.5, lr 0.00"
    shown = Shown()
    for end in ("1)", "2)"):
        shown.conditional[long + end] = Conditional(("a",), images(1, 8), None, None)
    papers.save(tmp_path, subject([entry(tmp_path / "r")], shown))
    assert len(list(tmp_path.glob("figure4-*.png"))) == 2

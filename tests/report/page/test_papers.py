"""Figures as files: whole pictures, one for each row."""

import numpy as np

from idvae.report.page import papers
from idvae.report.page.subject import Conditional, Shown
from report.made import entry
from report.page.test_document import subject


def images(*shape):
    return np.zeros((*shape, 16, 16, 1), np.uint8)


def test_table_2_has_as_many_generations_as_originals(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(papers, "save_mosaic", lambda path, real, strips: seen.append(strips))
    shown = Shown(originals=images(3))
    shown.generations["IDVAE"], shown.reconstructions["IDVAE"] = images(10), images(3)
    papers.save(tmp_path, subject([entry(tmp_path / "r")], shown))
    ((strip,),) = seen
    assert len(strip.generations) == len(strip.reconstructions) == 3


def test_rows_whose_names_begin_alike_have_pictures_of_their_own(tmp_path):
    long = "IDVAE+ (batch_size 32, condition labels, lambda_dec 0.1, lambda_dis 0.5, lr 0.00"
    shown = Shown()
    for end in ("1)", "2)"):
        shown.conditional[long + end] = Conditional(("a",), images(1, 8), None, None)
    papers.save(tmp_path, subject([entry(tmp_path / "r")], shown))
    assert len(list(tmp_path.glob("figure4-*.png"))) == 2

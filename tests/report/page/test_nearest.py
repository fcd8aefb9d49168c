"""What is said of neighbours."""

import re

import numpy as np

from idvae.report.page import nearest
from idvae.report.page.album import Album
from idvae.report.page.subject import Nearest, Shown


def test_a_model_that_copies_is_seen():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (8, 4, 4, 1), np.uint8)
    shown = Shown(training_images=500, test_distances=np.linspace(0.2, 0.4, 100))
    for name, distances in (("copier", np.zeros(64)), ("other", np.full(64, 0.3))):
        neighbours = np.stack([images] * 3, 1)
        shown.nearest[name] = Nearest(images, neighbours, distances)
    html = nearest.section(shown, Album())
    rows = re.findall(r'<tr><th scope="row"[^>]*>([^<]+)</th>(.*?)</tr>', html)
    cells = {name: re.findall(r">([\d.%]+)</td>", rest) for name, rest in rows}
    assert cells["copier"] == ["0.000", "0.000", "100.0%"]
    assert cells["other"] == ["0.300", "0.300", "0.0%"]
    assert cells[nearest.REAL] == ["0.200", "0.300", "5.0%"]
    assert "500 training images" in html
    assert nearest.section(Shown(), Album()) is None

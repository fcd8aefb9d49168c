"""The whole page: what it may weigh, and what no name in it can do."""

import re

import numpy as np
import pytest
from PIL import Image

from idvae.evaluate.scores import Scores
from idvae.pictures.grids import grid
from idvae.report.page.document import page
from idvae.report.page.subject import Nearest, Shown, Subject, Ways, grouped, table_of
from idvae.report.rows import Entry
from report.made import a_run, entry

LIMIT = 15_000_000  # bytes of a page of 30 runs


def subject(entries, shown=None):
    rows, scored = grouped(entries, [], [])
    made = table_of([row for row in scored if row.scores.row], "fd")
    shown = shown or Shown()
    return Subject(rows, tuple(entries), scored, made, None, "fd", (), "idvae report", shown)


def test_a_name_is_a_name_whatever_it_holds(tmp_path):
    made = entry(tmp_path / "r", checksum='<img src="http://x/">')
    made.run.append_metrics({"step": 101, "</script><b>": 1.0})
    text = page(subject([Entry(made.scores, made.run, "<i>VAE</i> **x**")]))
    assert "<i>" not in text
    assert "<b>" not in text
    assert "<img" not in text
    assert "&lt;img src=&quot;http://x/&quot;&gt;" in text
    assert len(re.findall("</script>", text)) == 1
    assert "default-src 'none'" in text.replace("&#x27;", "'")


@pytest.mark.slow
def test_thirty_runs_fit_though_their_pictures_are_noise(tmp_path):
    rng = np.random.default_rng(0)

    def noise(*shape):
        return rng.integers(0, 256, (*shape, 64, 64, 3), np.uint8)

    shown = Shown(originals=noise(10), test_distances=np.ones(9), training_images=9)
    entries = []
    for i in range(30):
        run = a_run(tmp_path / str(i), "vae", z_dim=i)
        for step in range(101, 301):
            run.append_metrics({"step": step} | {f"loss_{n}": rng.random() for n in range(12)})
        (run.path / "samples").mkdir()
        for step in range(4):
            frame = Image.fromarray(grid(noise(64)))
            frame.save(run.path / f"samples/{step:08d}.png", compress_level=0)
        entries.append(Entry(Scores(str(i), {"n": 1}, {}), run, "VAE"))
    for row in grouped(entries, [], [])[0]:
        shown.generations[row.name] = noise(10)
        shown.reconstructions[row.name] = noise(10)
        shown.ways[row.name] = Ways(noise(4, 10), True)
        shown.nearest[row.name] = Nearest(noise(8), noise(8, 3), np.ones(9))
    text = page(subject(entries, shown))
    assert text.count('class="film"') == 30
    assert text.count('class="frame') == 90
    assert len(text.encode()) <= LIMIT

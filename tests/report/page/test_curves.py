"""Curves of all runs, and their tables."""

import re

from idvae.report.page import curves
from idvae.report.rows import rows_of
from report.made import entry


def made(tmp_path):
    entries = []
    for method, seed in (("vae", 0), ("vae", 1), ("idvae", 0)):
        one = entry(tmp_path / f"{method}-{seed}", method, seed)
        for step in range(101, 301):
            row = {"step": step, "recons": 1000.0 / step, "images_per_s": 1.0}
            one.run.append_metrics(row | ({"dis_x": 0.5} if method == "idvae" else {}))
        one.run.append_metrics({"step": 301, "recons": float("inf")})
        entries.append(one)
    return rows_of(entries)


def test_a_panel_holds_every_run_that_noted_it(tmp_path):
    panels = curves.panels(made(tmp_path), {"VAE": 0, "IDVAE": 1})
    assert [panel.title for panel in panels] == ["recons", "dis_x"]
    lines = [(line.name, line.about, line.colour) for line in panels[0].lines]
    assert lines == [("VAE", "seed 0", 0), ("VAE", "seed 1", 0), ("IDVAE", "seed 0", 1)]
    points = panels[0].lines[0].points
    assert points[0] == (101, 1000 / 101)
    assert points[-1] == (300, 1000 / 300)  # what is not finite is not drawn
    assert 100 < len(points) <= curves.MOST


def test_a_table_stands_under_each_panel(tmp_path):
    colours = {"VAE": 0, "IDVAE": 1}
    html = curves.section(curves.panels(made(tmp_path), colours), colours)
    assert html.count("<svg") == 2 + 2  # panels, and keys of the legend
    assert html.count("<table") == 2
    first = html[: html.index("dis_x")]
    assert '<th scope="row" data-key="VAE, seed 1">' in first
    assert re.findall(r'data-key="([\d.]+)">[\d.]+</td></tr>', first) == ["3.333"] * 3
    assert curves.section([], colours) is None

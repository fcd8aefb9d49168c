"""Panels of lines and bars, as files for papers."""

import numpy as np
from PIL import Image

from idvae.pictures import theme
from idvae.pictures.bars import save_bars
from idvae.pictures.chart import Bar, Bars, Interval, Intervals, Line, Panel
from idvae.pictures.intervals import save_intervals
from idvae.pictures.panels import save_panels


def test_panels_have_one_legend_and_ranks_their_names_at_the_lines(tmp_path):
    lines = [Line(f"row {i}", ((0.0, 1.0 + i), (10.0, 200.0)), i) for i in range(9)]
    ranks = Panel("places", "expert", (Line("α-GAN", ((0.0, 1.0), (1.0, 2.0))),), ("a", "b"), True)
    files = [tmp_path / "p.png", tmp_path / "p.svg"]
    save_panels(files, [Panel("loss", "step", tuple(lines)), ranks])
    svg = files[1].read_text("utf-8")
    assert [svg.count(f">row {i}<") for i in range(9)] == [1] * 9
    assert svg.count(">α-GAN<") == 1
    assert "stroke-dasharray" in svg  # the ninth line has the colour of the first
    with Image.open(files[0]) as picture:
        assert np.asarray(picture.convert("L")).std() > 10


def test_a_scale_is_logarithmic_where_values_say_so():
    def panel(*values):
        return Panel("x", "step", (Line("a", tuple((float(i), v) for i, v in enumerate(values))),))

    assert panel(0.01, 1.0).is_log
    assert not panel(0.5, 1.0).is_log
    assert not panel(0.0, 100.0).is_log
    assert panel(0.5, 3.0).bounds == (0.0, 1.0, 0.5, 3.0)


def test_bars_reach_as_far_as_all_that_is_drawn(tmp_path):
    chart = Bars("error", (Bar("a", 1.0, 0.5, 1.5, "1.0", (0.2, 4.0)), Bar("b", 2.0, 2, 2, "2.0")))
    assert chart.right == 4.0
    assert Bars("x", (Bar("a", 0.0, 0.0, 0.0, "0"),)).right == 1.0
    save_bars([tmp_path / "b.svg"], chart)
    assert "2.0" in (tmp_path / "b.svg").read_text("utf-8")


def test_intervals_have_one_colour_a_kind_and_what_is_far_is_cut(tmp_path):
    rows = [
        Interval("near", 0.1, -0.1, 0.3, "undecided", 7),
        Interval("far", -5.0, -60.0, 50.0, "holds", 0),
        Interval("also near", -0.2, -0.3, -0.1, "holds", 0),
    ]
    chart = Intervals(tuple(rows), "a claim: holds", "a note")
    save_intervals([tmp_path / "i.svg", tmp_path / "again.svg"], chart)
    assert (tmp_path / "i.svg").read_bytes() == (tmp_path / "again.svg").read_bytes()
    svg = (tmp_path / "i.svg").read_text("utf-8")
    assert [svg.count(f">{word}<") for word in ("holds", "undecided", "also near")] == [1, 1, 1]
    assert theme.SERIES[0] in svg
    assert theme.SERIES[1] not in svg
    assert "200<" in svg  # an axis of at most 200% either way
    assert "400<" not in svg
    assert "‹ -500% [-6000%, +5000%]<" in svg  # and is told where it is cut


def test_intervals_that_are_all_far_have_0_beside_them(tmp_path):
    rows = [Interval(name, 9.0, 8.0, 10.0, "does not hold", 1) for name in ("one", "other")]
    save_intervals([tmp_path / "i.svg"], Intervals(tuple(rows), "a claim", "a note"))
    svg = (tmp_path / "i.svg").read_text("utf-8")
    assert svg.count("+900% [+800%, +1000%] ›<") == 2
    assert ">0<" in svg


def test_a_dollar_in_a_name_is_a_dollar(tmp_path):
    rows = (Interval("lr$^$", 0.1, 0.0, 0.2, "cost $5 against $6", 1),)
    save_intervals([tmp_path / "i.svg"], Intervals(rows, "a $^$ claim", "a $_$ note"))
    svg = (tmp_path / "i.svg").read_text("utf-8")
    assert all(f">{name}<" in svg for name in ("lr$^$", "cost $5 against $6", "a $^$ claim"))

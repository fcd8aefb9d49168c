"""Tables and the figure of reconstruction errors."""

import numpy as np
import pytest
from PIL import Image

from idvae.errors import UserError
from idvae.report.reconstruction import bar, markdown, save_figure
from idvae.report.rows import Entry, rows_of
from report.made import entry, scored


def of(name, error, indices="x"):
    return Entry(scored(name, (1.0,), error, indices))


def test_reconstructions_of_the_same_images_stand_side_by_side():
    text = markdown(rows_of([of("a", 1.5), of("b", 2.5), of("c", None)]))
    assert "| a | 1.50±0.50 |\n| b | 2.50±0.50 |\n\n" in text
    assert "100 test images; ± is the standard error over the images of one model. " in text
    assert "Without reconstructions: c." in text
    assert markdown(rows_of([of("c", None)])) == ""
    with pytest.raises(UserError, match="different images"):
        markdown(rows_of([of("a", 1), of("b", 2, "y")]))


def test_images_of_another_split_are_called_so_and_are_others():
    mine, other = of("a", 1.5), of("b", 2.5)
    mine.scores.reconstruction["facts"]["split"] = "validation"
    assert "100 validation images; ±" in markdown(rows_of([mine]))
    with pytest.raises(UserError, match=r"different images \(split\)"):
        markdown(rows_of([mine, other]))


def test_images_of_another_set_are_others_and_are_left_out_where_data_may_differ(tmp_path):
    mine, other = of("a", 1.5), of("b", 2.5)
    mine.scores.reconstruction["facts"]["data"] = "one"
    assert "| b | 2.50" in markdown(rows_of([mine, other]))  # an older version did not tell
    other.scores.reconstruction["facts"]["data"] = "another"
    with pytest.raises(UserError, match="of different sets; compare models of one, or pass"):
        markdown(rows_of([mine, other]))
    assert markdown(rows_of([mine, other], ["data"])) == ""
    runs = [entry(tmp_path / c, error=4.0, checksum=c) for c in "cd"]
    assert markdown(rows_of(runs, ["data"])) == ""
    assert "4.00" in markdown(rows_of(runs[:1], ["data"]))


def test_error_bars_are_over_seeds_where_there_are_several(tmp_path):
    made = [entry(tmp_path / str(s), seed=s, error=4.0 + s) for s in (0, 1, 2)]
    rows = rows_of([*made, entry(tmp_path / "v", "vae", error=9.0)])
    assert [bar(r.scores.reconstruction["values"]["squared_error"]) for r in rows] == [1.0, 0.5]
    text = markdown(rows)
    assert "| IDVAE | 5.0±1.0 [2.5, 7.5] |\n| VAE | 9.00±0.50 |" in text
    assert "In brackets: the 95% confidence interval of the mean over seeds" in text
    assert "± is the standard deviation over 3 seeds; ± is the standard error over" in text
    assert "of one model (VAE)." in text


def test_the_figure_shows_who_reconstructs_and_names_the_others(tmp_path):
    made = [entry(tmp_path / str(s), seed=s, error=4.0 + s) for s in (0, 1, 2)]
    made += [entry(tmp_path / "v", "vae", error=9.0), entry(tmp_path / "g", "gan")]
    files = [tmp_path / "figure3.png", tmp_path / "figure3.svg"]
    assert save_figure(files, rows_of(made))
    with Image.open(files[0]) as picture:
        assert np.asarray(picture.convert("L")).std() > 20
    svg = files[1].read_text()
    for words in (
        "IDVAE",
        "5.0±1.0",
        "9.00±0.50",
        "Without reconstructions: GAN.",
        "lower is better",
    ):
        assert words in svg


def test_there_is_no_figure_of_nothing(tmp_path):
    assert not save_figure([tmp_path / "f.png"], rows_of([entry(tmp_path / "g", "gan")]))
    assert not (tmp_path / "f.png").exists()

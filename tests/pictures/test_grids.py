"""Grids put each image where it belongs."""

import numpy as np
from PIL import Image

from idvae.pictures import grids


def images(n, size=4, channels=3):
    values = np.arange(n, dtype=np.uint8)[:, None, None, None]
    return np.broadcast_to(values, (n, size, size, channels)).copy()


def test_a_grid_goes_row_after_row_with_gaps():
    picture = grids.grid(images(5), columns=3, gap=2)
    assert picture.shape == (2 + 2 * 6, 2 + 3 * 6, 3)
    assert picture[3, 3, 0] == 0
    assert picture[3, 9, 0] == 1
    assert picture[9, 3, 0] == 3
    assert picture[9, 15, 0] == 255  # no sixth image
    assert picture[0, 0, 0] == 255


def test_pairs_put_each_copy_right_below_its_original():
    picture = grids.pairs(images(5), images(5) + 100, columns=3)
    columns = picture[:, 3, 0]
    assert [columns[3], columns[9], columns[15], columns[21]] == [0, 100, 3, 103]


def test_small_pictures_are_enlarged_without_blur():
    picture = grids.enlarge(images(1, size=8)[0], least=30)
    assert picture.shape == (32, 32, 3)
    assert set(np.unique(picture)) == {0}


def test_png_keeps_the_bytes_of_grey_and_colour(tmp_path):
    for channels in (1, 3):
        image = np.random.default_rng(0).integers(0, 256, (8, 8, channels), np.uint8)
        grids.save_png(tmp_path / "a.png", image)
        back = np.asarray(Image.open(tmp_path / "a.png")).reshape(8, 8, channels)
        np.testing.assert_array_equal(back, image)


def test_densities_are_drawn_side_by_side(tmp_path):
    points = np.random.default_rng(0).normal(size=(500, 2))
    grids.save_density(tmp_path / "d.png", points, points * 0.1, "samples")
    left, right = np.split(np.asarray(Image.open(tmp_path / "d.png"))[80:-60, :, 0], 2, axis=1)
    spread = [(half > 20).mean() for half in (left[:, 90:-40], right[:, 90:-40])]
    assert spread[0] > spread[1]  # the narrower set fills less of its panel


def test_a_wide_picture_stays_one_that_opens(monkeypatch):
    monkeypatch.setattr(grids, "MOST_ENLARGED", 4 * 8 * 8 * 100 + 5)
    assert grids.enlarge(np.zeros((8, 800, 3), np.uint8)).shape == (16, 1600, 3)  # 60 else
    assert grids.enlarge(np.zeros((8, 99_999, 3), np.uint8)).shape == (8, 99_999, 3)

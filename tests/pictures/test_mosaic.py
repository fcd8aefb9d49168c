"""Table 2: the right pixels at the right place."""

import numpy as np
from PIL import Image

from idvae.pictures.mosaic import BLOCK, Strip, save_mosaic


def flat(level):
    """Images of a red that no text has."""
    return np.full((BLOCK, 16, 16, 3), (level, 0, 0), np.uint8)


def colours(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_a_row_has_originals_reconstructions_and_generations(tmp_path):
    strips = [Strip("α-GAN", flat(60), flat(90)), Strip("GAN (omega 2, steps 5)", None, flat(120))]
    save_mosaic(tmp_path / "t.png", flat(30), strips)
    made = colours(tmp_path / "t.png")
    first = np.flatnonzero((made == (60, 0, 0)).all(2).any(1))
    middle = int(first.max()) + 1  # where the first row ends

    def pixels(level, part):
        return int((part == (level, 0, 0)).all(2).sum())

    each = BLOCK * (16 * 4) ** 2  # 16 px, enlarged by a whole number to at least 56
    assert pixels(30, made[:middle]) == each
    assert pixels(60, made[:middle]) == each
    assert pixels(90, made[:middle]) == each
    assert pixels(30, made) == 2 * each
    assert pixels(120, made) == each
    across = [np.flatnonzero((made[:middle] == (v, 0, 0)).all(2).any(0)) for v in (30, 60, 90)]
    assert across[0].max() < across[1].min()
    assert across[1].max() < across[2].min()


def test_colour_stays_and_large_images_are_not_enlarged(tmp_path):
    images = np.zeros((BLOCK, 64, 64, 3), np.uint8)
    images[..., 0] = 200
    save_mosaic(tmp_path / "t.png", images, [Strip("VAE", images, images)])
    made = colours(tmp_path / "t.png")
    assert int((made == (200, 0, 0)).all(2).sum()) == 3 * BLOCK * 64 * 64


def test_grey_images_stand_beside_names_of_any_alphabet(tmp_path):
    images = np.full((BLOCK, 16, 16, 1), 77, np.uint8)
    save_mosaic(tmp_path / "t.png", images, [Strip("α-GAN", images, images)])
    assert int((colours(tmp_path / "t.png") == 77).all(2).sum()) >= 3 * BLOCK * 64 * 64

"""Pictures: as small as they can be, each once, and within a limit."""

import io
import re
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image

from idvae.pictures.grids import enlarge
from idvae.report.page.album import Album, encoded, reduced


def noise(side, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (side, side, channels), np.uint8)


def opened(picture):
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))


@pytest.mark.parametrize("channels", [1, 3])
def test_small_pictures_keep_every_bit_and_lose_repeated_pixels(channels):
    image = noise(50, channels)
    assert np.array_equal(reduced(enlarge(image, 480)), image)
    (picture,) = encoded([enlarge(image, 480)], 1 << 20)
    assert np.array_equal(opened(picture), np.broadcast_to(image, (50, 50, 3)))


def test_pictures_become_poorer_until_they_fit():
    images = [noise(380, seed=i) for i in range(2)]
    rich, poor = encoded(images, 1 << 30), encoded(images, 40_000)
    assert sum(map(len, rich)) > 150_000
    assert sum(map(len, poor)) <= 40_000
    assert opened(rich[0]).shape == (380, 380, 3)
    assert opened(poor[0]).shape[0] in (95, 190)


def test_a_picture_is_in_the_page_once():
    album = Album()
    (picture,) = encoded([noise(10)], 1 << 20)
    first, second = album.show(picture, "one"), album.show(picture, "two")
    data, name = re.search(r'src="data:image/webp;base64,([^"]+)".* id="([^"]+)"', first).groups()
    assert b64decode(data) == picture
    assert f'href="#{name}"' in second
    assert "data:" not in second
    assert album.bytes == len(picture)

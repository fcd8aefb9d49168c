"""Bad uploads: a line for each, and nothing decoded that is too large."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from idvae.demo import uploads
from idvae.demo.uploads import MAX_PIXELS, read_upload
from idvae.errors import UserError
from idvae.networks import DataShape

COLOUR, GREY = DataShape(16, 3), DataShape(16, 1)


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def bomb(width, height):
    """A PNG of few bytes that claims, and unpacks to, as many grey pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(bytes(width + 1)) for _ in range(height)) + packer.flush()
    parts = chunk(b"IHDR", header), chunk(b"IDAT", body), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def refused(path, shape=COLOUR):
    with pytest.raises(UserError) as caught:
        read_upload(path, shape)
    text = str(caught.value)
    assert path.name in text
    assert str(path.parent) not in text
    return text


def test_an_image_is_read_at_the_size_of_the_model(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (40, 20), (200, 100, 50)).save(path)
    image = read_upload(path, COLOUR)
    assert (image.shape, image.dtype) == ((16, 16, 3), np.uint8)
    np.testing.assert_array_equal(image[5, 5], (200, 100, 50))
    assert read_upload(path, GREY).shape == (16, 16, 1)


def test_what_is_no_image_is_told(tmp_path):
    for name, body in {
        "text.png": b"hello, I am text\n" * 10,
        "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>',
        "empty.jpg": b"",
        "page.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    }.items():
        (tmp_path / name).write_bytes(body)
        assert "cannot be read as an image" in refused(tmp_path / name)


def test_a_broken_image_is_told(tmp_path):
    whole = tmp_path / "whole.png"
    Image.effect_noise((64, 64), 50).save(whole)
    broken = tmp_path / "broken.png"
    broken.write_bytes(whole.read_bytes()[:900])
    assert "cannot be read as an image" in refused(broken)


def test_an_animation_is_told(tmp_path):
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue")]
    for name in ("moving.gif", "moving.png", "moving.webp", "pages.tif"):
        path = tmp_path / name
        frames[0].save(path, save_all=True, append_images=frames[1:])
        assert "moves or has several pages" in refused(path)
    still = tmp_path / "still.gif"
    frames[0].save(still)
    assert read_upload(still, COLOUR).shape == (16, 16, 3)


@pytest.mark.parametrize(("width", "height"), [(20_000, 20_000), (5000, 4001)])
def test_too_many_pixels_are_told_before_any_is_decoded(tmp_path, monkeypatch, width, height):
    monkeypatch.setattr(uploads, "fitted", lambda *_: pytest.fail("it was decoded"))
    path = tmp_path / "large.png"
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b""))
    text = refused(path)
    assert f"more than {MAX_PIXELS:,}" in text


def test_a_bomb_of_few_bytes_is_told(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(5000, 4100))
    assert path.stat().st_size < 100_000
    assert "5000×4100 pixels" in refused(path)


def test_too_many_bytes_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_BYTES", 100)
    path = tmp_path / "a.png"
    Image.effect_noise((64, 64), 50).save(path)
    assert "make it smaller" in refused(path)

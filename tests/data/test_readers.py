"""Readers of foreign bytes give back what was written, and take or refuse anything else."""

import csv
import gzip
import io
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as some
from PIL import Image

from data.cifar_files import make_official, write_folder
from idvae.data import cifar10
from idvae.data.attributes import read_attributes
from idvae.data.folder import read_image
from idvae.data.idx import read_idx
from idvae.data.image_files import ENDINGS, read_rgb
from idvae.errors import UserError

QUICK = settings(max_examples=60, deadline=None)
BYTES = st.integers(0, 2**32).map(np.random.default_rng)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("readers")


def told_in_a_line(read):
    """Whether it was taken; anything but a UserError of one line fails the test."""
    told = ""
    try:
        read()
    except UserError as error:
        told = str(error)
    assert told.isprintable()
    return not told


# --------------------------------------------------------------------------------- what is written


@given(some.arrays(np.uint8, some.array_shapes(min_dims=1, max_dims=4, min_side=1)), st.booleans())
@QUICK
def test_idx_gives_back_any_array(place, array, packed):
    data = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes() + array.tobytes()
    path = place / ("a.gz" if packed else "a")
    path.write_bytes(gzip.compress(data, 1) if packed else data)
    np.testing.assert_array_equal(read_idx(path, array.ndim), array)
    path.write_bytes(gzip.compress(data[:-1], 1) if packed else data[:-1])
    with pytest.raises(UserError, match="is cut or damaged"):
        read_idx(path, array.ndim)
    with pytest.raises(UserError, match="is no idx file"):
        read_idx(path, array.ndim + 1)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=4), BYTES)
@QUICK
def test_cifar_files_give_back_any_images(place, labels, rng):
    batches = {
        name: (rng.integers(0, 256, (len(labels), 32, 32, 3), np.uint8), labels)
        for name in cifar10.OFFICIAL
    }
    shutil.rmtree(place / "cifar", ignore_errors=True)
    write_folder(place / "cifar", batches)
    with pytest.MonkeyPatch.context() as patch:
        make_official(patch, batches)
        training, test = cifar10.read_parts(place / "cifar")
    *others, last = batches.values()
    np.testing.assert_array_equal(training[0], np.concatenate([images for images, _ in others]))
    assert training[1].tolist() == labels * 5
    np.testing.assert_array_equal(test[0], last[0])
    assert test[1].tolist() == labels


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), min_size=1, max_size=12)


@given(
    st.lists(NAMES, min_size=1, max_size=6, unique=True),
    st.lists(
        NAMES.map(str.strip).filter(lambda name: name and "," not in name),
        min_size=1,
        max_size=4,
        unique_by=lambda name: name,
    ),
    BYTES,
)
@QUICK
def test_tables_give_back_any_names_in_any_order(place, files, names, rng):
    values = rng.integers(0, 2, (len(files), len(names)))
    signs = rng.choice([0, -1], values.shape)  # −1 and 0 both mean that it is not there
    path = place / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as opened:
        table = csv.writer(opened, quoting=csv.QUOTE_ALL)
        table.writerow(["file", *names])
        for i in rng.permutation(len(files)):
            table.writerow([files[i], *np.where(values[i], 1, signs[i])])
    found, found_names = read_attributes(path, files)
    assert found_names == names
    np.testing.assert_array_equal(found, values)


@given(
    st.sampled_from([("L", "png"), ("RGB", "png"), ("RGB", "bmp"), ("RGB", "ppm"), ("L", "tif")]),
    st.integers(1, 30),
    st.integers(1, 30),
    BYTES,
)
@QUICK
def test_lossless_pictures_give_back_their_pixels(place, kind, width, height, rng):
    mode, ending = kind
    pixels = rng.integers(0, 256, (height, width, len(mode)), np.uint8)
    path = place / f"a.{ending}"
    Image.fromarray(pixels.squeeze(2) if mode == "L" else pixels).save(path)
    whole = read_rgb(path)
    np.testing.assert_array_equal(whole, np.broadcast_to(pixels, (height, width, 3)))
    assert read_rgb(path, whole.nbytes - 1) == whole.nbytes
    assert read_image(path, 16, 1).shape == (16, 16, 1)


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 8), BYTES)
@QUICK
def test_pictures_stand_upright_on_white(place, width, height, orientation, rng):
    """A pixel of alpha a is a of itself and 1 − a of white, wherever EXIF turns it to."""
    pixels = rng.integers(0, 256, (height, width, 4), np.uint8)
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(place / "a.png", exif=exif)
    alpha = pixels[..., 3:] / 255
    expected = pixels[..., :3] * alpha + 255 * (1 - alpha)
    if orientation > 4:
        expected = expected.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        expected = expected[:, ::-1]
    if orientation in (3, 4, 7, 8):
        expected = expected[::-1]
    np.testing.assert_allclose(read_rgb(place / "a.png"), expected, atol=1)


# ------------------------------------------------------------------------------------ anything else


@given(st.binary(max_size=300))
@QUICK
def test_any_bytes_are_taken_or_refused(place, data):
    for name in ("b", "b.gz"):
        (place / name).write_bytes(data)
        told_in_a_line(lambda name=name: read_idx(place / name, 3))
    (place / "c.tar.gz").write_bytes(data)
    assert not told_in_a_line(lambda: cifar10.read_parts(place / "c.tar.gz"))
    (place / "b.csv").write_bytes(data)
    told_in_a_line(lambda: read_attributes(place / "b.csv", ["a"]))
    for ending in ENDINGS:
        (place / f"b{ending}").write_bytes(data)
        told_in_a_line(lambda ending=ending: read_rgb(place / f"b{ending}"))


@given(st.integers(0, 400), st.integers(0, 255))
@QUICK
def test_a_picture_with_a_byte_changed_is_taken_or_refused(place, at, byte):
    made = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)).save(
        made, "PNG"
    )
    data = bytearray(made.getvalue())
    at %= len(data)
    changed = data[at] != byte
    data[at] = byte
    (place / "c.png").write_bytes(data)
    taken = told_in_a_line(lambda: read_rgb(place / "c.png"))
    assert taken or changed

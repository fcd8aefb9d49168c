import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from evaluate.toys import images
from idvae.data.folder import read_image
from idvae.errors import UserError
from idvae.evaluate.sources import stored as module
from idvae.evaluate.sources.drawn import Noted, Numbered, seed_of_set
from idvae.evaluate.sources.images import open_images
from idvae.evaluate.sources.source import as_bytes


def everything(source, n, part=0, seed=0):
    return [image for chunk in source.draw(n, part, seed) for image in chunk]


@pytest.fixture
def folder(tmp_path):
    """Seventy images of two sizes at three depths, some grey, some with alpha."""
    rng = np.random.default_rng(0)
    for i in range(70):
        place = tmp_path / "in" / ("deep/er" if i % 3 == 0 else "deep" if i % 3 == 1 else "")
        place.mkdir(parents=True, exist_ok=True)
        side = 9 if i % 2 else 12
        mode = {0: "L", 1: "RGBA"}.get(i % 5, "RGB")
        pixels = rng.integers(0, 256, (side, side + 1, len(mode)), np.uint8).squeeze()
        Image.fromarray(pixels).save(place / f"{i:03d}.{'png' if i % 4 else 'BMP'}")
    (tmp_path / "in" / "notes.txt").write_text("no image")
    return tmp_path / "in"


def test_a_folder_gives_every_image_of_any_depth_and_size_once(folder, monkeypatch):
    decoded = []
    monkeypatch.setattr(
        module,
        "decode",
        lambda path, most, real=module.decode: decoded.append(path) or real(path, most),
    )
    source = open_images(str(folder))
    found = everything(source, 70)
    assert source.count == len(found) == len(decoded) == len(set(decoded)) == 70
    assert {image.shape for image in found} == {(9, 10, 3), (12, 13, 3)}
    for path, image in zip(source.files, found, strict=True):
        whole = Image.open(path).convert("RGBA")
        white = Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole)
        np.testing.assert_array_equal(image, np.asarray(white.convert("RGB")))


def test_parts_of_a_draw_are_disjoint_and_repeat_with_the_seed(folder):
    source = open_images(folder)
    assert source.parts(20, 5) == 3
    parts = [source.chosen(20, part, seed=1) for part in range(3)]
    assert len(set(np.concatenate(parts).tolist())) == 60
    np.testing.assert_array_equal(parts[1], source.chosen(20, 1, seed=1))
    assert (source.chosen(20, 0, seed=2) != parts[0]).any()


@pytest.mark.parametrize("ending", ["npz", "npy"])
def test_array_files_are_read(tmp_path, ending):
    pixels = images(100)
    path = tmp_path / f"a.{ending}"
    np.savez(path, images=pixels, z=np.zeros(3)) if ending == "npz" else np.save(path, pixels)
    np.testing.assert_array_equal(everything(open_images(path), 100), pixels)


def test_iterables_and_callables_are_read_in_pieces_of_any_size():
    pixels = images(150)
    pieces = [pixels[:1], *pixels[1:4], pixels[4:130], pixels[130:]]
    np.testing.assert_array_equal(everything(open_images(iter(pieces)), 150), pixels)
    np.testing.assert_array_equal(everything(open_images(iter(pieces)), 70), pixels[:70])

    def draw(n, seed):
        return iter([images(n, seed)])

    first, second = (everything(open_images(draw), 20, part, 3) for part in (0, 1))
    np.testing.assert_array_equal(first, images(20, seed_of_set(3, 0)))
    np.testing.assert_array_equal(second, images(20, seed_of_set(3, 1)))


def test_floats_need_a_range_and_keep_to_it():
    x = np.array([-1.0, 0.0, 1.0]).reshape(3, 1, 1, 1)
    assert as_bytes(x, "x", (-1, 1)).ravel().tolist() == [0, 128, 255]
    with pytest.raises(UserError, match=r"from -1 to 1; save them as uint8.*--range"):
        as_bytes(x, "x")
    with pytest.raises(UserError, match="leave the range 0 to 1"):
        as_bytes(x, "x", (0, 1))


def test_floats_of_another_range_are_other_images():
    floats = np.random.default_rng(0).random((4, 8, 8, 3), np.float32)
    ranges = ((0.0, 1.0), (-1.0, 1.0))
    one, other = (open_images(floats, value_range=low_high) for low_high in ranges)
    assert one.checksum() != other.checksum()


def test_checksums_follow_the_content_and_not_the_name(tmp_path, folder):
    a, b = tmp_path / "a.npy", tmp_path / "b.npy"
    np.save(a, images(9))
    np.save(b, images(9))
    assert open_images(a).checksum() == open_images(b).checksum()
    np.save(b, images(9, seed=1))
    assert open_images(a).checksum() != open_images(b).checksum()
    before = open_images(folder).checksum()
    folder.rename(tmp_path / "moved")
    assert open_images(tmp_path / "moved").checksum() == before


NAN = np.where(np.arange(5)[:, None, None, None] == 2, np.nan, np.zeros((5, 8, 8, 3)))


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (NAN, "1 of 5 images hold NaN"),
        (np.zeros((5, 8, 8, 3), np.int32), "uint8, not int32"),
        (np.zeros((5, 8, 8, 4), np.uint8), "1 or 3 channels"),
        (np.zeros((5, 3, 8, 8), np.uint8), r"\(N, H, W, C\)"),
        (np.zeros((5, 0, 8, 3), np.uint8), "shape"),
        (np.zeros((5, 8), np.uint8), "shape"),
    ],
)
def test_bad_arrays_are_told(array, words):
    with pytest.raises(UserError, match=words):
        as_bytes(array, "x")
    with pytest.raises(UserError, match=words):
        everything(open_images(iter([array])), 5)


def test_a_file_of_one_number_holds_no_images(tmp_path):
    np.save(tmp_path / "one.npy", np.uint8(7))
    with pytest.raises(UserError, match=r"one\.npy holds one number, no images"):
        open_images(tmp_path / "one.npy")


def test_bad_places_are_told(tmp_path):
    with pytest.raises(UserError, match="no such file or folder"):
        open_images(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no image"):
        open_images(tmp_path / "empty")
    (tmp_path / "empty" / "bad.png").write_bytes(b"not a picture")
    with pytest.raises(UserError, match=r"bad\.png cannot be read as an image"):
        everything(open_images(tmp_path / "empty"), 1)
    Image.fromarray(images(1)[0]).save(tmp_path / "empty" / "bad.png")
    whole = (tmp_path / "empty" / "bad.png").read_bytes()
    (tmp_path / "empty" / "bad.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"bad\.png cannot be read as an image"):
        everything(open_images(tmp_path / "empty"), 1)
    (tmp_path / "empty" / "bad.png").unlink()
    Image.fromarray(np.zeros((8, 8), np.float32)).save(tmp_path / "empty" / "bad.tif")
    with pytest.raises(UserError, match="holds floats"):
        everything(open_images(tmp_path / "empty"), 1)
    np.savez(tmp_path / "a.npz", x=np.zeros(3), y=np.zeros(3))
    with pytest.raises(UserError, match="holds x, y; images are read from an array named images"):
        open_images(tmp_path / "a.npz")
    (tmp_path / "b.npz").write_bytes(b"nothing")
    with pytest.raises(UserError, match="cannot be read"):
        open_images(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", images=np.array([None, {}], object))
    with pytest.raises(UserError, match="cannot be read"):
        open_images(tmp_path / "c.npz")
    (tmp_path / "film.mp4").write_bytes(b"")
    with pytest.raises(UserError, match="no folder"):
        open_images(tmp_path / "film.mp4")


def test_too_few_images_are_told():
    with pytest.raises(UserError, match="has 1 images, fewer than the 2"):
        open_images(images(1)).parts(1, 5)
    with pytest.raises(UserError, match="fewer than the 30"):
        open_images(images(20)).parts(30, 5)
    with pytest.raises(UserError, match="gave 20 images, fewer than 30; pass n=20"):
        everything(open_images(iter([images(20)])), 30)
    with pytest.raises(UserError, match="was asked for 30 images and gave 7"):
        everything(open_images(lambda n, seed: images(7)), 30)


def write_pictures(folder):
    """One picture of each way that files differ in: alpha, palette, 16 bits, EXIF, CMYK."""
    folder.mkdir()
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 256, (16, 16, 4), np.uint8)
    turned = Image.fromarray(pixels[..., :3])
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(folder / "turned.png", exif=exif)
    Image.fromarray(pixels).save(folder / "alpha.png")
    Image.fromarray(pixels[..., :2], "LA").save(folder / "grey-alpha.png")
    Image.fromarray(pixels[..., 0]).save(folder / "palette.gif", transparency=int(pixels[0, 0, 0]))
    Image.fromarray(pixels[..., 0].astype(np.uint16) * 200).save(folder / "deep.png")
    Image.new("CMYK", (16, 16), (9, 80, 200, 30)).save(folder / "cmyk.jpg")


@pytest.mark.filterwarnings("ignore:'mode' parameter:DeprecationWarning")
def test_a_folder_is_read_as_data_prepare_reads_it(tmp_path):
    """It used to be scored with its alpha dropped and lying on its side."""
    write_pictures(tmp_path / "in")
    source = open_images(tmp_path / "in")
    for path, image in zip(source.files, everything(source, 6), strict=True):
        np.testing.assert_array_equal(image, read_image(path, 16, 3), err_msg=path.name)


def png_that_claims(width, height):
    def chunk(kind, body):
        crc = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [10_001, 14_000, 60_000])
@pytest.mark.filterwarnings("ignore:Image size:PIL.Image.DecompressionBombWarning")
def test_huge_images_are_told_in_one_way(tmp_path, side):
    (tmp_path / "huge.png").write_bytes(png_that_claims(side, side))
    told = []
    for read in (lambda p: read_image(p, 16, 3), lambda p: everything(open_images(tmp_path), 1)):
        with pytest.raises(UserError, match=r"huge\.png claims .* pixels, more than") as caught:
            read(tmp_path / "huge.png")
        told.append(str(caught.value))
    assert told[0] == told[1]


def test_what_only_bears_the_ending_of_a_picture_starts_no_program(tmp_path, monkeypatch):
    """PIL would hand PostScript to Ghostscript, whatever the file is called."""
    started = []
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *given: started.append(given))
    Image.new("RGB", (9, 9)).save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"a\.png cannot be read as an image"):
        everything(open_images(tmp_path), 1)
    assert not started


def test_large_images_are_decoded_a_few_at_a_time_in_the_same_order(tmp_path, monkeypatch):
    """Up to 256 whole images used to be held, of any size."""
    rng = np.random.default_rng(0)
    for i in range(40):
        side = 8 if i % 3 else 64
        pixels = rng.integers(0, 256, (side, side, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i:02d}.png")
    whole = everything(open_images(tmp_path), 40)
    monkeypatch.setattr(module, "SMALL", 1000)
    monkeypatch.setattr(module, "PART", 3 * 64 * 64 * 3)
    waiting, most = [0], [0]

    def counted(path, most_bytes=None, real=module.decode):
        image = real(path, most_bytes)
        if not isinstance(image, int) and image.nbytes > 1000:
            waiting[0] += 1
            most[0] = max(most[0], waiting[0])
        return image

    monkeypatch.setattr(module, "decode", counted)
    found = []
    for chunk in open_images(tmp_path).draw(40, 0, 0):
        large = [image for image in chunk if image.nbytes > 1000]
        assert 1 <= len(large) <= 3
        waiting[0] -= len(large)
        found += chunk
    assert most[0] <= 3
    for a, b in zip(found, whole, strict=True):
        np.testing.assert_array_equal(a, b)


def test_large_images_of_an_array_are_read_a_few_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PART", 1000)
    np.save(tmp_path / "a.npy", images(20))
    chunks = list(open_images(tmp_path / "a.npy").draw(20, 0, 0))
    assert {len(chunk) for chunk in chunks} == {1}
    np.testing.assert_array_equal(np.concatenate(chunks), images(20))


@pytest.mark.parametrize("world", [1, 2, 3, 7])
@pytest.mark.parametrize("kind", ["folder", "array", "numbered", "sampler", "stream"])
def test_processes_share_a_sample_set(folder, monkeypatch, kind, world):
    """Each image is in one share, in its place; the sample set is the same for all of them."""
    monkeypatch.setattr("idvae.evaluate.sources.source.CHUNK", 16)
    pixels = images(70)
    source = {
        "folder": lambda: open_images(folder),
        "array": lambda: open_images(pixels),
        "numbered": lambda: Numbered(lambda first, last, seed: pixels[first:last] + seed % 2),
        "sampler": lambda: open_images(lambda n, seed: iter([pixels[:n]])),
        "stream": lambda: open_images([pixels[:5], pixels[5:]]),
    }[kind]()
    n = 45  # two blocks and 13 images
    whole = everything(source, n, 0, 4)
    found = {}
    for rank in range(world):
        for first, chunk in source.share(n, 0, 4, rank, world):
            assert first // 16 % world == rank
            for place, image in enumerate(chunk, first):
                assert found.setdefault(place, image) is image
    assert sorted(found) == list(range(n))
    for place, image in enumerate(whole):
        np.testing.assert_array_equal(found[place], image)


def test_digests_of_what_processes_draw_are_those_of_one(monkeypatch):
    monkeypatch.setattr("idvae.evaluate.sources.source.CHUNK", 16)
    pixels = images(70)

    def digests(world, pixels=pixels):
        noted = [Noted(open_images([pixels])) for _ in range(world)]
        for rank, source in enumerate(noted):
            assert len(list(source.share(45, 0, 4, rank, world))) == len(source.digests)
        return sorted(pair for source in noted for pair in source.digests)

    assert digests(1) == digests(2) == digests(3)
    assert [place for place, _ in digests(2)] == [0, 16, 32]
    changed = pixels.copy()
    changed[20, 0, 0, 0] ^= 1
    assert [a == b for a, b in zip(digests(1), digests(1, changed), strict=True)] == [1, 0, 1]


def test_numbers_that_give_too_few_images_are_told():
    with pytest.raises(UserError, match="samples was asked for 20 images and gave 19"):
        everything(Numbered(lambda first, last, seed: images(last - first - 1)), 20)

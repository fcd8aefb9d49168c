"""Each source: what it makes, by which rule it splits, and that it is the same every time."""

import errno
import gzip
import os
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from idvae import data
from idvae.data import avatars, fashion_mnist
from idvae.data.attributes import read_attributes
from idvae.data.exclusion import group
from idvae.data.folder import read_image
from idvae.data.idx import read_idx
from idvae.data.source import SIZES, Request
from idvae.errors import UserError
from idvae.io.locks import alone

REAL = pytest.mark.skipif(
    not fashion_mnist.DEBIAN.is_dir(), reason="Debian's dataset-fashion-mnist is not installed"
)


@pytest.fixture(autouse=True)
def own_root(tmp_path, monkeypatch):
    monkeypatch.setenv("IDVAE_DATA", str(tmp_path / "sets"))


def rows(prepared, split):
    part = prepared.split(split)
    return part.gather(np.arange(len(part)))


@pytest.mark.parametrize("name", data.names())
def test_every_source_says_what_it_is(name):
    source = data.get(name)
    assert source.name == name
    assert source.summary
    assert source.licence
    assert source.kind in ("images", "points")
    assert source.default_size in (SIZES if source.kind == "images" else (0,))
    assert source.default_n is None or source.default_n > 0
    assert isinstance(source.needs_nothing, bool)
    assert callable(source.plan)


# ------------------------------------------------------------------------------ digits, gaussians


def test_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    made = data.prepare("digits")
    assert made.counts == {"train": 1444, "validation": 177, "test": 176}
    bunch = load_digits()
    # Every tenth of each class, whatever the order of classes is.
    test = np.sort(np.concatenate([np.flatnonzero(bunch.target == k)[9::10] for k in range(10)]))
    np.testing.assert_array_equal(made.split("test").labels(np.arange(176)), bunch.target[test])
    assert set(np.bincount(bunch.target[test])) == {17, 18}
    assert made.meta["split_rule"].startswith("rank within the class mod 10")
    small = rows(made, "test").reshape(176, 8, 2, 8, 2).mean((2, 4))
    assert np.corrcoef(small.ravel(), bunch.images[test].ravel())[0, 1] > 0.97


@pytest.mark.parametrize(("name", "modes", "sigma"), [("ring", 8, 0.01), ("grid", 25, 0.05)])
def test_gaussians_follow_the_common_protocol(name, modes, sigma):
    made = data.prepare(f"gaussians-{name}", n=50_000)
    centres = np.array(made.meta["modes"]["centres"])
    assert centres.shape == (modes, 2)
    assert made.meta["modes"]["sigma"] == sigma
    points = rows(made, "train")
    labels = made.split("train").labels(np.arange(len(points)))
    assert set(labels) == set(range(modes))
    away = (points - centres[labels]) / sigma
    assert away.std() == pytest.approx(1.0, abs=0.02)
    if name == "ring":
        np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 1.0)
    else:
        assert sorted(set(centres.ravel())) == [-4, -2, 0, 2, 4]


def test_the_seed_decides():
    one, same, other = (
        data.prepare("gaussians-ring", n=50, seed=seed, set_name=name).checksum
        for seed, name in ((1, "a"), (1, "b"), (2, "c"))
    )
    assert one == same != other


# ---------------------------------------------------------------------------------- fashion-mnist


def write_idx(path, array):
    header = bytes((0, 0, 8, array.ndim)) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    with gzip.open(path, "wb") as file:
        file.write(header + array.tobytes())


@pytest.fixture
def idx_folder(tmp_path):
    folder = tmp_path / "idx"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for prefix, n in (("train", 60), ("t10k", 20)):
        images = rng.integers(0, 256, (n, 28, 28), np.uint8)
        write_idx(folder / f"{prefix}-images-idx3-ubyte.gz", images)
        labels = (np.arange(n) % 10).astype(np.uint8)
        write_idx(folder / f"{prefix}-labels-idx1-ubyte.gz", labels)
    return folder


def test_idx_files_keep_their_pixels_and_official_split(idx_folder):
    made = data.prepare("fashion-mnist", source=idx_folder)
    assert made.counts == {"train": 54, "validation": 6, "test": 20}
    assert made.classes[9] == "Ankle boot"
    original = read_idx(idx_folder / "t10k-images-idx3-ubyte.gz", 3)
    test = rows(made, "test")
    np.testing.assert_array_equal(test[:, 2:-2, 2:-2, 0], original)
    assert test[:, :2].max() == 0


def test_other_sizes_are_resized(idx_folder):
    assert rows(data.prepare("fashion-mnist", source=idx_folder, size=64), "test").shape[1:] == (
        64,
        64,
        1,
    )


def cut(path):
    path.write_bytes(path.read_bytes()[:-200])


def wrong_header(path):
    path.write_bytes(gzip.compress(b"\0\0\x0d\x03" + bytes(40)))


def too_short(path):
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-1]))


def no_gzip(path):
    path.write_bytes(b"hello")


@pytest.mark.parametrize("damage", [cut, wrong_header, too_short, no_gzip, Path.unlink])
def test_damaged_idx_files_are_named(idx_folder, damage):
    damage(idx_folder / "train-images-idx3-ubyte.gz")
    with pytest.raises(UserError, match="train-images-idx3-ubyte"):
        data.prepare("fashion-mnist", source=idx_folder)


def test_a_header_that_claims_more_than_64_bits_count_is_told(tmp_path):
    claims = b"".join(n.to_bytes(4, "big") for n in (1 << 31, 1 << 31, 4))
    (tmp_path / "x.gz").write_bytes(gzip.compress(bytes((0, 0, 8, 3)) + claims))
    with pytest.raises(UserError, match="is cut or damaged"):
        read_idx(tmp_path / "x.gz", 3)


def test_files_without_an_image_are_told(idx_folder):
    write_idx(idx_folder / "t10k-images-idx3-ubyte.gz", np.zeros((0, 28, 28), np.uint8))
    write_idx(idx_folder / "t10k-labels-idx1-ubyte.gz", np.zeros(0, np.uint8))
    with pytest.raises(UserError, match="t10k files hold no image"):
        data.prepare("fashion-mnist", source=idx_folder)


def test_images_and_labels_must_belong_together(idx_folder):
    write_idx(idx_folder / "t10k-labels-idx1-ubyte.gz", np.zeros(3, np.uint8))
    with pytest.raises(UserError, match="do not belong together"):
        data.prepare("fashion-mnist", source=idx_folder)


@REAL
def test_the_real_files_are_whole():
    made = data.prepare("fashion-mnist")
    assert made.counts == {"train": 55_000, "validation": 5_000, "test": 10_000}
    labels = made.split("test").labels(np.arange(10_000))
    assert list(np.bincount(labels)) == [1000] * 10


# ---------------------------------------------------------------------------------------- avatars


def test_avatars_do_not_depend_on_how_many_there_are_nor_on_who_draws():
    few = data.prepare("avatars", n=20, size=16, set_name="few")
    more = data.prepare("avatars", n=40, size=16, set_name="more")
    np.testing.assert_array_equal(rows(more, "train")[:16], rows(few, "train"))
    many = data.prepare("avatars", n=600, size=16, set_name="many")  # drawn by processes
    np.testing.assert_array_equal(rows(many, "train")[:32], rows(more, "train"))
    other = data.prepare("avatars", n=20, size=16, seed=1, set_name="other")
    assert other.checksum != few.checksum


def test_avatars_keep_every_choice_and_celebas_names():
    made = data.prepare("avatars", n=30, size=16)
    names = made.attribute_names
    attributes = made.split("train").attributes(np.arange(24))
    choice = avatars.choose(0, 0)
    chosen = {names[k] for k in np.flatnonzero(attributes[0])} - set(avatars.RULES)
    assert chosen == {f"{feature}={value}" for feature, value in choice.items()}
    assert names[:13] == [
        "Bald", "Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair", "Bushy_Eyebrows",
        "Eyeglasses", "Mouth_Slightly_Open", "Mustache", "No_Beard", "Pale_Skin", "Smiling",
        "Wearing_Hat",
    ]  # fmt: skip


def test_celebas_names_are_frequent_enough_and_groups_exclusive():
    choices = [avatars.choose(i, 7) for i in range(3000)]
    attributes = np.stack([avatars.attributes_of(c) for c in choices])[:, : len(avatars.RULES)]
    shares = attributes.mean(0)
    assert shares.min() > 0.04
    assert shares.max() < 0.96
    column = list(avatars.RULES).index
    for states in map(group, avatars.GROUPS):
        there = [attributes[:, column(name)] == state for name, state in states]
        assert np.sum(there, 0).max() == 1


def test_facial_hair_is_an_attribute_only_where_it_is_drawn():
    """python-avatars leaves it out for some hair, and says nothing."""
    face = {**avatars.choose(0, 0), "hair_color": "BLACK", "skin_color": "PALE"}

    def drawn(top, facial_hair):
        return avatars._render({**face, "top": top, "facial_hair": facial_hair}, 32).tobytes()

    tops = avatars.CHOICES["top"]
    without = {top for top in tops if drawn(top, "NONE") == drawn(top, "BEARD_MAGESTIC")}
    choices = [avatars.choose(i, 0) for i in range(1500)]
    chosen = [c["facial_hair"] for c in choices if c["top"] in without]
    assert len(chosen) > 20
    assert set(chosen) == {"NONE"}


def test_who_stops_early_does_not_wait_for_all_faces(monkeypatch):
    """A full disk or Ctrl-C: the faces that were not begun are never drawn."""
    pools = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, workers, mp_context, initializer):
            super().__init__(1)
            self.drawn = 0
            pools.append(self)

        def map(self, draw, parts):
            def counted(part):
                self.drawn += 1
                return draw(part)

            return super().map(counted, parts)

    monkeypatch.setattr(avatars, "ProcessPoolExecutor", Pool)
    batches = iter(avatars.plan(Request(size=16, n=4000)).batches)
    next(batches)
    batches.close()
    assert pools[0].drawn < 10  # of 40 parts


DRAWS = """
import os
from contextlib import closing
from idvae.data import avatars
from idvae.data.source import Request

if __name__ == "__main__":
    with closing(avatars.plan(Request(size=16, n=100_000)).batches) as batches:
        next(batches)
        os.write(1, b"drawing\\n")
        list(batches)
"""


@contextmanager
def script_that_draws(tmp_path: Path, text: str) -> Iterator[subprocess.Popen[str]]:
    """One that leads a group of its own, from when it or a worker of it says so on."""
    (tmp_path / "draws.py").write_text(text)
    command, pipe = [sys.executable, str(tmp_path / "draws.py")], subprocess.PIPE
    with subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as asked:
        assert asked.stdout.readline() == "drawing\n"
        yield asked


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_who_draws_ends_with_who_asked_and_says_nothing(tmp_path, number):
    """Ctrl-C reaches the whole group; a kill the one process alone."""
    with script_that_draws(tmp_path, DRAWS) as asked:
        (os.killpg if number == signal.SIGINT else os.kill)(asked.pid, number)
        told = asked.communicate(timeout=60)[1]  # the workers hold its pipes as long as they live
    assert told.count("Traceback") == (number == signal.SIGINT), told  # its own


@pytest.mark.slow
def test_ctrl_c_says_nothing_of_who_draws_and_has_only_begun(tmp_path):
    # Two workers say it at once, and a print's end of line may be a write of its own.
    begins = """
if __name__ == "__mp_main__":
    import os
    import time

    os.write(1, b"drawing\\n")
    time.sleep(1)
"""
    with script_that_draws(tmp_path, begins + DRAWS) as asked:
        os.killpg(asked.pid, signal.SIGINT)
        told = asked.communicate(timeout=60)[1]
    assert told.count("Traceback") == 1, told


def test_a_script_without_a_guard_is_told(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("from idvae import data\ndata.prepare('avatars', n=500, size=16)\n")
    ran = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert "UserError: the processes that draw avatars ended early" in ran.stderr
    # A worker that was killed on the way may leave its hidden folder; never a set.
    assert [name for name in os.listdir(data.root()) if not name.startswith(".")] == []


@pytest.mark.parametrize("size", [16, 32, 64])
def test_avatars_fill_the_frame_at_any_size(size):
    drawn = avatars.draw(np.arange(3), size, 0)
    assert drawn.images.shape == (3, size, size, 3)
    assert drawn.images.std((1, 2, 3)).min() > 20


# ----------------------------------------------------------------------------------------- folder


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    (folder / "deep" / "er").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(12):
        image = Image.fromarray(rng.integers(0, 256, (20 + i, 40 - i, 3), np.uint8))
        image.save(folder / f"{i}.png")
    Image.new("RGBA", (30, 30), (255, 0, 0, 0)).save(folder / "deep" / "clear.png")
    Image.new("P", (30, 30)).save(folder / "deep" / "er" / "palette.gif")
    Image.new("CMYK", (30, 30)).save(folder / "deep" / "cmyk.jpg")
    (folder / "notes.txt").write_text("no image")
    return folder


def test_a_folder_of_any_modes_becomes_a_set(pictures):
    made = data.prepare("folder", source=pictures, size=16)
    assert made.name == "pictures-16"
    assert sum(made.counts.values()) == 15
    assert made.channels == 3
    assert made.classes is None


def test_adding_a_file_moves_no_other(pictures):
    def split_of(made):
        return {r.tobytes(): s for s in ("train", "validation", "test") for r in rows(made, s)}

    before = split_of(data.prepare("folder", source=pictures, size=16))
    Image.new("RGB", (9, 9), (1, 2, 3)).save(pictures / "new.png")
    after = split_of(data.prepare("folder", source=pictures, size=16, overwrite=True))
    assert before.items() <= after.items()


def test_the_first_few_of_a_folder_are_of_all_its_classes(tmp_path):
    for name in ("cats", "dogs"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(40):
            Image.new("RGB", (9, 9), (i, 0, 0)).save(tmp_path / "pets" / name / f"{i}.png")
    whole = data.prepare("folder", source=tmp_path / "pets", size=16, set_name="whole")
    half = data.prepare("folder", source=tmp_path / "pets", size=16, n=40)
    assert sum(half.counts.values()) == 40
    for name, n in half.counts.items():
        some, every = half.split(name).labels(range(n)), whole.split(name).labels(range(2 * n - 1))
        assert abs(some.mean() - every.mean()) <= 1 / max(n, 1)


def test_a_name_that_is_no_utf8_is_a_name(tmp_path):
    folder = tmp_path / "old"
    folder.mkdir()
    for name in (b"caf\xe9.png", b"b.png"):
        place = os.path.join(os.fsencode(folder), name)
        with open(place, "wb") as file:
            Image.new("RGB", (9, 9)).save(file, "PNG")
    assert sum(data.prepare("folder", source=folder, size=16).counts.values()) == 2


def test_a_class_whose_name_is_no_utf8_is_told_before_any_work(tmp_path):
    for name in (b"caf\xe9", b"tea"):
        place = os.path.join(os.fsencode(tmp_path / "drinks"), name)
        os.makedirs(place)
        with open(os.path.join(place, b"a.png"), "wb") as file:
            file.write(b"never decoded")
    with pytest.raises(UserError, match=r"is not UTF-8 .*caf.*rename it"):
        data.prepare("folder", source=tmp_path / "drinks", size=16)


def test_linked_folders_are_of_the_set_and_each_counts_once(pictures, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "elsewhere" / "new.png")
    for name, place in [("a", "elsewhere"), ("b", "elsewhere"), ("back", pictures.name)]:
        (pictures / name).symlink_to(tmp_path / place, target_is_directory=True)
    assert sum(data.prepare("folder", source=pictures, size=16).counts.values()) == 16


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_named(pictures):
    (pictures / "deep").chmod(0)
    try:
        with pytest.raises(UserError, match=r"deep cannot be read"):
            data.prepare("folder", source=pictures, size=16)
    finally:
        (pictures / "deep").chmod(0o755)


def test_a_folder_that_the_system_refuses_is_named(pictures, monkeypatch):
    scan = os.scandir

    def refusing(place):
        if str(place).endswith("deep"):
            raise PermissionError(errno.EACCES, "Permission denied", str(place))
        return scan(place)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(UserError, match=r"deep cannot be read \(Permission denied\)"):
        data.prepare("folder", source=pictures, size=16)


def test_a_size_is_plain_digits():
    with pytest.raises(UserError, match="unknown data set"):
        data.resolve("digits-²")


def test_two_that_first_use_a_set_at_once_share_it():
    with ThreadPoolExecutor(2) as pool:
        a, b = pool.map(data.resolve, ["digits", "digits"])
    assert a.checksum == b.checksum


def test_who_waits_for_another_that_prepares_is_told(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("IDVAE_DATA", str(tmp_path))  # where no other test has prepared them
    told, until = "", time.monotonic() + 30
    with ThreadPoolExecutor(1) as pool:
        with alone(data.root() / ".digits.lock", "this test"):
            found = pool.submit(data.resolve, "digits")
            while "waiting" not in told and time.monotonic() < until:
                told += capsys.readouterr().err
        assert found.result().counts["train"] > 0
    assert "digits is being prepared by another process; waiting for it" in told


def test_the_square_is_the_centre_and_transparency_is_white(tmp_path):
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 200
    Image.fromarray(wide).save(tmp_path / "wide.png")
    assert read_image(tmp_path / "wide.png", 16, 3)[4:12, 4:12].min() >= 199
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (read_image(tmp_path / "clear.png", 16, 3) == 255).all()
    deep = np.full((20, 20), 65535 // 2, np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert read_image(tmp_path / "deep.png", 16, 1).mean() == pytest.approx(127, abs=1)


def test_orientation_is_heeded(tmp_path):
    image = Image.fromarray(
        np.repeat([[[0] * 3], [[255] * 3]], 20, 1).repeat(10, 0).astype(np.uint8)
    )
    exif = image.getexif()
    exif[0x0112] = 3  # upside down
    image.save(tmp_path / "a.png", exif=exif)
    turned = read_image(tmp_path / "a.png", 16, 1)
    assert turned[2].mean() > 200
    assert turned[-2].mean() < 50


def test_grey_folders_have_one_channel(tmp_path):
    folder = tmp_path / "grey"
    folder.mkdir()
    for i in range(5):
        Image.new("L", (20, 20), i).save(folder / f"{i}.png")
    assert data.prepare("folder", source=folder, size=16).channels == 1


@pytest.mark.parametrize("names", [("train", "val", "test"), ("Train", "Valid", "TEST")])
def test_folders_named_like_splits_and_classes_are_these(tmp_path, names):
    for split in names:
        for kind in ("cat", "dog"):
            folder = tmp_path / "set" / split / kind
            folder.mkdir(parents=True)
            for i in range(2):
                Image.new("L", (20, 20), i).save(folder / f"{i}.png")
    made = data.prepare("folder", source=tmp_path / "set", size=16, set_name=names[0])
    assert made.counts == {"train": 4, "validation": 4, "test": 4}
    assert made.classes == ["cat", "dog"]
    assert list(made.split("test").labels(np.arange(4))) == [0, 0, 1, 1]


def test_a_truncated_image_is_named_and_can_be_skipped(pictures):
    good = (pictures / "3.png").read_bytes()
    (pictures / "3.png").write_bytes(good[: len(good) // 2])
    with pytest.raises(UserError, match=r"3\.png cannot be read.*--skip-bad"):
        data.prepare("folder", source=pictures, size=16)
    assert not os.path.exists(data.root() / "pictures-16")
    made = data.prepare("folder", source=pictures, size=16, skip_bad=True)
    assert sum(made.counts.values()) == 14
    assert made.meta["skipped"] == 1


def test_attributes_are_not_lost_when_a_set_is_reused(pictures, tmp_path):
    data.prepare("folder", source=pictures, size=16)
    table = tmp_path / "a.csv"
    files = sorted(f for f in pictures.rglob("*") if f.suffix != ".txt" and f.is_file())
    table.write_text("file,Hat\n" + "".join(f"{f.relative_to(pictures)},1\n" for f in files))
    with pytest.raises(UserError, match="was prepared with attributes None"):
        data.prepare("folder", source=pictures, size=16, attributes=table)
    made = data.prepare("folder", source=pictures, size=16, attributes=table, overwrite=True)
    assert made.attribute_names == ["Hat"]
    assert made.split("train").attributes([0]).tolist() == [[1]]


@pytest.mark.parametrize("kind", ["png", "jpg", "gif", "tif", "webp", "bmp", "ppm"])
def test_damage_of_any_kind_names_the_file(tmp_path, kind, recwarn):
    """Each damaged file is read all the same, or told; nothing else is ever raised."""
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (24, 30, 3), np.uint8))
    exif = image.getexif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    path = tmp_path / f"a.{kind}"
    image.save(path, **({"exif": exif} if kind in ("png", "jpg", "tif", "webp") else {}))
    good, told, read = path.read_bytes(), 0, 0
    for i in range(150):
        bad = bytearray(good[: rng.integers(1, len(good))] if i % 5 == 0 else good)
        for _ in range(rng.integers(1, 6)):
            bad[rng.integers(min(len(bad), 200 if i % 2 else len(bad)))] = rng.integers(256)
        path.write_bytes(bytes(bad))
        try:
            assert read_image(path, 16, 3).shape == (16, 16, 3)
        except UserError as error:
            told += str(error).startswith(str(path))
            continue
        read += 1
    assert told > 0
    assert told + read == 150


def test_orientation_that_cannot_be_parsed_names_the_file(tmp_path, monkeypatch):
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")

    def fails(image, *, in_place):
        raise struct.error("required argument is not an integer")  # as PIL does for some EXIF

    monkeypatch.setattr(ImageOps, "exif_transpose", fails)
    with pytest.raises(UserError, match=r"a\.png cannot be read as an image \(required"):
        read_image(tmp_path / "a.png", 16, 3)


def test_a_small_file_that_claims_a_huge_image_is_not_decoded(tmp_path):
    def chunk(kind, body):
        crc = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + crc

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(png)
    with pytest.raises(UserError, match=r"bomb\.png"):
        read_image(tmp_path / "bomb.png", 16, 3)


def test_an_empty_folder_is_told(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no image"):
        data.prepare("folder", source=tmp_path / "empty")


FILES = ["a.png", "b/c.png"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,Hat\na.png,1\n", r"no row for b/c\.png"),
        ("file,Hat\na.png,1\nb/c.png,0\nd.png,1\n", r"line 4: there is no image d\.png"),
        ("file,Hat\na.png,1\na.png,1\nb/c.png,0\n", r"line 3: a\.png has a row already"),
        ("file,Hat\na.png,2\nb/c.png,0\n", r"line 2: 1 values of 0, 1 or -1"),
        ("file,Hat\na.png,1,1\nb/c.png,0\n", r"line 2"),
        ("", "needs a header"),
        ("file,Hat\n", "needs a header"),
        ("file,Hat,Hat\na.png,1,1\nb/c.png,0,0\n", "a name of its own"),
        ("file,Hat,\na.png,1,1\nb/c.png,0,0\n", "a name of its own"),
        ('file,"Hat, red"\na.png,1\nb/c.png,0\n', "'Hat, red' has a comma"),
        ("3\nHat\na.png 1\nb/c.png -1\n", "announces 3 rows, but has 2"),
        ("2\nHat\na.png 1\nb/c.png 7\n", r"line 4: 1 values of 0, 1 or -1"),
    ],
)
def test_attributes_that_do_not_match_are_told(tmp_path, text, words):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(UserError, match=words):
        read_attributes(tmp_path / "a.csv", FILES)


def test_attributes_are_read_by_name_not_by_order(tmp_path):
    (tmp_path / "a.csv").write_text("file,Hat,Beard\n./b/c.png,-1,1\na.png ,1,0\n")
    values, names = read_attributes(tmp_path / "a.csv", FILES)
    assert names == ["Hat", "Beard"]
    assert values.tolist() == [[1, 0], [0, 1]]


def test_celebas_own_format_is_read(tmp_path):
    (tmp_path / "list_attr.txt").write_text("2\nHat Beard\nb/c.png -1  1\na.png  1 -1\n")
    values, names = read_attributes(tmp_path / "list_attr.txt", FILES)
    assert names == ["Hat", "Beard"]
    assert values.tolist() == [[1, 0], [0, 1]]

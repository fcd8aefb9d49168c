"""CelebA's own files: the official partition, the named crops, and a write that can be killed."""

import io
import os
import sys
import types
import zipfile

import numpy as np
import pytest
from PIL import Image

from data.celeba_files import NAMES, make, write
from idvae import data
from idvae.data import celeba, hub
from idvae.data.celeba_crops import CROPS, read_face
from idvae.data.conditions import Condition
from idvae.errors import UserError

LANCZOS = Image.Resampling.LANCZOS


@pytest.fixture(autouse=True)
def own_root(tmp_path, monkeypatch):
    monkeypatch.setenv("IDVAE_DATA", str(tmp_path / "sets"))


@pytest.fixture
def faces():
    return make()


@pytest.fixture
def root(tmp_path, faces):
    write(tmp_path / "celeba", faces)
    return tmp_path / "celeba"


def rows(made, split):
    part = made.split(split)
    return part.gather(np.arange(len(part))), part.attributes(np.arange(len(part)))


def wanted(faces, split, box, size):
    images = [Image.open(io.BytesIO(image)) for image, s, _ in faces.values() if s == split]
    return np.stack([np.asarray(one.crop(box).resize((size, size), LANCZOS)) for one in images])


# ---------------------------------------------------------------------------------- what is right


def test_faces_are_cropped_and_split_as_celeba_says(root, faces):
    made = data.prepare("celeba", source=root)
    assert made.name == "celeba-64"
    assert made.counts == {"train": 12, "validation": 4, "test": 4}
    assert (made.size, made.channels, made.attribute_names) == (64, 3, NAMES)
    for number, split in enumerate(made.counts):
        images, attributes = rows(made, split)
        np.testing.assert_array_equal(images, wanted(faces, number, (19, 39, 159, 179), 64))
        signs = np.array([row for _, s, row in faces.values() if s == number])
        np.testing.assert_array_equal(attributes * 2 - 1, signs)


def test_a_zip_and_sorted_folders_give_the_same_set(tmp_path, root, faces):
    write(tmp_path / "packed", faces, packed=True)
    sorted_as_distributed = tmp_path / "sorted"
    for sub, name in (
        ("Img", "img_align_celeba.zip"),
        ("Anno", "list_attr_celeba.txt"),
        ("Eval", "list_eval_partition.txt"),
    ):
        (sorted_as_distributed / sub).mkdir(parents=True)
        os.link(tmp_path / "packed" / name, sorted_as_distributed / sub / name)
    checksums = {
        data.prepare("celeba", source=place, set_name=f"set-{place.name}").checksum
        for place in (root, tmp_path / "packed", sorted_as_distributed)
    }
    assert len(checksums) == 1
    assert sorted(os.listdir(tmp_path / "packed")) == [
        "img_align_celeba.zip", "list_attr_celeba.txt", "list_eval_partition.txt",
    ]  # fmt: skip


@pytest.mark.parametrize("crop", CROPS)
def test_the_named_crops_are_those_of_the_papers(root, faces, crop):
    made = data.prepare("celeba", source=root, crop=crop, size=32)
    assert made.name == f"celeba-{crop}-32"
    assert made.meta["crop"].startswith(f"{crop} (")
    images, _ = rows(made, "test")
    if crop == "ali":
        whole = [Image.open(io.BytesIO(image)) for image, s, _ in faces.values() if s == 2]
        # Their 64×78 and rows 7 to 71, at half the size: 32×39, and rows 3.5 to 35.5.
        expected = [one.resize((64, 78), LANCZOS).crop((0, 7, 64, 71)) for one in whole]
        exact = [read_face(image, "ali", 64, "") for image, s, _ in faces.values() if s == 2]
        assert np.abs(np.stack(exact).astype(int) - np.stack(expected)).max() <= 1
    else:
        box = tuple(int(edge) for edge in CROPS[crop])
        np.testing.assert_array_equal(images, wanted(faces, 2, box, 32))


def test_fewer_faces_keep_the_official_split(root):
    made = data.prepare("celeba", source=root, n=10)
    assert made.counts == {"train": 6, "validation": 2, "test": 2}


def test_a_condition_takes_the_main_attributes_or_any(root):
    made = data.prepare("celeba", source=root)
    assert Condition.of(made, "attributes").names == ("Bald", "Male", "Young")
    assert Condition.of(made, "Smiling,Bald").names == ("Smiling", "Bald")


def test_what_is_prepared_is_used_again_but_not_for_another_crop(root, capsys):
    data.prepare("celeba", source=root, set_name="faces")
    data.prepare("celeba", source=root, set_name="faces")
    assert "faces is prepared already" in capsys.readouterr().err
    with pytest.raises(UserError, match="was prepared with crop None, not icgan"):
        data.prepare("celeba", source=root, set_name="faces", crop="icgan")


# ----------------------------------------------------------------------------------- what is wrong


def told(source, match, **options):
    with pytest.raises(UserError, match=match) as caught:
        data.prepare("celeba", source=source, **options)
    assert "\n" not in str(caught.value)
    assert not data.root().exists() or os.listdir(data.root()) == []


def test_what_is_missing_is_told(tmp_path, root):
    told(None, "celeba needs img_align_celeba .*--source DIR")
    told(tmp_path / "nowhere", "no such folder")
    told(root, "--crop face is unknown; there are closecrop, vae-gan", crop="face")
    with pytest.raises(UserError, match="--crop icgan is unknown; digits has no named crops"):
        data.prepare("digits", crop="icgan")
    for name in ("list_eval_partition.txt", "list_attr_celeba.txt", "img_align_celeba"):
        (root / name).rename(root / "away")
        told(root, rf"holds no {name}(\.zip)?; --source names the folder")
        (root / "away").rename(root / name)
    told(root, "--skip-bad belongs to folder", skip_bad=True)
    told(root, "--n 21 is more than the 20", n=21)


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("000003.jpg 0", "000003.jpg 3", "line 3: a name and 0, 1 or 2 are needed"),
        ("000003.jpg 0", "000003.jpg", "line 3: a name and 0, 1 or 2 are needed"),
        ("000003.jpg 0", "000002.jpg 0", r"line 3: 000002\.jpg is there already"),
        ("000003.jpg 0\n", "", r"has no row for 000003\.jpg"),
        ("000003.jpg 0\n", "000003.jpg 0\n000099.jpg 0\n", r"lists 000099\.jpg, but there is no"),
    ],
)
def test_a_wrong_partition_is_told(root, old, new, match):
    edit(root / "list_eval_partition.txt", old, new)
    told(root, rf"list_eval_partition\.txt.*{match}")
    told(root, match, n=5)


def test_a_complete_partition_must_be_the_official_one(root, monkeypatch):
    monkeypatch.setattr(celeba, "COUNTS", {"train": 13, "validation": 3, "test": 4})
    told(root, "the partition has 12 images for train, not the official 13")


def cut_rows(text):
    lines = text.splitlines(keepends=True)
    return "".join(["19\n", *lines[1:5], *lines[6:]])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda text: text.replace("000004.jpg", "000400.jpg"), r"there is no image 000400\.jpg"),
        (lambda text: text[: text.index("000018.jpg")], "announces 20 rows, but has 17"),
        (cut_rows, r"has no row for 000004\.jpg"),
        (lambda text: text.replace("000004.jpg ", "000004.jpg  1"), "line 6: 4 values"),
        (lambda text: text.replace("Bald ", "Male "), "a name of its own"),
        (lambda text: "", "needs a header"),
        (lambda text: "20\n", "needs a header"),
        (lambda text: "20\nBald\n", "announces 20 rows, but has 0"),
    ],
)
def test_wrong_attributes_are_told(root, change, match):
    path = root / "list_attr_celeba.txt"
    path.write_text(change(path.read_text()))
    told(root, rf"list_attr_celeba\.txt.*{match}")


def test_lists_that_are_no_text_are_told(root):
    for name in ("list_attr_celeba.txt", "list_eval_partition.txt"):
        good = (root / name).read_bytes()
        (root / name).write_bytes(b"\xff\xfe\x00")
        told(root, f"{name} cannot be read")
        (root / name).write_bytes(good)


def test_damaged_images_are_told(root, faces):
    path = root / "img_align_celeba" / "000014.jpg"
    path.write_bytes(faces["000014.jpg"][0][:-900])
    told(root, r"000014\.jpg cannot be read as an image")
    path.write_bytes(b"")
    told(root, r"000014\.jpg cannot be read as an image")
    Image.new("RGB", (64, 64)).save(path)
    told(root, r"000014\.jpg has 64×64 pixels, not 178×218: it is no aligned image")


def test_a_small_file_that_claims_a_huge_image_is_not_decoded(root, faces):
    image = bytearray(faces["000014.jpg"][0])
    at = image.index(b"\xff\xc0") + 5  # height and width in the frame's header
    image[at : at + 4] = b"\xff\xdc\xff\xdc"
    (root / "img_align_celeba" / "000014.jpg").write_bytes(bytes(image))
    told(root, r"000014\.jpg (has 65500×65500 pixels|cannot be read)")


@pytest.fixture
def packed(tmp_path, faces):
    write(tmp_path / "packed", faces, packed=True)
    return tmp_path / "packed"


def test_damaged_zips_are_told(packed, faces):
    path = packed / "img_align_celeba.zip"
    good = path.read_bytes()
    path.write_bytes(good[:-100])
    told(packed, r"img_align_celeba\.zip cannot be opened")
    bad = bytearray(good)
    bad[good.index(faces["000007.jpg"][0]) + 500] ^= 1
    path.write_bytes(bytes(bad))
    told(packed, r"img_align_celeba\.zip, 000007\.jpg is damaged \(Bad CRC-32.*fetch the zip")
    bad = bytearray(good)
    bad[good.index(b"img_align_celeba/000007.jpg") - 30] ^= 1  # the member's own header
    path.write_bytes(bytes(bad))
    told(packed, r"000007\.jpg is damaged")
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("a/000001.jpg", "b/000001.jpg"):
            archive.writestr(name, faces["000001.jpg"][0])
    told(packed, "holds two images of one name")


def test_members_that_are_too_large_are_not_unpacked(packed, faces, monkeypatch):
    path = packed / "img_align_celeba.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (image, _, _) in faces.items():
            archive.writestr(name, image if name != "000002.jpg" else bytes(1 << 23))
    told(packed, r"000002\.jpg is larger than any image of CelebA's")


# --------------------------------------------------------------------------------------- download


class Table:
    """What `datasets` gives, as far as it is used."""

    def __init__(self, images, columns):
        self.images, self.columns = images, columns
        self.column_names = ["image", "celeb_id", *columns]
        kinds = {"image": "PIL.Image.Image", "celeb_id": "int64"}
        self.features = {
            name: types.SimpleNamespace(dtype=kinds.get(name, "bool")) for name in self.column_names
        }

    def __len__(self):
        return len(self.images)

    def __getitem__(self, key):
        if key == slice(None):
            return {name: np.array(column) for name, column in self.columns.items()}
        return {"image": {"bytes": self.images[key], "path": None}}

    def select_columns(self, names):
        assert names == list(self.columns)
        return self

    def with_format(self, name):
        assert name == "numpy"
        return self

    def cast_column(self, name, feature):
        assert (name, feature) == ("image", "stored")
        return self


def test_the_download_is_the_same_set(root, faces, monkeypatch):
    tables = {}
    for number, split in enumerate(("train", "valid", "test")):
        part = [(image, row) for image, s, row in faces.values() if s == number]
        columns = {name: [row[k] > 0 for _, row in part] for k, name in enumerate(NAMES)}
        tables[split] = Table([image for image, _ in part], columns)
    monkeypatch.setattr(hub, "download", lambda address: tables)
    image = types.SimpleNamespace(Image=lambda decode: "stored")
    monkeypatch.setitem(sys.modules, "datasets", image)
    told("huggingface", "12 images for train, not the official 162,770")
    counts = {"train": 12, "validation": 4, "test": 4}
    monkeypatch.setattr(celeba, "COUNTS", counts)
    downloaded = data.prepare("celeba", source="huggingface", set_name="downloaded")
    assert downloaded.checksum == data.prepare("celeba", source=root).checksum

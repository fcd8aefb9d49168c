"""CIFAR-10's binary version: read as its page says, and every other file told in one line."""

import gzip
import io
import os
import pickle
import tarfile

import numpy as np
import pytest
from PIL import Image

from data.cifar_files import FOLDER, binary, make, make_official, write_archive, write_folder
from idvae import data
from idvae.data import cifar10, hub
from idvae.errors import UserError


@pytest.fixture(autouse=True)
def own_root(tmp_path, monkeypatch):
    monkeypatch.setenv("IDVAE_DATA", str(tmp_path / "sets"))


@pytest.fixture
def batches(monkeypatch):
    made = make()
    make_official(monkeypatch, made)
    return made


def rows(made, split):
    part = made.split(split)
    return part.gather(np.arange(len(part))), part.labels(np.arange(len(part)))


def told(source, match):
    with pytest.raises(UserError, match=match) as caught:
        data.prepare("cifar10", source=source)
    assert "\n" not in str(caught.value)
    assert not data.root().exists() or os.listdir(data.root()) == []


@pytest.mark.parametrize("place", ["folder", "above it", "archive", "beside it"])
def test_images_and_labels_are_those_of_the_files(tmp_path, batches, place):
    if place in ("folder", "above it"):
        write_folder(tmp_path / FOLDER, batches)
        source = tmp_path / FOLDER if place == "folder" else tmp_path
    else:
        write_archive(tmp_path / cifar10.ARCHIVE, batches)
        source = tmp_path / cifar10.ARCHIVE if place == "archive" else tmp_path
    made = data.prepare("cifar10", source=source)
    assert made.name == "cifar10-32"
    assert made.counts == {"train": 90, "validation": 10, "test": 20}
    assert (made.channels, made.classes[2]) == (3, "bird")
    images, labels = rows(made, "test")
    np.testing.assert_array_equal(images, batches["test_batch.bin"][0])
    assert labels.tolist() == batches["test_batch.bin"][1]
    images, labels = rows(made, "validation")
    np.testing.assert_array_equal(images, batches["data_batch_5.bin"][0][10:])
    assert labels.tolist() == batches["data_batch_5.bin"][1][10:]


def test_other_sizes_are_resized_and_fewer_taken(tmp_path, batches):
    write_folder(tmp_path / FOLDER, batches)
    made = data.prepare("cifar10", source=tmp_path, size=16, n=24)
    assert made.counts == {"train": 18, "validation": 2, "test": 4}
    images, _ = rows(made, "test")
    small = batches["test_batch.bin"][0][:4].reshape(4, 16, 2, 16, 2, 3).mean((2, 4))
    assert images.shape == (4, 16, 16, 3)
    assert np.corrcoef(images.ravel(), small.ravel())[0, 1] > 0.85


def test_the_download_is_the_same_set(monkeypatch, batches, tmp_path):
    there = {"train": [], "test": []}
    for name, (images, labels) in batches.items():
        there["test" if name == "test_batch.bin" else "train"] += [
            {"img": Image.fromarray(one), "label": number}
            for one, number in zip(images, labels, strict=True)
        ]
    monkeypatch.setattr(hub, "download", lambda address: there)
    with pytest.raises(UserError, match="has 100 images for train, not 50,000"):
        data.prepare("cifar10", source="huggingface")
    monkeypatch.setattr(cifar10, "HUB_COUNTS", (100, 20))
    downloaded = data.prepare("cifar10", source="huggingface", set_name="downloaded")
    write_folder(tmp_path / FOLDER, batches)
    assert downloaded.checksum == data.prepare("cifar10", source=tmp_path).checksum


# ------------------------------------------------------------------------------------ what is wrong


class Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("place", ["folder", "above it", "archive", "beside it"])
def test_the_python_version_is_never_opened_and_the_right_file_is_named(tmp_path, batches, place):
    made_by_it = tmp_path / "executed"
    payload = pickle.dumps(Hostile(made_by_it), 2)
    folder = tmp_path / "given" / cifar10.PYTHON_FOLDER
    folder.mkdir(parents=True)
    (folder / "data_batch_1").write_bytes(payload)
    sources = {
        "folder": folder,
        "above it": folder.parent,
        "archive": tmp_path / "renamed.tgz",
        "beside it": tmp_path / "beside",
    }
    (tmp_path / "beside").mkdir()
    for archive in (sources["archive"], tmp_path / "beside" / cifar10.PYTHON_ARCHIVE):
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(folder, cifar10.PYTHON_FOLDER)
    told(sources[place], r"Python version, whose pickles are never read; get cifar-10-binary\.tar")
    assert not made_by_it.exists()
    pickle.loads(payload)  # the pickle is truly hostile
    assert made_by_it.exists()


def test_every_batch_must_be_the_official_one(tmp_path, batches):
    write_folder(tmp_path / FOLDER, batches)
    damaged = bytearray(binary(*batches["data_batch_2.bin"]))
    damaged[5000] ^= 1
    (tmp_path / FOLDER / "data_batch_2.bin").write_bytes(damaged)
    told(tmp_path, r"data_batch_2\.bin is not the official file: its SHA-256 differs")


def test_the_official_files_are_known_by_all_digits():
    """Sizes and hashes as tests do not change them."""
    assert cifar10.RECORD * cifar10.RECORDS == 30_730_000
    assert all(len(bytes.fromhex(digest)) == 32 for digest in cifar10.OFFICIAL.values())
    assert list(cifar10.OFFICIAL)[-1] == "test_batch.bin"


def test_missing_files_are_told(tmp_path, batches):
    told(None, r"cifar10 needs cifar-10-binary\.tar\.gz or the folder")
    told(tmp_path / "nowhere", "no such file or folder")
    told(tmp_path, r"holds no cifar-10-batches-bin/data_batch_1\.bin")
    del batches["data_batch_4.bin"]
    write_folder(tmp_path / FOLDER, batches)
    told(tmp_path, r"holds no cifar-10-batches-bin/data_batch_4\.bin")
    write_archive(tmp_path / "x.tar.gz", batches)
    told(tmp_path / "x.tar.gz", r"holds no cifar-10-batches-bin/data_batch_4\.bin")


def test_damaged_archives_are_told(tmp_path, batches):
    path = tmp_path / "x.tar.gz"
    write_archive(path, batches)
    good = path.read_bytes()
    path.write_bytes(good[: len(good) // 2])
    told(path, "cannot be unpacked")
    path.write_bytes(good[:-8] + b"\0\0\0\0" + good[-4:])  # the checksum of the whole
    told(path, "cannot be unpacked.*CRC")
    path.write_bytes(gzip.compress(gzip.decompress(good)[:70_000]))
    told(path, r"x\.tar\.gz")
    path.write_bytes(b"hello")
    told(path, "cannot be unpacked")


def long_record(key, digits=5000):
    """A line of an extended header whose value is a number of many digits."""
    line = f" {key}=" + "9" * digits + "\n"
    return f"{len(line) + 4}{line}".encode()


@pytest.mark.parametrize(
    ("kind", "body", "headers"),
    [
        (tarfile.GNUTYPE_LONGNAME, b"name\0", 3000),  # each is read within the one before
        (tarfile.XHDTYPE, b"11 path=ab\n", 3000),
        (tarfile.XHDTYPE, long_record("GNU.sparse.map"), 1),
        (tarfile.XHDTYPE, b"23 GNU.sparse.size=nan\n", 1),
    ],
    ids=["names without end", "headers without end", "number of 5,000 digits", "no number"],
)
def test_hostile_headers_are_told(tmp_path, kind, body, headers):
    header = tarfile.TarInfo("header")
    header.type, header.size = kind, len(body)
    one = header.tobuf(tarfile.USTAR_FORMAT) + body + b"\0" * (-len(body) % 512)
    member = tarfile.TarInfo("member").tobuf(tarfile.USTAR_FORMAT)
    (tmp_path / "x.tar.gz").write_bytes(gzip.compress(one * headers + member + b"\0" * 1024))
    told(tmp_path / "x.tar.gz", "cannot be unpacked")


def test_an_archive_is_never_unpacked_to_its_paths(tmp_path, batches):
    path = tmp_path / "x.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name in ("../escaped", str(tmp_path / "absolute"), f"{FOLDER}/data_batch_1.bin"):
            member = tarfile.TarInfo(name)
            if name.endswith("batch_1.bin"):
                member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            else:
                member.size = 5
            tar.addfile(member, io.BytesIO(b"hello"))
    told(path, r"holds no cifar-10-batches-bin/data_batch_1\.bin")
    assert sorted(os.listdir(tmp_path)) == ["x.tar.gz"]


def test_archives_and_files_of_another_size_are_not_read(tmp_path, batches, monkeypatch):
    write_archive(tmp_path / "x.tar.gz", batches)
    monkeypatch.setattr(cifar10, "MAX_ARCHIVE", 100_000)
    told(tmp_path / "x.tar.gz", "unpacks to more than")
    monkeypatch.setattr(cifar10, "MAX_ARCHIVE", 1 << 28)
    monkeypatch.setattr(cifar10, "RECORDS", 21)
    told(tmp_path / "x.tar.gz", r"data_batch_1\.bin has 61,460 bytes, not the 64,533 of a CIFAR-10")
    write_folder(tmp_path / FOLDER, batches)
    told(tmp_path, r"data_batch_1\.bin has 61,460 bytes, not the 64,533")

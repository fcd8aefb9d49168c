"""CIFAR-10's own files: read without running a pickle, and every bad one told in one line."""

import gzip
import hashlib
import io
import os
import pickle
import tarfile

import numpy as np
import pytest
from PIL import Image

from data.cifar_files import FOLDER, array, make, pickled, write_archive, write_folder
from idvae import data
from idvae.data import cifar10, cifar_batch, hub
from idvae.data.cifar_batch import read_batch
from idvae.data.safe_pickle import read_pickle
from idvae.errors import UserError


@pytest.fixture(autouse=True)
def own_root(tmp_path, monkeypatch):
    monkeypatch.setenv("IDVAE_DATA", str(tmp_path / "sets"))


@pytest.fixture
def batches():
    return make()


def rows(made, split):
    part = made.split(split)
    return part.gather(np.arange(len(part))), part.labels(np.arange(len(part)))


def as_images(flat):
    return flat.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


def refused(payload, match):
    with pytest.raises(UserError, match=match) as caught:
        read_batch(payload, "data_batch_1", "some/data_batch_1")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("some/data_batch_1")


# ---------------------------------------------------------------------------------- what is right


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
    np.testing.assert_array_equal(images, as_images(batches["test_batch"][0]))
    assert labels.tolist() == batches["test_batch"][1]
    images, labels = rows(made, "validation")
    np.testing.assert_array_equal(images, as_images(batches["data_batch_5"][0])[10:])
    assert labels.tolist() == batches["data_batch_5"][1][10:]


def test_the_opcodes_of_the_tests_are_a_true_pickle(batches):
    """pickle itself reads the same, so these files are what Python 2 would have written."""
    images, labels = batches["data_batch_1"]
    loaded = pickle.loads(pickled(images, labels), encoding="bytes")
    np.testing.assert_array_equal(loaded[b"data"], images)
    assert loaded[b"labels"] == labels


def test_other_sizes_are_resized_and_fewer_taken(tmp_path, batches):
    write_folder(tmp_path / FOLDER, batches)
    made = data.prepare("cifar10", source=tmp_path, size=16, n=24)
    assert made.counts == {"train": 18, "validation": 2, "test": 4}
    images, _ = rows(made, "test")
    small = as_images(batches["test_batch"][0])[:4].reshape(4, 16, 2, 16, 2, 3).mean((2, 4))
    assert images.shape == (4, 16, 16, 3)
    assert np.corrcoef(images.ravel(), small.ravel())[0, 1] > 0.85


# -------------------------------------------------------------------------------- what is hostile


class Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(6))
def test_a_hostile_pickle_is_refused_and_not_executed(tmp_path, batches, protocol):
    write_folder(tmp_path / FOLDER, batches)
    made_by_it = tmp_path / "executed"
    payload = pickle.dumps({"data": Hostile(made_by_it)}, protocol)
    (tmp_path / FOLDER / "data_batch_3").write_bytes(payload)
    with pytest.raises(UserError, match=r"data_batch_3 .*nothing of it was executed"):
        data.prepare("cifar10", source=tmp_path)
    assert not made_by_it.exists()
    assert not os.path.exists(data.root() / "cifar10-32")
    pickle.loads(payload)  # the pickle is truly hostile
    assert made_by_it.exists()


def test_a_hostile_array_in_a_whole_batch_is_refused(tmp_path, batches):
    images, labels = batches["data_batch_1"]
    path = str(tmp_path / "executed").encode()
    call = b"cposix\nmkdir\nU" + bytes([len(path)]) + path + b"\x85R"
    refused(pickled(images, labels, call), r"holds the name posix\.mkdir, which no CIFAR batch")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "name", [b"numpy\nload", b"numpy.core.multiarray\n_reconstruct.x", b"builtins\neval"]
)
def test_names_near_the_known_ones_are_refused_too(name):
    refused(b"\x80\x02c" + name + b"\n(tR.", "holds the name")


def test_known_names_are_not_called_either():
    """No array is ever made by the pickle, however large it says it is."""
    noted = read_pickle(b"\x80\x02cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85R.", "x")
    assert (noted.name, noted.arguments) == ("numpy ndarray", (2**31 - 1,))


@pytest.mark.parametrize(
    "opcodes",
    [
        b"(i__main__\nx\n.", b"}(}]uP1\n.", b"\x82\x01.", b"]]o.", b"}}\x81.", b"Vtext\n.",
        b"\x8c\x01a.", b"NQ.", b"(1.",
    ],
)  # fmt: skip
def test_opcodes_that_cifar_does_not_need_are_refused(opcodes):
    refused(b"\x80\x02" + opcodes, "opcode|damaged")


def test_a_small_archive_cannot_fill_the_memory():
    refused(b"\x80\x02" + b"}" * 2_000_000 + b".", "more than 1,000,000 opcodes")


def test_what_is_nested_deeply_is_read_without_recursion():
    name = b"\x80\x02" + b"cnumpy\nndarray\n" * 100_000
    refused(name + b"N" + b"\x85R" * 100_000 + b".", "no data and labels")
    refused(b"\x80\x02N" + b"\x85" * 500_000 + b".", "no data and labels")


def test_whatever_is_damaged_is_told(batches):
    good = bytearray(pickled(*batches["data_batch_1"]))
    rng = np.random.default_rng(0)
    told = 0
    for i in range(400):
        bad = good[: rng.integers(len(good))] if i % 4 == 0 else bytearray(good)
        for _ in range(rng.integers(1, 4)):
            if bad:
                bad[rng.integers(min(len(bad), 300))] = rng.integers(256)
        try:
            read_batch(bytes(bad), "data_batch_1", "x")
        except UserError as error:
            told += str(error).startswith("x") and len(str(error)) < 300
            continue
        told += 1
    assert told == 400


# ------------------------------------------------------------------------------------ what is wrong


def test_contents_that_do_not_fit_are_told(batches):
    images, labels = batches["data_batch_1"]
    refused(b"\x80\x02].", "no data and labels")
    refused(b"\x80\x02}.", "no data and labels")
    refused(b"", "is damaged")
    refused(b"\x80\x02}", "is damaged")
    refused(pickled(images, [*labels[:-1], 10]), "labels are not numbers of 0 to 9")
    refused(pickled(images, labels[:-1]), "20 images and 19 labels")
    refused(pickled(images[:0], []), "0 images")
    refused(pickled(images, labels, b"N"), "no array of rows of 3072 bytes")
    refused(pickled(images, labels, array(images, (40, 1536))), "no array of rows")
    refused(pickled(images, labels, array(images, (21, 3072))), "no array of rows")
    refused(pickled(images, labels, array(images, dtype=b"f4")), "no array of rows")


def test_a_complete_batch_must_be_the_official_one(batches, monkeypatch):
    monkeypatch.setattr(cifar_batch, "OFFICIAL_ROWS", 20)
    payload = pickled(*batches["data_batch_1"])
    refused(payload, "MD5 differs")
    monkeypatch.setitem(cifar_batch.OFFICIAL, "data_batch_1", hashlib.md5(payload).hexdigest())
    assert len(read_batch(payload, "data_batch_1", "x")[0]) == 20


def told(source, match):
    with pytest.raises(UserError, match=match) as caught:
        data.prepare("cifar10", source=source)
    assert "\n" not in str(caught.value)
    assert not data.root().exists() or os.listdir(data.root()) == []


def test_missing_files_are_told(tmp_path, batches):
    told(None, "cifar10 needs cifar-10-python.tar.gz or the folder")
    told(tmp_path / "nowhere", "no such file or folder")
    told(tmp_path, "holds no cifar-10-batches-py/data_batch_1")
    del batches["data_batch_4"]
    write_folder(tmp_path / FOLDER, batches)
    told(tmp_path, "holds no cifar-10-batches-py/data_batch_4")
    write_archive(tmp_path / "x.tar.gz", batches)
    told(tmp_path / "x.tar.gz", "holds no cifar-10-batches-py/data_batch_4")


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


def test_an_archive_is_never_unpacked_to_its_paths(tmp_path, batches):
    path = tmp_path / "x.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name in ("../escaped", str(tmp_path / "absolute"), f"{FOLDER}/data_batch_1"):
            member = tarfile.TarInfo(name)
            if name.endswith("batch_1"):
                member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            else:
                member.size = 5
            tar.addfile(member, io.BytesIO(b"hello"))
    told(path, "holds no cifar-10-batches-py/data_batch_1")
    assert sorted(os.listdir(tmp_path)) == ["x.tar.gz"]


def test_archives_and_files_that_are_too_large_are_not_read(tmp_path, batches, monkeypatch):
    write_archive(tmp_path / "x.tar.gz", batches)
    monkeypatch.setattr(cifar10, "MAX_ARCHIVE", 100_000)
    told(tmp_path / "x.tar.gz", "unpacks to more than")
    monkeypatch.setattr(cifar10, "MAX_ARCHIVE", 1 << 28)
    monkeypatch.setattr(cifar10, "MAX_FILE", 1000)
    told(tmp_path / "x.tar.gz", "larger than any CIFAR-10 batch")
    write_folder(tmp_path / FOLDER, batches)
    told(tmp_path, "larger than any CIFAR-10 batch")


def test_the_download_is_the_same_set(monkeypatch, batches, tmp_path):
    there = {"train": [], "test": []}
    for name, (images, labels) in batches.items():
        there["test" if name == "test_batch" else "train"] += [
            {"img": Image.fromarray(np.ascontiguousarray(one)), "label": number}
            for one, number in zip(as_images(images), labels, strict=True)
        ]
    monkeypatch.setattr(hub, "download", lambda address: there)
    with pytest.raises(UserError, match="has 100 images for train, not 50,000"):
        data.prepare("cifar10", source="huggingface")
    monkeypatch.setattr(cifar10, "HUB_COUNTS", (100, 20))
    downloaded = data.prepare("cifar10", source="huggingface", set_name="downloaded")
    write_folder(tmp_path / FOLDER, batches)
    assert downloaded.checksum == data.prepare("cifar10", source=tmp_path).checksum

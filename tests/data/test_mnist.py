"""MNIST's own files: as Fashion-MNIST's, but never taken for them."""

import gzip
import sys
import types

import numpy as np
import pytest
from PIL import Image

from idvae import data
from idvae.data import hub, mnist
from idvae.errors import UserError

STEMS = {"train": 60, "t10k": 20}


@pytest.fixture(autouse=True)
def own_root(tmp_path, monkeypatch):
    monkeypatch.setenv("IDVAE_DATA", str(tmp_path / "sets"))


def idx(array):
    header = bytes((0, 0, 8, array.ndim)) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.tobytes()


def make():
    rng = np.random.default_rng(0)
    return {
        stem: (rng.integers(0, 256, (n, 28, 28), np.uint8), (np.arange(n) * 7 % 10).astype("u1"))
        for stem, n in STEMS.items()
    }


def write(folder, parts, packed=True, dot=False):
    folder.mkdir(exist_ok=True)
    for stem, (images, labels) in parts.items():
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            name = f"{stem}-{kind}-ubyte"
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
            else:
                (folder / (name.replace("-idx", ".idx") if dot else name)).write_bytes(idx(array))


def rows(made, split):
    part = made.split(split)
    return part.gather(np.arange(len(part))), part.labels(np.arange(len(part)))


@pytest.mark.parametrize("options", [{}, {"packed": False}, {"packed": False, "dot": True}])
def test_digits_keep_their_pixels_and_the_official_test(tmp_path, options):
    parts = make()
    write(tmp_path / "files", parts, **options)
    made = data.prepare("mnist", source=tmp_path / "files")
    assert made.name == "mnist-32"
    assert made.counts == {"train": 54, "validation": 6, "test": 20}
    assert made.classes == [str(k) for k in range(10)]
    images, labels = rows(made, "test")
    np.testing.assert_array_equal(images[:, 2:-2, 2:-2, 0], parts["t10k"][0])
    assert images[:, :2].max() == images[:, -2:].max() == images[:, :, :2].max() == 0
    np.testing.assert_array_equal(labels, parts["t10k"][1])
    images, labels = rows(made, "validation")
    np.testing.assert_array_equal(images[:, 2:-2, 2:-2, 0], parts["train"][0][54:])
    np.testing.assert_array_equal(labels, parts["train"][1][54:])


def test_other_sizes_are_antialiased(tmp_path):
    parts = make()
    write(tmp_path / "files", parts)
    made = data.prepare("mnist", source=tmp_path / "files", size=16)
    images, _ = rows(made, "test")
    wanted = Image.fromarray(parts["t10k"][0][3]).resize((16, 16), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(images[3, :, :, 0], wanted)


def told(source, match):
    with pytest.raises(UserError, match=match) as caught:
        data.prepare("mnist", source=source)
    assert "\n" not in str(caught.value)


def test_bad_files_are_told(tmp_path):
    told(None, "mnist needs its four idx .gz files.*--source DIR.*--source huggingface")
    told(tmp_path / "nowhere", "no such folder")
    folder = tmp_path / "files"
    write(folder, make())
    whole = (folder / "t10k-labels-idx1-ubyte.gz").read_bytes()
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    told(folder, "holds no t10k-labels-idx1-ubyte")
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(whole[:-3])
    told(folder, "t10k-labels-idx1-ubyte.gz cannot be unpacked")
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.zeros(3, "u1"))))
    told(folder, "do not belong together")
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.full(20, 10, "u1"))))
    told(folder, "do not belong together")
    assert not data.root().exists()


def test_a_successor_under_mnists_names_is_told(tmp_path, monkeypatch):
    """Fashion-MNIST and others have the same files; a complete set must have MNIST's digits."""
    folder, parts = tmp_path / "files", make()
    write(folder, parts)
    own = {"training": (6,) * 10, "test": (2,) * 10}
    monkeypatch.setattr(mnist, "COUNTS", own)
    assert sum(data.prepare("mnist", source=folder, set_name="own").counts.values()) == 80
    monkeypatch.setattr(mnist, "COUNTS", own | {"test": (3, 1, *(2,) * 8)})
    told(folder, r"test labels are not MNIST's \(digit 0 is there 2 times, not 3\)")


def test_mnists_own_counts_are_complete():
    assert [sum(counts) for counts in mnist.COUNTS.values()] == [60_000, 10_000]


# --------------------------------------------------------------------------------------- download


def test_the_download_is_the_same_set(tmp_path, monkeypatch):
    parts = make()

    def load_dataset(address):
        assert address == "ylecun/mnist"
        return {
            split: [
                {"image": Image.fromarray(one), "label": int(number)}
                for one, number in zip(images, labels, strict=True)
            ]
            for split, (images, labels) in zip(("train", "test"), parts.values(), strict=True)
        }

    module = types.SimpleNamespace(load_dataset=load_dataset)
    monkeypatch.setitem(sys.modules, "datasets", module)
    told("huggingface", "ylecun/mnist has 60 images for train, not 60,000")
    monkeypatch.setattr(mnist, "HUB_COUNTS", (60, 20))
    downloaded = data.prepare("mnist", source="huggingface", set_name="downloaded")
    write(tmp_path / "files", parts)
    assert downloaded.checksum == data.prepare("mnist", source=tmp_path / "files").checksum


def test_a_download_that_cannot_be_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    told("huggingface", r"Hugging Face datasets is not installed.*idvae\[hub-data\]")

    def load_dataset(address):
        raise ConnectionError("no\nnetwork")

    module = types.SimpleNamespace(load_dataset=load_dataset)
    monkeypatch.setitem(sys.modules, "datasets", module)
    told("huggingface", r"ylecun/mnist could not be downloaded \(no network\); use --source DIR")


def test_nothing_is_downloaded_unasked(monkeypatch):
    def download(address):
        raise AssertionError("it was not asked for")

    monkeypatch.setattr(hub, "download", download)
    for name in ("mnist", "cifar10", "celeba"):
        with pytest.raises(UserError, match=f"{name} is not prepared: {name} needs .*huggingface"):
            data.resolve(name)

"""Tars as webdataset has them: samples, classes, splits; what is odd is told."""

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from idvae import data
from idvae.data import resuming, webdataset
from idvae.errors import UserError


@pytest.fixture(autouse=True)
def own_root(tmp_path, monkeypatch):
    monkeypatch.setenv("IDVAE_DATA", str(tmp_path / "sets"))


def png(value, side=20, mode="RGB"):
    out = io.BytesIO()
    Image.new(mode, (side, side), value if mode == "L" else (value, 0, 255 - value)).save(
        out, "PNG"
    )
    return out.getvalue()


def write(path, members):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, text in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))


def samples(first, n, label=None):
    for i in range(first, first + n):
        yield f"part/{i:04}.png", png(i)
        if label == "cls":
            yield f"part/{i:04}.cls", str(i % 3).encode()
        if label == "json":
            yield f"part/{i:04}.json", json.dumps({"label": i % 3, "text": "x"}).encode()


@pytest.mark.parametrize("label", [None, "cls", "json"])
def test_images_and_classes_of_tars_with_splits_in_their_names(tmp_path, label):
    for first, file in [(0, "train-000"), (10, "train-001"), (20, "val-000"), (23, "test-000")]:
        n = 10 if "train" in file else 3
        write(tmp_path / "tars" / f"{file}.tar", samples(first, n, label))
    made = data.prepare("webdataset", source=tmp_path / "tars", size=16)
    assert made.name == "tars-16"
    assert made.counts == {"train": 20, "validation": 3, "test": 3}
    assert made.classes == (["0", "1", "2"] if label else None)
    for split, first in [("train", 0), ("validation", 20), ("test", 23)]:
        rows = made.split(split)
        np.testing.assert_array_equal(
            rows.gather(range(len(rows)))[:, 5, 5, 0], np.arange(first, first + len(rows))
        )
        if label:
            expected = np.arange(first, first + len(rows)) % 3
            np.testing.assert_array_equal(rows.labels(range(len(rows))), expected)


def test_a_single_tar_is_split_by_a_hash(tmp_path):
    write(tmp_path / "all.tar", samples(0, 60))
    made = data.prepare("webdataset", source=tmp_path / "all.tar", size=16, n=50)
    assert made.name == "all-16"
    assert sum(made.counts.values()) == 50
    assert made.counts["train"] > 25
    values = [made.split(s).gather(range(k))[:, 0, 0, 0] for s, k in made.counts.items() if k]
    assert len(np.unique(np.concatenate(values))) == 50


def test_grey_images_stay_grey(tmp_path):
    write(tmp_path / "grey.tar", ((f"{i}.png", png(i, mode="L")) for i in range(30)))
    assert data.prepare("webdataset", source=tmp_path / "grey.tar", size=16).channels == 1


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([("a.txt", b"x")], "holds no image"),
        ([("a.png", b"no image")], r"x\.tar, a cannot be read as an image"),
        ([("a.png", png(1)), ("a.jpg", png(2))], "there are two images of that name"),
        ([("a.png", png(1)), ("a.cls", b"cat")], r"a\.cls cannot be read"),
        ([("a.png", png(1)), ("a.cls", b"-3")], r"a\.cls holds '-3', which is no number"),
        ([("a.png", png(1)), ("a.cls", b"1"), ("b.png", png(1))], "b has no class, but others"),
        ([("a.png", b"")], r"x\.tar, a cannot be read as an image"),
        ([("a.png", png(1)), ("2024.01.02.png", png(2))], r"2024\.01\.02\.png: a sample's name"),
    ],
)
def test_odd_tars_are_told(tmp_path, members, words):
    write(tmp_path / "x.tar", members)
    with pytest.raises(UserError, match=words):
        data.prepare("webdataset", source=tmp_path / "x.tar", size=16)


def test_images_beside_the_one_of_a_sample_are_left_out(tmp_path):
    write(tmp_path / "x.tar", [*samples(0, 30), ("part/0000.mask.png", b""), ("._a.png", b"")])
    assert sum(data.prepare("webdataset", source=tmp_path / "x.tar", size=16).counts.values()) == 30


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.SYMTYPE])
def test_an_image_that_is_a_link_is_told(tmp_path, kind):
    write(tmp_path / "x.tar", samples(0, 3))
    with tarfile.open(tmp_path / "x.tar", "a") as archive:
        entry = tarfile.TarInfo("part/linked.png")
        entry.type, entry.linkname = kind, "part/0000.png"
        archive.addfile(entry)
    with pytest.raises(UserError, match=r"part/linked\.png is a link; write the tar"):
        data.prepare("webdataset", source=tmp_path / "x.tar", size=16)


def header_of(path, number):
    with tarfile.open(path) as archive:
        return archive.getmembers()[number].offset


@pytest.mark.parametrize("how", ["spoilt", "cut in a header", "cut between files"])
def test_a_damaged_tar_is_told_and_no_smaller_set_made(tmp_path, how):
    path = tmp_path / "x.tar"
    write(path, samples(0, 40))
    at, whole = header_of(path, 20), path.read_bytes()
    spoilt = whole[:at] + b"\1" * 512 + whole[at + 512 :]
    cut = whole[: at + 200] if how == "cut in a header" else whole[:at]
    path.write_bytes(spoilt if how == "spoilt" else cut)
    with pytest.raises(UserError, match=r"x\.tar is cut or damaged after 20 samples"):
        data.prepare("webdataset", source=path, size=16)
    assert data.prepared() == []


def test_tars_that_were_joined_are_told(tmp_path):
    for i in range(2):
        write(tmp_path / f"{i}.tar", samples(20 * i, 20))
    joined = b"".join((tmp_path / f"{i}.tar").read_bytes() for i in range(2))
    (tmp_path / "x.tar").write_bytes(joined)
    with pytest.raises(UserError, match=r"x\.tar goes on after its end"):
        data.prepare("webdataset", source=tmp_path / "x.tar", size=16)


def test_names_that_are_no_utf8_are_names(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w", encoding="latin-1") as archive:
        for name, text in samples(0, 20):
            entry = tarfile.TarInfo(name.replace("part", "café"))
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    assert sum(data.prepare("webdataset", source=tmp_path / "x.tar", size=16).counts.values()) == 20


def test_a_tar_that_was_written_anew_is_not_gone_on_with(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(resuming, "NOTE_EVERY", 8)
    monkeypatch.setattr(webdataset, "CHUNK", 8)
    bad = [("zz/bad.png", png(1)[:60])]
    write(tmp_path / "train.tar", [*samples(0, 40), *bad])
    for _ in range(2):
        with pytest.raises(UserError, match="zz/bad cannot be read"):
            data.prepare("webdataset", source=tmp_path / "train.tar", size=16)
    assert "continuing" in capsys.readouterr().err  # it is the same as before
    other = [(name, png(99)) for name, _ in [*samples(0, 40), *bad]]
    write(tmp_path / "train.tar", other)
    made = data.prepare("webdataset", source=tmp_path / "train.tar", size=16)
    assert set(np.unique(made.split("train").gather(range(41))[..., 0])) == {99}


def test_what_is_no_tar_is_told(tmp_path):
    with pytest.raises(UserError, match=r"holds no \.tar"):
        data.prepare("webdataset", source=tmp_path)
    (tmp_path / "x.tar").write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(UserError, match="cannot be read as a tar"):
        data.prepare("webdataset", source=tmp_path)
    with pytest.raises(UserError, match="webdataset needs --source"):
        data.prepare("webdataset")

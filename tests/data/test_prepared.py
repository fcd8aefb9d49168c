"""The prepared format: written whole, opened with checks, gathered without growing resident."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from idvae import data
from idvae.data import fashion_mnist
from idvae.data.prepared import PreparedSet
from idvae.data.source import Batch, Plan
from idvae.data.writing import write_set
from idvae.errors import UserError

META = {
    "name": "x-16",
    "source": "x",
    "kind": "images",
    "size": 16,
    "channels": 1,
    "classes": ["a", "b"],
}


def batches(counts):
    first = 0
    for split, n in counts.items():
        for i in range(first, first + n):
            rows = np.full((1, 16, 16, 1), i, np.uint8)
            yield Batch(split, rows, np.array([i % 2], np.int64))
        first += n


COUNTS = {"train": 7, "validation": 2, "test": 3}


@pytest.fixture
def made(tmp_path):
    write_set(tmp_path / "x-16", META, Plan({}, batches(COUNTS)), False)
    return PreparedSet(tmp_path / "x-16")


def test_rows_come_back_split_by_split(made):
    assert made.counts == COUNTS
    firsts = {"train": 0, "validation": 7, "test": 9}
    for name, first in firsts.items():
        split = made.split(name)
        values = split.gather(np.arange(len(split)))[:, 0, 0, 0]
        assert list(values) == list(range(first, first + COUNTS[name]))
        assert list(split.labels([0, 1])) == [first % 2, (first + 1) % 2]
        assert split.attributes([0]) is None
    assert [len(b) for b in made.split("train").batches(3)] == [3, 3, 1]


def test_arrays_are_plain_npy_files(made):
    assert np.load(made.path / "images.npy", allow_pickle=False).shape == (12, 16, 16, 1)
    assert np.load(made.path / "labels.npy", allow_pickle=False).dtype == np.int64


def test_the_checksum_is_of_the_content(tmp_path, made):
    write_set(tmp_path / "same", META, Plan({}, batches(COUNTS)), False)
    write_set(tmp_path / "other", META, Plan({}, batches({**COUNTS, "test": 4})), False)
    assert PreparedSet(tmp_path / "same").checksum == made.checksum
    assert PreparedSet(tmp_path / "other").checksum != made.checksum


def test_what_is_gathered_is_a_copy(made):
    rows = made.split("train").gather([0])
    rows[:] = 99
    assert made.split("train").gather([0]).max() == 0


def test_a_split_without_rows_opens(tmp_path):
    write_set(tmp_path / "x", META, Plan({}, batches({"train": 3})), False)
    for name in ("validation", "test"):
        split = PreparedSet(tmp_path / "x").split(name)
        assert len(split) == 0
        assert split.gather([]).shape == (0, 16, 16, 1)
        assert list(split.batches(2)) == []


def test_what_the_system_reads_in_pieces_arrives_whole(made, monkeypatch):
    """Linux reads no more than 2 GiB at a time."""
    real = os.preadv
    monkeypatch.setattr(os, "preadv", lambda f, parts, at: real(f, [parts[0][:100]], at))
    values = made.split("train").gather(np.arange(7))
    np.testing.assert_array_equal(values, np.load(made.path / "images.npy")[:7])


def test_a_file_that_became_shorter_is_told(made):
    split = made.split("test")
    os.truncate(made.path / "images.npy", 1000)
    with pytest.raises(UserError, match=r"images\.npy is damaged \(it became shorter\)"):
        split.gather([2])


def test_nothing_is_left_where_writing_fails(tmp_path):
    def fails():
        yield from batches({"train": 3})
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_set(tmp_path / "x", META, Plan({}, fails()), False)
    with pytest.raises(UserError, match="no image to train on"):
        write_set(tmp_path / "x", META, Plan({}, batches({"test": 3})), False)
    assert os.listdir(tmp_path) == []


def cut(path):
    path.write_bytes(path.read_bytes()[:-5])


def other_type(path):
    np.save(path, np.zeros((12, 16, 16, 1), np.float32))


def pickled(path):
    np.save(path, np.array([{"a": 1}], object), allow_pickle=True)


def archive(path):
    with path.open("wb") as file:
        np.savez(file, np.zeros(3))


def by_columns(path):
    np.save(path, np.asfortranarray(np.load(path)[..., :1].repeat(1, 3)))


def odd_header(path):
    data = path.read_bytes()
    path.write_bytes(data[:20] + b"(((((" + data[25:])


DAMAGES = [cut, other_type, pickled, archive, by_columns, odd_header, lambda p: p.unlink()]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_told(made, damage):
    damage(made.path / "images.npy")
    with pytest.raises(UserError, match=r"images\.npy is damaged.*--overwrite"):
        PreparedSet(made.path)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": 99}'])
def test_damaged_facts_are_told(made, text):
    (made.path / "meta.json").write_text(text)
    with pytest.raises(UserError, match=r"meta\.json is damaged"):
        PreparedSet(made.path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("counts", {"train": "7", "validation": 2, "test": 3}),
        ("counts", {"train": 7.0, "validation": 2, "test": 3}),
        ("counts", {"train": -1, "validation": 10, "test": 3}),
        ("counts", [7, 2, 3]),
        ("kind", "sounds"),
        ("size", "16"),
        ("size", 2**32),
        ("channels", 2**40),
        ("classes", 5),
        ("attributes", 7),
        ("groups", [["a", 1]]),
        ("groups", [{"a": 2}]),
        ("asked", []),
        ("source", None),
    ],
)
def test_facts_of_a_wrong_type_are_told(made, key, value):
    meta = json.loads((made.path / "meta.json").read_text())
    (made.path / "meta.json").write_text(json.dumps({**meta, key: value}))
    with pytest.raises(UserError, match=rf"meta\.json is damaged \({key} cannot be"):
        PreparedSet(made.path)


def test_a_damaged_set_does_not_hide_the_others(monkeypatch, tmp_path):
    monkeypatch.setenv("IDVAE_DATA", str(tmp_path))
    for name in ("good", "bad"):
        data.prepare("gaussians-ring", n=20, set_name=name)
    odd_header(tmp_path / "bad" / "points.npy")
    assert [one.name for one in data.prepared()] == ["good"]
    assert data.resolve("gaussians-ring").name == "good"


def test_another_format_is_told(made):
    meta = json.loads((made.path / "meta.json").read_text())
    (made.path / "meta.json").write_text(json.dumps({**meta, "format": 99}))
    with pytest.raises(UserError, match="format 99"):
        PreparedSet(made.path)


MEASURE = """
import sys
import numpy as np, psutil
from idvae.data.prepared import PreparedSet
process = psutil.Process()
split = PreparedSet(sys.argv[1]).split("train")
rng = np.random.default_rng(0)
base, peak = process.memory_info().rss, 0
for step in range(int(sys.argv[2])):
    split.gather(rng.integers(len(split), size=256))
    peak = max(peak, process.memory_info().rss)
print((peak - base) / 2**20)
"""


def resident_growth(path, n, steps):
    """MiB that random gathers of 256 colour images of 64×64 out of n add to the resident set."""
    path.mkdir()
    counts = {"train": n, "validation": 0, "test": 0}
    meta = {"name": "big", "source": "x", "kind": "images", "size": 64, "channels": 3}
    meta |= {"counts": counts, "checksum": "0", "format": 1}
    (path / "meta.json").write_text(json.dumps(meta))
    rows = np.lib.format.open_memmap(path / "images.npy", "w+", np.uint8, (n, 64, 64, 3))
    for first in range(0, n, 1000):
        rows[first : first + 1000] = first % 251
    del rows
    command = [sys.executable, "-c", MEASURE, str(path), str(steps)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_gathering_gives_memory_back(tmp_path):
    """A set of 490 MB: far less than it stays resident."""
    assert resident_growth(tmp_path / "big", 40_000, 300) < 250


@pytest.mark.slow
def test_a_set_larger_than_the_allowed_memory_stays_below_it(tmp_path):
    """200,000 colour images of 64×64, 2.4 GB, gathered over and over."""
    assert resident_growth(tmp_path / "big", 200_000, 2000) < 1500


def test_a_set_is_prepared_once_and_reused(data_root, capsys):
    first = data.prepare("gaussians-ring", n=100, set_name="ring-once")
    before = (first.path / "meta.json").stat().st_mtime_ns
    assert data.prepare("gaussians-ring", n=100, set_name="ring-once").checksum == first.checksum
    assert (first.path / "meta.json").stat().st_mtime_ns == before
    assert "ring-once is prepared already" in capsys.readouterr().err
    with pytest.raises(UserError, match=r"was prepared with n 100, not 200; pass --overwrite"):
        data.prepare("gaussians-ring", n=200, set_name="ring-once")
    again = data.prepare("gaussians-ring", n=200, set_name="ring-once", overwrite=True)
    assert sum(again.counts.values()) == 200


def test_names_resolve_as_people_mean_them(data_root, monkeypatch, tmp_path):
    monkeypatch.setenv("IDVAE_DATA", str(tmp_path))
    made = data.resolve("digits")  # prepared unasked
    assert made.name == "digits-16"
    assert data.resolve("digits-16").checksum == made.checksum
    assert data.resolve(made.path).checksum == made.checksum
    assert data.resolve("digits").checksum == made.checksum
    assert data.resolve("digits-32").size == 32
    with pytest.raises(UserError, match="was prepared as digits-16, digits-32"):
        data.resolve("digits")
    assert [one.name for one in data.prepared()] == ["digits-16", "digits-32"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("digit", "did you mean digits"),
        ("fashion-mnits-32", "unknown data set 'fashion-mnits-32'"),
        ("digits-48", "no network fits that size"),
        ("folder", "folder is not prepared: folder needs --source DIR"),
        ("gaussians-ring-32", "points have none"),
    ],
)
def test_names_that_mean_nothing_are_told(name, words, data_root):
    with pytest.raises(UserError, match=words):
        data.resolve(name)


def test_a_folder_that_is_no_prepared_set_is_told_how_to_become_one(tmp_path, data_root):
    with pytest.raises(UserError, match="idvae data prepare folder --source"):
        data.resolve(tmp_path)


def test_garments_that_are_nowhere_are_told_in_all_three_ways(monkeypatch, tmp_path):
    monkeypatch.setenv("IDVAE_DATA", str(tmp_path))
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "nowhere")
    monkeypatch.setattr(fashion_mnist, "needs_nothing", False)
    ways = "--source DIR.*dataset-fashion-mnist.*--source huggingface"
    with pytest.raises(UserError, match=f"fashion-mnist is not prepared: .*{ways}"):
        data.resolve("fashion-mnist")


@pytest.mark.parametrize("n", [1, 5, 17, 1000, 1796])
def test_as_many_are_taken_as_asked(n, monkeypatch, tmp_path):
    monkeypatch.setenv("IDVAE_DATA", str(tmp_path))
    made = data.prepare("digits", n=n)
    assert sum(made.counts.values()) == n
    assert made.counts["train"] == pytest.approx(n * 1444 / 1797, abs=1)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("nothing", {}, "unknown source"),
        ("digits", {"size": 20}, "no network fits"),
        ("digits", {"n": 0}, "--n 0"),
        ("digits", {"n": -4}, "--n -4"),
        ("digits", {"n": "5"}, "--n 5 is out of range; it is a whole number"),
        ("digits", {"n": 2.5}, "--n 2.5 is out of range; it is a whole number"),
        ("digits", {"n": 5000}, "more than the 1797"),
        ("digits", {"attributes": "a.csv"}, "belongs to folder"),
        ("digits", {"seed": -1}, "--seed -1"),
        ("digits", {"set_name": "../x"}, "cannot name a set"),
        ("gaussians-ring", {"size": 32}, "points have none"),
        ("folder", {}, "needs --source"),
        ("folder", {"source": "/nowhere"}, "no such folder"),
        ("fashion-mnist", {"source": "/nowhere"}, "no such folder"),
    ],
)
def test_requests_that_cannot_be_met_are_told(name, options, words, monkeypatch, tmp_path):
    monkeypatch.setenv("IDVAE_DATA", str(tmp_path))
    with pytest.raises(UserError, match=words):
        data.prepare(name, **options)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("what", ["gather", "labels"])
def test_masks_floats_and_rows_that_are_not_there_name_none(made, what):
    take = getattr(made.split("test"), what)
    assert len(take([])) == 0
    assert len(take(range(3))) == 3
    for mask in (np.array([True, False, True]), [0.0, 1.7]):
        with pytest.raises(IndexError, match="rows are whole numbers"):
            take(mask)
    for rows in ([-1], [3]):
        with pytest.raises(IndexError, match="of 3"):
            take(rows)


def test_another_split_is_told(made):
    with pytest.raises(UserError, match="no split 'val'; there are train, validation, test"):
        made.split("val")

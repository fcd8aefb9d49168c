"""Sets in shards hold what those in single files hold; they appear whole, and outlive kills."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data.shards import sets
from idvae import data
from idvae.cli import main
from idvae.data.opening import opened
from idvae.data.prepared import PreparedSet
from idvae.data.shards import index, writing
from idvae.errors import UserError
from idvae.io.locks import alone


@pytest.fixture
def single(tmp_path):
    return sets.one_file(tmp_path / "single")


@pytest.fixture
def cut(tmp_path, single):
    return sets.sharded(single, tmp_path / "cut")


def everything(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_shards_hold_the_same_as_single_files(single, cut):
    assert sets.same(single, cut)
    assert (cut.name, cut.checksum, cut.classes) == ("cut", single.checksum, single.classes)
    rows = np.random.default_rng(0).integers(50, size=200)  # in any order, and more than once
    for read in ("gather", "labels", "attributes"):
        one, other = (getattr(s.split("train"), read)(rows) for s in (single, cut))
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
    some = [len(b) for b in cut.split("test").batches(6)]
    assert some == [6, 6, 1]


def test_shards_are_plain_npy_files_of_one_size(single, cut):
    images = [np.load(cut.path / f"train-images-{k:06}.npy") for k in range(7)]
    assert [len(one) for one in images] == [8, 8, 8, 8, 8, 8, 2]
    np.testing.assert_array_equal(np.concatenate(images), single.split("train").gather(range(50)))
    sizes = {file.stat().st_size for file in cut.path.glob("train-images-00000[0-5].npy")}
    assert sizes == {128 + 8 * sets.ROW}
    # A shard of labels is as large as one of images: there is one of them.
    assert np.load(cut.path / "train-labels-000000.npy").shape == (50,)


def test_the_index_has_the_sha256_of_each_file(cut):
    import hashlib

    facts = json.loads((cut.path / "meta.json").read_text())["shards"]
    assert facts["bytes"] == 8 * sets.ROW
    for key, digests in facts["sha256"].items():
        for k, digest in enumerate(digests):
            data = (cut.path / f"{key}-{k:06}.npy").read_bytes()
            assert hashlib.sha256(data).hexdigest() == digest
    assert sum(map(len, facts["sha256"].values())) == cut.shards == len(os.listdir(cut.path)) - 1


def test_shards_of_shards_are_those_of_the_single_files(tmp_path, single, cut):
    sets.sharded(single, tmp_path / "a" / "x", rows=5)
    sets.sharded(cut, tmp_path / "b" / "x", rows=5)
    assert everything(tmp_path / "a" / "x") == everything(tmp_path / "b" / "x")


def test_a_split_without_rows_has_no_shards(tmp_path):
    made = sets.one_file(tmp_path / "x", {"train": 5, "validation": 0, "test": 0})
    cut = sets.sharded(made, tmp_path / "cut")
    assert cut.split("test").gather([]).shape == (0, 16, 16, 3)
    assert list(cut.split("validation").batches(4)) == []
    assert cut.shards == 3


def test_points_have_shards_too(tmp_path, data_root):
    made = data.prepare("gaussians-ring", n=200, set_name="ring-shards")
    writing.write_folder(made, tmp_path / "ring", 64 * 8, False)
    cut = opened(tmp_path / "ring")
    np.testing.assert_array_equal(
        cut.split("train").gather(range(160)), made.split("train").gather(range(160))
    )


def test_a_row_that_is_not_there_is_told(cut):
    for rows in ([50], [-1], [3, 99]):
        with pytest.raises(IndexError, match="of 50"):
            cut.split("train").gather(rows)
    with pytest.raises(UserError, match="no split 'val'; there are train, validation, test"):
        cut.split("val")


def test_sets_are_opened_by_name_listed_and_not_replaced_unasked(single, tmp_path, monkeypatch):
    monkeypatch.setenv("IDVAE_DATA", str(tmp_path))
    made = data.shard("single", tmp_path / "cut", shard_size=1)
    assert data.resolve("cut").checksum == made.checksum == data.open_set("cut").checksum
    assert [one.name for one in data.prepared()] == ["cut", "single"]
    with pytest.raises(UserError, match="exists already"):
        data.shard("single", tmp_path / "cut")
    data.shard("single", tmp_path / "cut", overwrite=True)
    for bad in (0, -3, 1 << 30):
        with pytest.raises(UserError, match=f"--shard-size {bad} is out of range"):
            data.shard("single", tmp_path / "other", shard_size=bad)
    with pytest.raises(UserError, match="which this command reads"):
        data.shard("cut", tmp_path / "cut", overwrite=True)
    assert sorted(os.listdir(tmp_path)) == ["cut", "single"]


def test_the_command_says_what_it_made(single, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("IDVAE_DATA", str(tmp_path))
    assert (
        main(["data", "shard", "single", "--to", str(tmp_path / "cut"), "--shard-size", "1"]) == 0
    )
    assert capsys.readouterr().out == f"cut: 9 shards, in {tmp_path / 'cut'}\n"
    assert main(["data", "list"]) == 0
    assert "13 test, 9 shards" in capsys.readouterr().out
    assert main(["data", "shard", "single"]) == 2
    assert main(["data", "shard", "nothing-64", "--to", str(tmp_path / "x")]) == 2


def test_single_files_have_their_own_order_and_shards_theirs(single, cut):
    rows = cut.split("train").order(0, 0).rows(np.arange(50))
    assert sorted(rows) == list(range(50))
    assert single.ordering == "a table"
    assert cut.ordering == "8 shards of 8"


def shorten(folder):
    os.truncate(folder / "train-images-000002.npy", 1000)


def lose(folder):
    (folder / "train-images-000002.npy").unlink()


def other_shape(folder):
    file = folder / "train-images-000002.npy"
    size = file.stat().st_size
    np.save(file, np.zeros((size - 128,), np.uint8))
    assert file.stat().st_size == size


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (shorten, "it has 1,000 bytes, not"),
        (lose, "it is missing"),
        (other_shape, r"it holds uint8 \(6144,\), not \(8, 16, 16, 3\)"),
    ],
)
def test_a_damaged_shard_is_refused_in_a_line(cut, change, words):
    change(cut.path)
    with pytest.raises(UserError, match=rf"train-images-000002\.npy is damaged \({words}"):
        opened(cut.path).split("train").gather(np.arange(50))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("bytes", 0, "shards.bytes cannot be 0"),
        ("bytes", "many", "shards.bytes cannot be 'many'"),
        ("window", None, "shards.window cannot be None"),
        ("window", 2**61, "shards.window cannot be 2305843009213693952"),
        ("sha256", [], "shards.sha256 holds no checksums"),
        ("sha256", {}, "7 checksums are needed for train-images"),
        ("sha256", {"train-images": ["../../etc"] * 7}, "7 checksums are needed"),
    ],
)
def test_a_damaged_index_is_refused_in_a_line(cut, key, value, words):
    meta = json.loads((cut.path / "meta.json").read_text())
    meta["shards"][key] = value
    (cut.path / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(UserError, match=words):
        opened(cut.path)


def test_a_version_that_knows_no_shards_says_so(cut):
    with pytest.raises(UserError, match="it has format 2, but this version reads 1"):
        PreparedSet(cut.path)


KILLED = """
import os, signal, sys
from pathlib import Path
from idvae.data.opening import opened
from idvae.data.shards import writing
put, left = writing.InFolder.put, int(sys.argv[3])

def counted(self, name, pieces):
    global left
    left -= 1
    if left:
        return put(self, name, pieces)
    with (self.folder / ".half.idvae-abcdefgh.npy").open("wb") as file:
        file.write(next(pieces()))
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)

writing.InFolder.put = counted
writing.THREADS = int(sys.argv[4])
writing.write_folder(opened(sys.argv[1]), Path(sys.argv[2]), 8 * 768, False)
"""


def kill_at(single, path, shard, threads=1):
    words = [sys.executable, "-c", KILLED, str(single.path), str(path), str(shard), str(threads)]
    ran = subprocess.run(words, capture_output=True, check=False)
    assert ran.returncode == -signal.SIGKILL
    assert not path.exists()


@pytest.mark.parametrize(("shard", "threads"), [(1, 1), (6, 1), (13, 1), (9, 4)])
def test_killed_sharding_goes_on_and_gives_the_same_bytes(tmp_path, single, shard, threads, capsys):
    once = sets.sharded(single, tmp_path / "once" / "x")
    kill_at(single, tmp_path / "x", shard, threads)
    made = sets.sharded(single, tmp_path / "x")
    assert everything(made.path) == everything(once.path)
    if threads == 1:
        said = capsys.readouterr().err
        assert (f"continuing after {shard - 1} shards" in said) == (shard > 1)
    assert sorted(os.listdir(tmp_path)) == ["once", "single", "x"]


def test_only_what_is_left_is_written(tmp_path, single, monkeypatch):
    kill_at(single, tmp_path / "x", 6)
    written, put = [], writing.InFolder.put
    monkeypatch.setattr(
        writing.InFolder,
        "put",
        lambda self, name, pieces: [written.append(name), put(self, name, pieces)][1],
    )
    sets.sharded(single, tmp_path / "x")
    assert sorted(written) == sorted(
        ["train-images-000005.npy", "train-images-000006.npy"]
        + [
            f"{split}-{name}-000000.npy"
            for split in sets.COUNTS
            for name in ("labels", "attributes")
        ]
        + ["validation-images-000000.npy", "test-images-000000.npy", "test-images-000001.npy"]
    )


def test_what_a_call_of_another_size_left_is_no_part_of_the_set(tmp_path, single):
    once = sets.sharded(single, tmp_path / "once" / "x", 16)
    kill_at(single, tmp_path / "x", 6)
    made = sets.sharded(single, tmp_path / "x", 16)
    assert everything(made.path) == everything(once.path)


def damage(part):
    with (part / "train-images-000001.npy").open("r+b") as file:
        file.seek(500)
        file.write(b"damage")


def tear(part):
    with (part / "journal").open("a") as file:
        file.write("train-images-000002.npy 00")


def spoil(part):
    (part / "journal").write_text("")


@pytest.mark.parametrize("change", [damage, tear, spoil])
def test_what_is_not_as_it_was_noted_is_written_again(tmp_path, single, change):
    once = sets.sharded(single, tmp_path / "once" / "x")
    kill_at(single, tmp_path / "x", 6)
    change(tmp_path / ".x.idvae-shards")
    assert everything(sets.sharded(single, tmp_path / "x").path) == everything(once.path)


def test_shards_of_another_set_are_not_gone_on_with(tmp_path, single):
    other = sets.one_file(tmp_path / "other", seed=1)
    once = sets.sharded(other, tmp_path / "once" / "x")
    kill_at(single, tmp_path / "x", 6)
    assert everything(sets.sharded(other, tmp_path / "x").path) == everything(once.path)


def test_two_processes_do_not_write_one_set(tmp_path, single):
    part = tmp_path / ".x.idvae-shards"
    part.mkdir()
    with (
        alone(part / "lock", "never said"),
        pytest.raises(UserError, match="is being written by another process"),
    ):
        sets.sharded(single, tmp_path / "x")


def test_what_fails_leaves_no_set(tmp_path, single, monkeypatch):
    put = writing.InFolder.put

    def full(self, name, pieces):
        if name == "train-images-000004.npy":
            raise OSError("disk full")
        put(self, name, pieces)

    monkeypatch.setattr(writing.InFolder, "put", full)
    with pytest.raises(OSError, match="disk full"):
        sets.sharded(single, tmp_path / "x")
    assert not (tmp_path / "x").exists()
    monkeypatch.undo()
    assert sets.same(single, sets.sharded(single, tmp_path / "x"))


def test_a_disk_that_is_full_at_the_last_is_gone_on_from(tmp_path, single, monkeypatch):
    write_text = Path.write_text

    def full(self, *given, **named):
        if self.name == "meta.json":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_text(self, *given, **named)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        sets.sharded(single, tmp_path / "x")
    monkeypatch.undo()
    monkeypatch.setattr(writing.InFolder, "put", None)  # nothing is written again
    assert sets.same(single, sets.sharded(single, tmp_path / "x"))


def test_lengths_follow_from_counts():
    column = index.Column("test", "images", 10, (4, 4, 1), np.dtype(np.uint8), 4)
    assert [column.file(k) for k in range(column.shards)] == [
        f"test-images-00000{k}.npy" for k in range(3)
    ]
    assert [column.length(k) for k in range(3)] == [128 + 64, 128 + 64, 128 + 32]


THOUSAND_MILLION = """
import sys, time
from pathlib import Path
import numpy as np, psutil
from idvae.data.opening import opened
from idvae.training import batches
process = psutil.Process()
base, began = process.memory_info().rss, time.process_time()
split = opened(Path(sys.argv[1])).split("train")

def batch(step):
    rows = batches.indices(len(split), 256, 0, step, order=split.order)
    assert split.gather(rows).shape == (256, 16, 16, 1)

batch(0)
took = time.process_time() - began
for step in [1, 2, 10**6, 2 * 10**6, len(split) // 256, *range(30_000, 30_050)]:
    batch(step)
print(took, (process.memory_info().rss - base) / 2**20)
"""


@pytest.mark.slow
def test_a_thousand_million_virtual_rows_are_read(tmp_path):
    """Their shards are one sparse file; first batch within 1 s of processor time."""
    n = 10**9
    column = index.Column("train", "images", n, (16, 16, 1), np.dtype(np.uint8), 1 << 20)
    for k in (0, column.shards - 1):
        file = tmp_path / column.file(k)
        file.write_bytes(column.header(k))
        os.truncate(file, column.length(k))
    for k in range(1, column.shards - 1):
        (tmp_path / column.file(k)).symlink_to(tmp_path / column.file(0))
    meta = {"format": 2, "name": "big", "source": "x", "kind": "images", "size": 16, "channels": 1}
    meta |= {"counts": {"train": n, "validation": 0, "test": 0}, "checksum": "0"}
    digests = {f"{split}-images": [] for split in sets.COUNTS}
    digests["train-images"] = ["0" * 64] * column.shards
    meta["shards"] = {"bytes": 256 << 20, "window": 8, "sha256": digests}
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    words = [sys.executable, "-c", THOUSAND_MILLION, str(tmp_path)]
    ran = subprocess.run(words, check=True, capture_output=True, text=True)
    took, grown = map(float, ran.stdout.split())
    assert took < 1
    assert grown < 600

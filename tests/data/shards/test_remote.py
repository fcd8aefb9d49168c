"""Shards through a network that fails: what passes is survived, what lasts ends in one line."""

import hashlib
import os
import shutil
import threading
import time

import numpy as np
import pytest

from data.shards import sets
from data.shards.faulty import FAULTS, Faulty, served
from idvae import data
from idvae.data.opening import opened
from idvae.data.shards import address, cache
from idvae.errors import UserError

pytest.importorskip("obstore", reason="the extra cloud is not installed")
from idvae.data.shards import remote


@pytest.fixture(autouse=True)
def impatient(tmp_path, monkeypatch):
    monkeypatch.setenv("IDVAE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(remote, "PAUSE", 0.01)


@pytest.fixture
def soon_silent(monkeypatch):
    """Not for tests that count requests: a busy machine is silent too."""
    monkeypatch.setattr(remote, "SILENCE", 0.4)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A set in shards in a folder."""
    place = tmp_path_factory.mktemp("shards")
    return sets.sharded(sets.one_file(place / "single"), place / "cut")


@pytest.fixture
def kept(tmp_path):
    return tmp_path / "cache" / "shards"


def names(server):
    return [name for name, _ in server.asked]


def test_a_set_is_the_same_through_the_network(here, kept):
    server = Faulty(here.path)
    with served(server) as url:
        there = data.resolve(url + "/")
        assert sets.same(here, there)
        assert (there.address, there.name, there.checksum) == (url, "cut", here.checksum)
        asked = len(server.asked)
        assert asked == 1 + here.shards
        assert sets.same(here, opened(url))
        assert names(server)[asked:] == ["meta.json"]  # the rest is here
    files = {file.name: file.read_bytes() for file in kept.glob("*.npy")}
    assert len(files) == here.shards
    assert all(hashlib.sha256(text).hexdigest() + ".npy" == name for name, text in files.items())


@pytest.mark.parametrize(
    ("fault", "ranges"),
    [
        pytest.param(fault, ranges, marks=[pytest.mark.slow] if waits and not ranges else [])
        for fault in FAULTS
        for waits in [fault in ("silent", "stalled")]  # until it is given up
        for ranges in (True, False)
    ],
)
def test_what_passes_is_survived(here, fault, ranges, soon_silent):
    server = Faulty(here.path, [fault, fault], ranges)
    with served(server) as url:
        assert sets.same(here, opened(url))
    assert names(server).count("train-images-000003.npy") >= 3


def test_what_broke_off_goes_on_where_it_stopped(here, monkeypatch):
    monkeypatch.setattr(remote, "PIECE", 512)
    server = Faulty(here.path, ["short", "503", "short"])
    length = (here.path / "train-images-000000.npy").stat().st_size
    with served(server) as url:
        opened(url).split("train").gather([0])
    starts = [first for name, first in server.asked if name == "train-images-000000.npy"]
    assert len(starts) == 4
    assert 0 == starts[0] < starts[1] == starts[2] < starts[3] < length


def test_a_shard_of_some_mebibytes_loses_little_where_it_breaks_off(tmp_path):
    """What obstore holds back until a piece is full is lost with the connection."""
    text = bytes(range(256)) * 12_288  # 3 MiB
    (tmp_path / "x.npy").write_bytes(text)
    server = Faulty(tmp_path, ["short"] * 2)
    with served(server) as url:
        place = remote.Remote(url).shard("x.npy", len(text), hashlib.sha256(text).hexdigest())
    assert place.read_bytes() == text
    starts = [first for _, first in server.asked]
    assert starts[0] == 0
    assert starts[1] >= len(text) // 2 - 300_000
    assert starts[2] >= 3 * len(text) // 4 - 600_000


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("503", "503 Service Unavailable, 8 times in a row"),
        ("closed", "8 times in a row"),
        ("silent", "8 times in a row"),
    ],
)
def test_what_lasts_ends_in_one_line(here, fault, words, kept, soon_silent):
    server = Faulty(here.path)
    with served(server) as url:
        split = opened(url).split("train")
        server.faults, server.silence = [fault] * 100, 1.0
        with pytest.raises(UserError, match=words) as found:
            split.gather([0])
        assert "Debug" not in str(found.value)
        assert f"{url}/train-images-000000.npy cannot be read" in str(found.value)
    assert names(server).count("train-images-000000.npy") == remote.TRIES
    assert [file for file in kept.iterdir() if file.is_file()] == []


def test_nobody_there_is_told(here):
    with served(Faulty(here.path)) as url:
        pass
    with pytest.raises(UserError, match=r"meta\.json cannot be read: .* check the address"):
        opened(url)


def test_no_set_there_is_told(tmp_path):
    with served(Faulty(tmp_path)) as url, pytest.raises(UserError, match="no such file"):
        opened(url)
    (tmp_path / "meta.json").write_text("<html>")
    with served(Faulty(tmp_path)) as url, pytest.raises(UserError, match="is damaged"):
        opened(url)


def test_single_files_are_not_read_through_a_network(tmp_path):
    made = sets.one_file(tmp_path / "single")
    with (
        served(Faulty(made.path)) as url,
        pytest.raises(UserError, match="idvae data shard"),
    ):
        opened(url)


def spoil(file):
    with file.open("r+b") as opened:
        opened.seek(3000)
        opened.write(b"\0\1\2")


def lengthen(file):
    file.write_bytes(file.read_bytes() + b"more")


def shorten(file):
    os.truncate(file, 3000)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (spoil, "is damaged: its sha256 is not that of the index; nothing of it was kept"),
        (lengthen, "is damaged: it has more than"),
        (shorten, "cannot be read: .*, 8 times in a row"),
    ],
)
def test_a_damaged_shard_is_refused_in_a_line(here, tmp_path, change, words, kept):
    copy = shutil.copytree(here.path, tmp_path / "copy")
    change(copy / "train-images-000002.npy")
    with served(Faulty(copy)) as url:
        there = opened(url).split("train")
        with pytest.raises(UserError, match=rf"train-images-000002\.npy {words}"):
            there.gather([17])
        assert [file for file in kept.iterdir() if file.is_file()] == []
        np.testing.assert_array_equal(there.gather([3]), here.split("train").gather([3]))


def test_one_process_fetches_what_several_threads_want(here):
    server = Faulty(here.path)
    with served(server) as url:
        several = [opened(url).split("train") for _ in range(6)]
        threads = [threading.Thread(target=one.gather, args=([0, 40],)) for one in several]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert names(server).count("train-images-000000.npy") == 1
    assert names(server).count("train-images-000005.npy") == 1


def test_the_next_window_comes_ahead(here, tmp_path, monkeypatch):
    single = sets.one_file(tmp_path / "many", {"train": 60, "validation": 1, "test": 1})
    cut = sets.sharded(single, tmp_path / "cut", rows=2)  # 30 shards
    server = Faulty(cut.path)
    with served(server) as url:
        split = opened(url).split("train")
        order = split.order(0, 0)
        split.gather(order.rows(np.arange(3)))
        until = time.monotonic() + 20
        while sum("train-images" in name for name in names(server)) < 3 + 8:
            assert time.monotonic() < until
            time.sleep(0.01)
        split.gather(order.rows(np.arange(16)))
        before = len(server.asked)
        split.gather(split.order(0, 0).rows(np.arange(16, 32))[:0])
        for thread in threading.enumerate():
            if thread.name == "shards ahead":
                thread.join()
        rows = order._order.rows(np.arange(16, 32))  # without asking for the window after it
        known = len(server.asked)
        split.gather(rows)
        assert len(server.asked) == known >= before


def test_what_cannot_come_ahead_is_told_where_it_is_read(here, tmp_path):
    single = sets.one_file(tmp_path / "many", {"train": 60, "validation": 1, "test": 1})
    cut = sets.sharded(single, tmp_path / "cut", rows=2)
    server = Faulty(cut.path)
    with served(server) as url:
        split = opened(url).split("train")
        positions = np.arange(32)
        expected = cut.split("train").gather(cut.split("train").order(0, 0).rows(positions))
        first, later = np.split(split.order(0, 0).rows(positions), 2)
        np.testing.assert_array_equal(split.gather(first), expected[:16])
        np.testing.assert_array_equal(split.gather(later), expected[16:])


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("ftp://host/set", "ftp://host/set: no set can be read from there; addresses are s3://"),
        ("s3://", "no set can be read from there"),
        ("https://me:word@host/set", "https://host/set came with a key, a password"),
        ("https://host/set?sig=secret", "https://host/set came with a key"),
    ],
)
def test_addresses_that_are_none_or_tell_secrets_are_refused(place, words):
    with pytest.raises(UserError, match=words.replace("?", r"\?")) as found:
        data.resolve(place)
    assert "sig=" not in str(found.value)
    assert "me:" not in str(found.value)


def test_a_path_is_no_address():
    assert not address.is_address("faces-64")
    assert not address.is_address("/data/s3/faces")
    assert address.is_address("s3://bucket/faces")


def test_without_the_package_its_extra_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(UserError, match=r"obstore is not installed .*idvae\[cloud\]"):
        data.resolve("s3://bucket/faces")


def test_nothing_is_written_over_http_nor_replaced(here, tmp_path):
    with pytest.raises(UserError, match="shards are written to a folder or a bucket"):
        data.shard(here.path, "http://127.0.0.1:9/x")
    with pytest.raises(UserError, match="nothing is replaced behind a network"):
        data.shard(here.path, "s3://bucket/x", overwrite=True)


def test_a_cache_that_holds_no_window_is_refused(here, monkeypatch):
    needed = 7 * 6272 / cache.GIB
    monkeypatch.setenv("IDVAE_SHARD_CACHE", f"{needed / 2:.9f}")
    with (
        served(Faulty(here.path)) as url,
        pytest.raises(UserError, match="more than IDVAE_SHARD_CACHE lets be kept"),
    ):
        opened(url)

"""The cache of shards: whole files, within its limit, those used last, by several processes."""

import fcntl
import hashlib
import os
import subprocess
import sys

import pytest

from idvae.data.shards import cache
from idvae.errors import UserError


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("IDVAE_CACHE", str(tmp_path))
    return tmp_path / "shards"


def shard(number, size=1000):
    return bytes([number]) * size


def get(kept, number, fetched=None, size=1000):
    data = shard(number, size)

    def fetch(to):
        to.write(data)
        if fetched is not None:
            fetched.append(number)

    path = kept.get(size, hashlib.sha256(data).hexdigest(), fetch, f"shard {number}")
    assert path.read_bytes() == data
    return path


def test_what_is_there_is_not_fetched_again():
    kept, fetched = cache.Cache(10_000), []
    paths = [get(kept, number, fetched) for number in (1, 2, 1, 1, 2)]
    assert fetched == [1, 2]
    assert paths[0] == paths[2] == paths[3]


def test_those_used_least_recently_go():
    kept, fetched = cache.Cache(3000), []
    for when, number in enumerate([1, 2, 3]):
        os.utime(get(kept, number, fetched), ns=(when, when))
    get(kept, 1, fetched)  # used now
    get(kept, 4, fetched)  # 2 goes
    get(kept, 1, fetched)
    get(kept, 3, fetched)
    assert fetched == [1, 2, 3, 4]
    get(kept, 2, fetched)
    assert fetched[4:] == [2]
    assert sum(file.stat().st_size for file in kept.folder.glob("*.npy")) <= 3000


def test_the_limit_holds_while_a_file_is_on_its_way():
    kept = cache.Cache(3000)
    for number in (1, 2, 3):
        get(kept, number)
    seen = []

    def fetch(to):
        seen.append(sum(file.stat().st_size for file in kept.folder.glob("*.npy")))
        to.write(shard(9))

    kept.get(1000, hashlib.sha256(shard(9)).hexdigest(), fetch, "x")
    assert seen == [3000]


def test_what_killed_processes_left_makes_room_first():
    """A kill leaves a file of full length; one that is held is on its way, and counts."""
    kept, fetched = cache.Cache(3000), []
    get(kept, 1, fetched)
    rests = [kept.folder / f".{letter * 64}.idvae-{'x' * 8}.npy" for letter in "ab"]
    for rest in rests:
        rest.write_bytes(shard(0))
    with rests[1].open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        get(kept, 2, fetched)
        assert [rest.exists() for rest in rests] == [False, True]
        get(kept, 1, fetched)
        assert fetched == [1, 2]
    get(kept, 3, fetched)
    get(kept, 1, fetched)
    assert fetched == [1, 2, 3]
    assert not rests[1].exists()


def test_what_is_open_stays_readable():
    kept = cache.Cache(1000)
    with get(kept, 1).open("rb") as opened:
        get(kept, 2)
        assert opened.read() == shard(1)


def test_a_file_of_another_length_is_fetched_again():
    kept, fetched = cache.Cache(3000), []
    os.truncate(get(kept, 1, fetched), 10)
    get(kept, 1, fetched)
    assert fetched == [1, 1]


def test_what_is_not_what_was_asked_for_is_not_kept(place):
    kept = cache.Cache(3000)
    with pytest.raises(UserError, match="shard x is damaged: its sha256"):
        kept.get(1000, "0" * 64, lambda to: to.write(shard(1)), "shard x")

    def breaks(to):
        to.write(b"half")
        raise UserError("gone")

    with pytest.raises(UserError, match="gone"):
        kept.get(1000, "0" * 64, breaks, "shard x")
    assert [file for file in place.iterdir() if file.is_file()] == []


@pytest.mark.parametrize("text", ["0", "-1", "many", "nan", "inf"])
def test_a_limit_that_is_none_is_told(text, monkeypatch):
    monkeypatch.setenv("IDVAE_SHARD_CACHE", text)
    with pytest.raises(UserError, match=f"IDVAE_SHARD_CACHE={text} is no size"):
        cache.Cache()


def test_the_limit_is_in_gib(monkeypatch):
    monkeypatch.setenv("IDVAE_SHARD_CACHE", "0.5")
    assert cache.Cache().most == 1 << 29
    monkeypatch.delenv("IDVAE_SHARD_CACHE")
    assert cache.Cache().most == 20 << 30


MANY = """
import hashlib, random, sys, time
from idvae.data.shards.cache import Cache
kept, draw, fetched = Cache(3000), random.Random(int(sys.argv[1])), 0
for _ in range(150):
    number = draw.randrange(6)
    data = bytes([number]) * 1000

    def fetch(to):
        global fetched
        fetched += 1
        to.write(data[:500])
        to.flush()
        time.sleep(0.001)
        to.write(data[500:])

    while True:
        path = kept.get(1000, hashlib.sha256(data).hexdigest(), fetch, "x")
        try:
            assert path.read_bytes() == data
            break
        except FileNotFoundError:  # another has made room: it is asked for again
            continue
print(fetched)
"""


def test_several_processes_share_it(place):
    ran = [
        subprocess.Popen([sys.executable, "-c", MANY, str(k)], stdout=subprocess.PIPE)
        for k in range(3)
    ]
    fetched = [int(one.communicate(timeout=120)[0]) for one in ran]
    assert [one.returncode for one in ran] == [0, 0, 0]
    assert sum(fetched) < 450
    left = [file for file in place.iterdir() if file.is_file()]
    assert len(left) <= 3
    assert not any(file.name.startswith(".") for file in left)

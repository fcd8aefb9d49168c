"""Training through a network gives the bits that training from a folder gives."""

import importlib
import os

import pytest
from safetensors.numpy import load_file

from data.shards import sets
from data.shards.faulty import FAULTS, Faulty, served
from data.shards.moto_server import MISSING, s3
from idvae import data
from idvae.errors import UserError
from idvae.training import start

SMALL = {"steps": 12, "batch_size": 8, "width": 4, "threads": 1, "log_every": 4, "grid_every": 12}


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    place = tmp_path_factory.mktemp("shards")
    return sets.sharded(sets.one_file(place / "single"), place / "cut", rows=4)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("IDVAE_CACHE", str(tmp_path / "cache"))


def weights(run):
    """The bytes of every tensor of the newest checkpoint, by name."""
    newest = sorted((run.path / "checkpoints").iterdir())[-1]
    files = sorted(newest.rglob("*.safetensors")) if newest.is_dir() else [newest]
    return {
        f"{file.name} {name}": array.tobytes()
        for file in files
        for name, array in load_file(file).items()
    }


@pytest.fixture(scope="module")
def from_disk(here, tmp_path_factory):
    run = start.train("idvae", here.path, tmp_path_factory.mktemp("runs") / "run", **SMALL)
    assert len(weights(run)) > 10
    return weights(run)


def test_through_http_that_fails(here, from_disk, tmp_path, monkeypatch):
    remote = pytest.importorskip("idvae.data.shards.remote")
    pytest.importorskip("obstore", reason="the extra cloud is not installed")
    monkeypatch.setattr(remote, "PAUSE", 0.01)
    monkeypatch.setattr(remote, "SILENCE", 0.4)
    server = Faulty(here.path, FAULTS)
    with served(server) as url:
        run = start.train("idvae", url, tmp_path / "run", **SMALL)
        assert weights(run) == from_disk
        assert run.config["data"]["path"] == url
        assert len(server.asked) > 5 * len(FAULTS)
        # It goes on from there, also where another form of the set would have the same rows.
        trainer = start.resume(run.path, {"steps": 14})
        trainer.fit()
    assert (run.path / "samples" / "00000012.png").is_file()


@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
def test_through_s3(here, from_disk, tmp_path, monkeypatch, capsys):
    pytest.importorskip("obstore", reason="the extra cloud is not installed")
    with s3("bucket") as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        remote = importlib.import_module("idvae.data.shards.remote")
        puts, put = [], remote.Bucket.put

        def breaks_off(self, name, pieces):
            puts.append(name)
            if len(puts) > 3:
                raise OSError("gone")
            put(self, name, pieces)

        with monkeypatch.context() as patch:
            patch.setattr(remote.Bucket, "put", breaks_off)
            with pytest.raises(OSError, match="gone"):
                data.shard(here.path, "s3://bucket/sets/cut", 1)
        with pytest.raises(UserError, match="no such file"):  # its index comes last
            data.resolve("s3://bucket/sets/cut")
        capsys.readouterr()
        there = data.shard(here.path, "s3://bucket/sets/cut", 1)
        assert "continuing after 3 shards" in capsys.readouterr().err
        assert sets.same(here, there)
        with pytest.raises(UserError, match="holds a set already"):
            data.shard(here.path, "s3://bucket/sets/cut", 1)
        with pytest.raises(UserError, match="no such file"):
            data.resolve("s3://bucket/sets/other")
        # Shards of one size give one order: those of 1 MiB hold the whole set.
        again = data.shard(here.path, tmp_path / "cut", 1)
        one = start.train("idvae", again.path, tmp_path / "one", **SMALL)
        other = start.train("idvae", "s3://bucket/sets/cut", tmp_path / "other", **SMALL)
    assert weights(one) == weights(other)
    assert weights(one) != from_disk
    assert os.listdir(tmp_path / "cache" / "shards")


def test_another_order_is_not_gone_on_with(here, tmp_path, monkeypatch):
    run = start.train("idvae", here.path, tmp_path / "run", **SMALL)
    other = sets.sharded(here, tmp_path / "cut", rows=5)
    run.config["data"]["path"] = str(other.path)
    run.write_config()
    with pytest.raises(UserError, match=r"in the order of 8 shards of 4, and .* 8 shards of 5"):
        start.resume(run.path, {"steps": 14})

"""Where sets and weights lie: as the user says, else as the system does, or where they were."""

from pathlib import Path

import pytest

from idvae import data
from idvae.evaluate.experts.weights import WeightFile, cached_path
from idvae.io import places

FOLDERS = [
    (places.data_folder, "IDVAE_DATA", "idvae"),
    (places.cache_folder, "IDVAE_CACHE", "idvae-evaluate"),
]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    for name in ("IDVAE_DATA", "IDVAE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(("folder", "variable", "name"), FOLDERS)
def test_the_variable_wins_over_the_systems_place(home, monkeypatch, folder, variable, name):
    assert folder() == home / ".cache" / name
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "kept"))
    assert folder() == home / "kept" / name
    monkeypatch.setenv(variable, "~/mine")
    assert folder() == home / "mine"


@pytest.mark.parametrize(("folder", "variable", "name"), FOLDERS)
def test_what_lies_at_the_earlier_place_is_still_found(home, monkeypatch, folder, variable, name):
    library = home / "Library" / "Caches"  # as on a Mac
    monkeypatch.setattr(places, "user_cache_path", lambda name, appauthor: library / name)
    assert folder() == library / name
    (home / ".cache" / name).mkdir(parents=True)
    assert folder() == home / ".cache" / name
    (library / name).mkdir(parents=True)
    assert folder() == library / name


def test_sets_and_weights_are_looked_for_there(home):
    assert data.root() == home / ".cache" / "idvae"
    file = cached_path(WeightFile("net.pth", "00"))
    assert file == Path(home, ".cache", "idvae-evaluate", "experts", "net.pth")

import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Statistics and weights of a test, away from those of the user and of other tests."""
    monkeypatch.setenv("IDVAE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def batches_of_two(monkeypatch):
    """Real networks on few images, without the blanks that fill a batch up."""
    monkeypatch.setattr("idvae.evaluate.experts.expert.BATCH", 2)

"""Shared by all tests: tests may import from the tests folder; data go to a place of their own."""

import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples each time, and no limit that a busy machine could break.
settings.register_profile("idvae", derandomize=True, database=None, deadline=None, max_examples=50)
settings.load_profile("idvae")

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="module", autouse=True)
def data_root(tmp_path_factory):
    """Prepared sets of one file of tests, away from those of the user and of other files."""
    root = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IDVAE_DATA", str(root))
        yield root


@pytest.fixture
def hangup():
    """SIGHUP as a terminal leaves it: a suite under nohup inherits that it is ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(autouse=True)
def seeded():
    """Every test starts from the same randomness of torch, in whatever order tests run."""
    import torch

    torch.manual_seed(0)

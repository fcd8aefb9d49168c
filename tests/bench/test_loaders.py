"""Every loader gives the same images, each once, as bytes."""

import importlib.util

import numpy as np
import pytest
import torch

from idvae.bench import feeding
from idvae.bench.images import make_set

N, BATCH, SIDE = 96, 8, 16
NO_WEBDATASET = importlib.util.find_spec("webdataset") is None


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loaders")
    images = make_set(folder / "images", N, SIDE)
    ours, rivals = feeding.epochs(images, folder, BATCH, 2, False, lambda line: None)
    return np.load(images.path / "images.npy"), ours | rivals


def ordered(rows):
    return sorted(row.tobytes() for row in rows)


@pytest.mark.filterwarnings("ignore")  # webdataset leaves its files to be closed by Python
@pytest.mark.parametrize(
    "name",
    [
        "gathered by 1 thread",
        "gathered by 2 threads",
        "torch's DataLoader, 2 processes",
        "torch's DataLoader, in this process",
        pytest.param(
            "webdataset, 2 processes",
            marks=pytest.mark.skipif(NO_WEBDATASET, reason="webdataset is not installed"),
        ),
        pytest.param(
            "webdataset, in this process",
            marks=pytest.mark.skipif(NO_WEBDATASET, reason="webdataset is not installed"),
        ),
    ],
)
def test_an_epoch_holds_each_image_once_in_another_order(name, found):
    stored, epochs = found
    made = list(epochs[name]())
    assert {tuple(rows.shape) for rows in made} == {(BATCH, SIDE, SIDE, 3)}
    assert {rows.dtype for rows in made} == {torch.uint8}
    rows = torch.cat(made).numpy()
    assert ordered(rows) == ordered(stored)
    assert not np.array_equal(rows, stored)


def test_the_rate_is_of_what_comes_after_the_first_batch(monkeypatch):
    """Three batches more in two seconds; what the first one took is not counted."""
    clock = iter([100.0, 102.0])
    monkeypatch.setattr(feeding.time, "perf_counter", lambda: next(clock))
    feed = iter([torch.zeros(8, 1), torch.zeros(8, 1), torch.zeros(8, 1), torch.zeros(4, 1)])
    assert feeding.images_per_second(feed, torch.device("cpu")) == 10.0

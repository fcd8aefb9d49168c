"""Means over steps: of what was added since they were last taken, in the same memory."""

import torch

from idvae.training.metrics import Means


def test_means_are_of_what_was_added_since():
    means = Means()
    for value in (1.0, 2.0, 6.0):
        means.add("loss", torch.tensor(value))
    means.add("rare", torch.tensor(4.0))
    place = means.sums["loss"].data_ptr()
    assert means.take(together=False) == {"loss": 3.0, "rare": 4.0}
    means.add("loss", torch.tensor(5.0))
    assert means.take(together=False) == {"loss": 5.0}
    assert means.sums["loss"].data_ptr() == place


def test_what_is_no_number_is_named():
    means = Means()
    means.add("recons", torch.tensor(1.0))
    assert means.not_finite() is None
    means.add("loss_dis", torch.tensor(float("nan")))
    assert means.not_finite() == "loss_dis is nan"

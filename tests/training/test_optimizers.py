"""Optimizers by name: their own options work, and what is decided elsewhere is refused."""

import pytest
import torch
from torch import nn

from idvae.errors import UserError
from idvae.training.optimizers import make, moments


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("adam", {"amsgrad": 1.0, "weight_decay": 0.1}),
        ("sgd", {"momentum": 0.9, "nesterov": 1.0}),
        ("rmsprop", {"centered": 1.0}),
        ("adam", {"amsgrad": 0.0}),
    ],
)
def test_an_option_that_is_on_or_off_is_a_number_here(name, options):
    weight = nn.Parameter(torch.ones(3))
    optimizer = make(name, [weight], 0.1, (0.9, 0.99), options)
    for _ in range(2):
        (weight.square().sum()).backward()
        optimizer.step()
    assert (weight < 1).all()
    kept = moments(optimizer)
    assert ("max_exp_avg_sq" in kept) == bool(options.get("amsgrad"))


@pytest.mark.parametrize(
    "option", ["foreach", "fused", "maximize", "differentiable", "capturable", "lr", "betas"]
)
def test_what_is_decided_here_is_no_option(option):
    with pytest.raises(UserError, match=f"adam has no option '{option}' to set there"):
        make("adam", [nn.Parameter(torch.ones(3))], 0.1, (0.9, 0.99), {option: 1.0})


def test_on_and_off_are_1_and_0():
    with pytest.raises(UserError, match=r"amsgrad 0\.5: it is 1 for on or 0 for off"):
        make("adam", [nn.Parameter(torch.ones(3))], 0.1, (0.9, 0.99), {"amsgrad": 0.5})


def test_what_takes_several_numbers_is_no_option():
    with pytest.raises(UserError, match=r"--optimizer-options.etas: it is no single number"):
        make("rprop", [nn.Parameter(torch.ones(3))], 0.1, (0.9, 0.99), {"etas": 0.5})

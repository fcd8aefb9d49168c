"""The ceiling: the fastest of several operations, and never below what the step reaches."""

import pytest
import torch
from torch import nn

from idvae.bench.ceiling import Convolutions, Work
from idvae.bench.machine_rate import (
    KEPT,
    MachineRate,
    Operation,
    convolutions,
    machine_rate,
    multiply_adds,
    products,
)
from idvae.bench.rounds import table
from idvae.bench.training import LAYERS, MACHINE, OURS, rows
from idvae.networks import DataShape, NetworkConfig

CPU = torch.device("cpu")
WORK = Work(trunk=4.0, decoder=8.0, repeating=16.0, step=140.0, plain=200.0)  # needed: 132


class Clock:
    """Tells times that were set, and notes whose."""

    def __init__(self, **times):
        self.times, self.calls = times, []

    def __call__(self, work, at_least):
        self.calls.append(work())
        return self.times[work()]


def operations(**macs):
    return [Operation(name, value, lambda name=name: name) for name, value in macs.items()]


def test_the_rate_is_that_of_the_fastest_whatever_its_size():
    clock = Clock(small=1.0, large=10.0, odd=1.0)
    rate = MachineRate(operations(small=30.0, large=200.0, odd=45.0), clock)
    assert rate() == 45.0
    clock.times["large"] = 2.0  # it was disturbed before
    assert rate() == 100.0
    clock.times["large"] = 20.0
    assert rate() == 45.0
    assert rate.best == ("large", 100.0)


def test_all_are_tried_once_and_the_fastest_measured_after_that():
    names = [f"op{i}" for i in range(KEPT + 4)]
    clock = Clock(**dict.fromkeys(names, 1.0))
    rate = MachineRate(operations(**{name: float(i) for i, name in enumerate(names)}), clock)
    rate()
    assert set(clock.calls[: len(names)]) == set(names)
    clock.calls.clear()
    rate()
    assert sorted(clock.calls) == sorted(names[-KEPT:])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_products_of_every_layout_do_the_work_they_name(dtype):
    made = products([(8, 8, 8), (16, 4, 2)], dtype, CPU)
    assert len({one.name for one in made}) == 6
    for one in made:
        assert one.macs == multiply_adds(one.work)
        assert one.work().dtype == dtype
    for one in made[1:3]:  # the same product, whatever the layout
        torch.testing.assert_close(one.work(), made[0].work(), rtol=0.02, atol=0.05)


def test_convolutions_of_every_layout_do_the_work_they_name():
    layers = Convolutions(DataShape(16, 3), NetworkConfig("small", width=4), 2, CPU).largest()
    assert all(isinstance(layer, nn.Conv2d) for layer, _, _ in layers)
    before = [layer.weight.clone() for layer, _, _ in layers]
    made = convolutions(layers, torch.bfloat16)
    assert len({one.name for one in made}) == 4 * len(layers) == 16
    forward, both = made[:2]
    assert forward.macs == 2 * 8 * 8 * (4 * 4 * 3 * 4) / 1e6  # images, side², kernel² × channels
    assert both.macs == 3 * forward.macs
    for one in made:
        one.work()
    for (layer, _, _), weight in zip(layers, before, strict=True):
        assert torch.equal(layer.weight, weight)
        assert layer.weight.grad is None


@pytest.mark.parametrize("precision", ["32", "64", "bf16"])
def test_layers_alone_are_timed_in_the_precision_of_the_training(precision, monkeypatch):
    layers = Convolutions(DataShape(16, 3), NetworkConfig("small", width=4), 2, CPU, precision)
    seen = []

    def clock(work, device, at_least):
        work()
        seen.append(torch.is_autocast_enabled("cpu"))
        return 3.0

    monkeypatch.setattr("idvae.bench.ceiling.seconds", clock)
    assert layers.step_seconds() == pytest.approx(17 + 8)
    assert seen == [precision == "bf16"] * 2
    expected = torch.float64 if precision == "64" else torch.float32
    for layer, x, gradient in (*layers.trunk, *layers.decoder):
        assert {layer.weight.dtype, x.dtype, gradient.dtype} == {expected}


def test_several_sizes_are_tried_and_both_types_for_bf16():
    rate = machine_rate(CPU, "bf16")
    assert len({one.macs for one in rate.operations}) >= 5
    names = " ".join(one.name for one in rate.operations)
    assert " bfloat16" in names
    assert " float32" in names


def measured(idvae, machine, layers):
    return {"idvae": idvae, "plain": [10.0], OURS: [15.0], MACHINE: machine, LAYERS: layers}


def test_a_share_of_the_ceiling_is_never_above_one():
    told = []
    made = rows(measured([104.0], [100.0], [90.0]), WORK, told.append)
    by_name = {one.name: one for one in made}
    # Of the machine's rate: the step does 140 for the 132 that it needs.
    assert by_name[MACHINE].values == [pytest.approx(104.0 * 140 / 132)]
    assert by_name[f"idvae against {MACHINE}"].ratios == [pytest.approx(132 / 140)]
    assert by_name[f"idvae against {LAYERS}"].ratios == [1.0]
    assert len(told) == 2
    assert all("measured too low in 1 of 1 rounds" in line for line in told)
    assert "1.04" not in table(made)


def test_a_ceiling_that_is_one_stays_as_it_was_measured():
    told = []
    made = rows(measured([50.0], [100.0], [80.0]), WORK, told.append)
    by_name = {one.name: one for one in made}
    assert not told
    assert by_name[f"idvae against {MACHINE}"].ratios == [0.5]
    assert by_name[LAYERS].values == [80.0]


def test_each_round_is_raised_on_its_own():
    found = {"idvae": [50.0, 120.0], MACHINE: [100.0, 100.0], LAYERS: [200.0, 200.0]}
    told = []
    made = rows(found, WORK, told.append)
    shares = next(one for one in made if one.name == f"idvae against {MACHINE}").ratios
    assert shares == [0.5, pytest.approx(132 / 140)]
    assert "in 1 of 2 rounds" in told[0]

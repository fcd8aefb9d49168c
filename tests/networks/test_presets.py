"""A preset is one class in one file and its name in the registry: here is such a file."""

import sys

import pytest
import torch
from torch import Tensor, nn

import idvae
from idvae import data, networks
from idvae.errors import UserError
from idvae.networks import DataShape, NetworkConfig, Networks
from idvae.networks.initial import join
from idvae.networks.preset import Preset


class Toy(Preset):
    """Images as rows of pixels: a matrix there, and one back."""

    default_width, default_z_dim = 12, 5

    def __init__(self, shape: DataShape, width: int, z_dim: int) -> None:
        super().__init__(shape, width, z_dim)
        self.features = width

    def trunk(self) -> nn.Module:
        return Flat(self.shape, self.width)

    def decoder(self) -> nn.Module:
        return Raised(self.shape, self.z_dim)


class Flat(nn.Module):
    def __init__(self, shape: DataShape, width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(shape.channels * shape.size**2 + shape.condition, width)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.inner(join(x.flatten(1), y)).relu()


class Raised(nn.Module):
    def __init__(self, shape: DataShape, z_dim: int) -> None:
        super().__init__()
        self.shape = shape
        self.inner = nn.Linear(z_dim + shape.condition, shape.channels * shape.size**2)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.inner(join(z, y)).tanh().view(self.shape.batch(len(z)))


OPTIONS = {
    "preset": "toy", "batch_size": 8, "threads": 1, "device": "cpu", "log_every": 1, "keep": 2,
    "grid_every": 0, "save_every": 1, "data": "digits-16",
}  # fmt: skip


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """As a file `networks/toy.py` and a line in `networks/__init__.py` do."""
    monkeypatch.setitem(sys.modules, "idvae.networks.toy", sys.modules[__name__])
    monkeypatch.setitem(networks.PRESETS, "toy", "toy:Toy")


@pytest.mark.parametrize("condition", [None, "labels"])
def test_a_preset_in_one_file_trains_a_method(tmp_path, condition):
    data.prepare("digits", size=16, n=60, overwrite=True)
    asked = {"condition": condition} if condition else {}
    run = idvae.train("idvae", out=tmp_path / "run", steps=2, **OPTIONS, **asked)
    options = run.config["options"]
    assert (options["preset"], options["width"], options["z_dim"]) == ("toy", 12, 5)
    pixels, told = 16 * 16, 10 if condition else 0
    trunk, dec = (pixels + told + 1) * 12, (5 + told + 1) * pixels
    heads = (12 + 1) * (5 + 5 + 1)  # μ, log σ² and the logit fit any preset
    assert sum(run.config["parameters"].values()) == trunk + dec + heads
    assert run.config["step_macs"] > 0
    first, last = (idvae.load(run.path, step=step).method for step in (1, 2))
    assert {Flat, Raised} <= {type(module) for module in last.modules()}
    for before, after in zip(first.parameters(), last.parameters(), strict=True):
        assert not torch.equal(before, after)
    assert idvae.load(run.path).sample(3).shape == (3, 16, 16, 1)


def test_a_trunk_that_cannot_be_cut_is_shared_whole_or_not_at_all():
    nets = Networks(DataShape(16, 1), NetworkConfig("toy"))
    with pytest.raises(UserError, match="--share 1: a trunk of --preset toy cannot be cut"):
        nets.trunk_in_two("1")
    assert isinstance(nets.trunk_in_two("trunk")[0], Flat)
    assert isinstance(nets.trunk_in_two("none")[1], Flat)


def test_a_preset_is_offered_for_its_own_kind_of_data():
    assert Networks(DataShape(16, 1)).config.preset == "small"  # the first that fits is the default
    with pytest.raises(UserError, match="--preset toy does not fit points; choose mlp"):
        Networks(DataShape(0, 2), NetworkConfig("toy"))
    with pytest.raises(UserError, match=r"unknown --preset tuy; the presets are .*, toy"):
        Networks(DataShape(16, 1), NetworkConfig("tuy"))

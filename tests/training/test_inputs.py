"""What a step is given: the rows of one batch, however many processes share it."""

import numpy as np
import pytest
import torch

from idvae import data, methods
from idvae.data.conditions import Condition
from idvae.networks import DataShape, NetworkConfig, Networks
from idvae.training import batches
from idvae.training.distributed import Processes
from idvae.training.inputs import CONDITIONS, IMAGES, Inputs, own_rows
from idvae.training.settings import TrainConfig
from idvae.training.shared_batch import SharedBatch

CPU = torch.device("cpu")
CONFIG = TrainConfig(batch_size=12, seed=3, flip=True, condition="labels")


@pytest.fixture(scope="module")
def digits(data_root):
    return data.prepare("digits", n=60, set_name="digits-inputs")


def made_of(name, **options):
    cls = methods.get(name)
    nets = Networks(DataShape(16, 1, condition=10), NetworkConfig(width=4, z_dim=3))
    return cls(nets, cls.Config(**options))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("idvae", {"dec_steps": 3, "augment": "colour", "mismatch": 0.5, "turned": 0.5}),
        ("age", {"g_steps": 3}),
        ("r3gan", {"augment": "cutout"}),
        ("avb", {}),
    ],
)
def test_the_parts_of_processes_are_the_batch_of_one(name, options, digits):
    """Images, which of them are mirrored, conditions and noise."""
    method, condition = made_of(name, **options), Condition.of(digits, "labels")
    one = Inputs(digits, condition, method, CONFIG, Processes(CPU))
    parts = [Inputs(digits, condition, method, CONFIG, Processes(CPU, r, 3)) for r in range(3)]
    for step in (0, 7):
        whole, found = one(step), [part(step) for part in parts]
        assert all(list(part) == list(whole) for part in found)
        for key, tensor in whole.items():
            at = method.rows_at.get(key, 0)
            assert all(part[key].shape[at] == 4 for part in found)
            assert torch.equal(torch.cat([part[key] for part in found], at), tensor)


def test_one_process_draws_what_it_always_drew(digits):
    """Runs that are there can be made again: the streams and their positions stay."""
    method, condition = made_of("idvae"), Condition.of(digits, "labels")
    given = Inputs(digits, condition, method, CONFIG, Processes(CPU))(7)
    split = digits.split("train")
    rows = batches.indices(len(split), 12, 3, 7)
    images = split.gather(rows)
    mirrored = np.random.default_rng(batches.seed_for(3, batches.FLIP, 7, 0)).random(12) < 0.5
    images[mirrored] = images[mirrored][:, :, ::-1]
    np.testing.assert_array_equal(given[IMAGES].numpy(), images)
    np.testing.assert_array_equal(given[CONDITIONS].numpy(), condition.rows(digits, split, rows))
    generator = batches.generator_for(3, batches.NOISE, 7, 0)
    assert torch.equal(given["eps"], torch.randn(12, 3, generator=generator))
    assert torch.equal(given["z"], torch.randn(12, 3, generator=generator))


def test_noise_without_a_row_for_each_image_is_told():
    method, noise = made_of("vae"), {"eps": torch.zeros(2, 12, 3)}
    with pytest.raises(ValueError, match=r"VAE\.draw_noise gives eps of shape \(2, 12, 3\)"):
        own_rows(noise, method, 12, slice(0, 4))


@pytest.mark.parametrize("world", [1, 2, 3, 6])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5, 0.99, 1.0])
def test_the_first_share_of_a_batch_is_the_same_rows_for_any_number_of_processes(share, world):
    own = 12 // world
    counts = [SharedBatch(Processes(CPU, r, world)).first(share, own) for r in range(world)]
    rows = [i < counts[r] for r in range(world) for i in range(own)]
    assert rows == [i < round(share * 12) for i in range(12)]

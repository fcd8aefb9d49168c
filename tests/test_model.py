"""What a trained run makes does not depend on how much of it is asked for."""

import copy

import numpy as np
import pytest
import torch

import idvae
from idvae import data
from idvae.errors import UserError
from idvae.model import BLOCK

OPTIONS = {"steps": 2, "batch_size": 8, "grid_every": 0, "threads": 1, "log_every": 1}


@pytest.fixture(scope="module", params=["gaussians-ring", "digits-16"])
def model(request, data_root, tmp_path_factory):
    data.prepare("gaussians-ring", n=200)
    data.prepare("digits", size=16, n=200)
    condition = "labels" if request.param == "digits-16" else None
    out = tmp_path_factory.mktemp("model") / request.param
    run = idvae.train("vae", request.param, out, condition=condition, **OPTIONS)
    return idvae.load(run.path)


@pytest.mark.parametrize("n", [1, 3, BLOCK - 1, BLOCK, BLOCK + 1])
def test_the_first_draws_are_the_same_bytes_for_every_n(model, n):
    most = model.sample(2 * BLOCK + 9, seed=3)
    assert len(most) == 2 * BLOCK + 9
    np.testing.assert_array_equal(model.sample(n, seed=3), most[:n])
    assert sum(map(len, model.sample_batches(n, 3))) == n


@pytest.mark.parametrize(("first", "last"), [(0, 1), (5, 70), (BLOCK, 2 * BLOCK), (130, 137)])
def test_draws_from_a_number_on_are_the_same_bytes(model, first, last):
    most = model.sample(2 * BLOCK + 9, seed=3)
    np.testing.assert_array_equal(model.samples(first, last, 3), most[first:last])
    with pytest.raises(UserError, match="samples 3 to 3 are none"):
        model.samples(3, 3)


@pytest.mark.parametrize(
    "call",
    [
        lambda m, y: m.decode(np.zeros((2, m.z_dim + 1)), y=y),
        lambda m, y: m.decode(np.zeros((0, m.z_dim)), y=None if y is None else y[:0]),
        lambda m, y: m.interpolate(np.zeros((2, m.z_dim)), np.zeros((1, m.z_dim)), 3, y, y),
        lambda m, y: m.interpolate(*[np.zeros((2, m.z_dim))] * 2, 1, y, y),
        lambda m, y: m.interpolate(*[np.zeros((2, m.z_dim))] * 2, 3, y, np.zeros((2, 99))),
        lambda m, y: m.encode([[1, 2]], y),
        lambda m, y: m.sample(2.5),
        lambda m, y: m.sample("3"),
        lambda m, y: m.sample_batches(0),
        lambda m, y: m.interpolate(*[np.zeros((2, m.z_dim))] * 2, 2.5, y, y),
        lambda m, y: m.samples(0, 2.5),
        lambda m, y: m.encode(np.array(5, np.uint8), y),
        lambda m, y: m.decode([["a"] * m.z_dim] * 2, y=y),
        lambda m, y: m.decode([[1.0], [1.0, 2.0]], y=y),
        lambda m, y: idvae.load(m.run.path, step=str(m.step)),
        lambda m, y: idvae.load(3),
        lambda m, y: m.decode(np.full((2, m.z_dim), np.nan), y=y),
        lambda m, y: m.decode(torch.zeros(2, m.z_dim, requires_grad=True), y=y),
        lambda m, y: m.sample(2, y=np.full((2, 10), np.inf)),
        lambda m, y: m.sample(2, y=[["a"] * 10] * 2),
        lambda m, y: m.sample(2, y=[[1.0], [1.0, 2.0]]),
        lambda m, y: m.draw_codes(0),
    ],
)
def test_mistakes_of_a_caller_are_told(model, call):
    with pytest.raises(UserError):
        call(model, model.draw_conditions(0, 2, 0))


@pytest.mark.parametrize("n", [1, 3, BLOCK + 1])
def test_decoded_and_encoded_rows_are_too(model, n):
    most = BLOCK + 9
    z, y = model.draw_codes(most), model.draw_conditions(0, most, 0)
    first = None if y is None else y[:n]
    decoded = model.decode(z, y=y)
    np.testing.assert_array_equal(model.decode(z[:n], y=first), decoded[:n])
    np.testing.assert_array_equal(model.sample(n), decoded[:n])
    encoded = model.encode(decoded, y)
    np.testing.assert_array_equal(model.encode(decoded[:n], first), encoded[:n])


def test_features_are_what_the_head_makes_codes_of(model):
    images = model.sample(BLOCK + 3)
    y = model.draw_conditions(0, len(images), 0)
    features = model.features(images, y)
    assert features.dtype == np.float32
    with torch.no_grad():
        mean, _ = model.method.enc(torch.from_numpy(features))
    np.testing.assert_allclose(mean.numpy(), model.encode(images, y), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(
        model.features(images[:2], None if y is None else y[:2]), features[:2]
    )


def test_layers_lie_as_in_training_and_make_the_same(model):
    """Channels last: decoding takes less of a processor's time, and the numbers stay."""
    kernels = [p for p in model.method.parameters() if p.dim() == 4]
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in kernels)
    plain = copy.deepcopy(model.method).to(memory_format=torch.contiguous_format)
    z = torch.from_numpy(model.draw_codes(5))
    y = model.draw_conditions(0, 5, 0)
    y = None if y is None else torch.from_numpy(y)
    with torch.no_grad():
        torch.testing.assert_close(model.method.decode(z, y), plain.decode(z, y))


@pytest.mark.parametrize("share", ["none", "1"])
def test_so_are_those_of_an_encoder_with_a_trunk_of_its_own(share, data_root, tmp_path):
    run = idvae.train("idvae", "digits-16", tmp_path / "run", share=share, **OPTIONS)
    model = idvae.load(run.path)
    images = model.sample(5)
    with torch.no_grad():
        mean, _ = model.method.enc(torch.from_numpy(model.features(images)))
    np.testing.assert_allclose(mean.numpy(), model.encode(images), rtol=1e-4, atol=1e-6)


def test_devices_are_named_as_torch_names_them(model):
    assert idvae.load(model.run.path, device=torch.device("cpu")).device == model.device

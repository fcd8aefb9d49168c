"""Spectral normalisation in a training: it keeps up, it resumes to the bit, it is loaded again."""

import numpy as np
import pytest
import torch

import idvae
from idvae import data, methods
from idvae.cli import main
from idvae.errors import UserError
from idvae.networks import spectral
from idvae.training import checkpoints, start
from idvae.training.run import Run
from training.first_phase import with_first

OPTIONS = {
    "steps": 6, "batch_size": 8, "width": 4, "z_dim": 3, "log_every": 2, "save_every": 2,
    "grid_every": 0, "threads": 1, "seed": 5, "lr": 5e-3, "lr_of": {}, "lr_final": 1.0, "ema": 0.9,
    "spectral": True,
}  # fmt: skip
JUDGED = [
    "idvae", "idvae-plus", "gan", "vae-gan", "alpha-gan", "ali", "alice", "avb", "as-vae", "rfgan",
    "mr-gan", "mdgan", "r3gan",
]  # fmt: skip


@pytest.fixture(scope="module")
def digits(data_root):
    return str(data.resolve("digits-16").path)


def final(path, name):
    return checkpoints.load(path / "checkpoints", name)


def largest(layer):
    return torch.linalg.svdvals(layer.weight.detach().double().flatten(1))[0].item()


@pytest.mark.parametrize("name", ["idvae", "gan", "alpha-gan"])
@pytest.mark.parametrize("preset", ["small", pytest.param("residual", marks=pytest.mark.slow)])
def test_the_largest_singular_value_stays_1_while_weights_move(name, preset, digits, tmp_path):
    """Weights that have grown and turned far from where they began."""
    options = OPTIONS | {"steps": 40, "preset": preset, "keep": 20}
    run = start.train(name, digits, tmp_path / "run", **options)
    method = idvae.load(run.path).method
    layers = spectral.normalised(method)
    assert layers
    for layer in layers:
        assert largest(layer) == pytest.approx(1.0, abs=0.15)
    stale = idvae.load(run.path, step=2).method
    for layer, old in zip(layers, spectral.normalised(stale), strict=True):
        layer.parametrizations["weight"][0].u.copy_(old.parametrizations["weight"][0].u)
    assert max(map(largest, layers)) > 1.2  # u did have to follow


@pytest.mark.parametrize("name", JUDGED)
@pytest.mark.parametrize("precision", ["32", pytest.param("bf16", marks=pytest.mark.slow)])
def test_a_run_goes_on_to_the_same_bits(name, precision, digits, tmp_path):
    options = with_first(name, digits, tmp_path, OPTIONS | {"precision": precision})
    start.train(name, digits, tmp_path / "whole", **options)
    part = start.train(name, digits, tmp_path / "part", **options | {"steps": 3})
    assert start.resume(part.path, {"steps": 6}).fit()
    whole, again = (final(tmp_path / place, name) for place in ("whole", "part"))
    assert any(key.endswith("weight.0.u") for key in whole.model)
    for kind in ("model", "average", "optimizers"):
        one, other = getattr(whole, kind), getattr(again, kind)
        assert set(one) == set(other)
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_u_is_a_part_of_what_is_gone_on_from(digits, tmp_path):
    """Without it another σ would be divided by: the test above can fail."""
    start.train("idvae", digits, tmp_path / "run", **OPTIONS | {"steps": 3})
    trainer = start.resume(tmp_path / "run", {"steps": 6})
    layers = spectral.normalised(trainer.method)
    before = [layer.weight.detach().clone() for layer in layers]
    for layer in layers:
        norm = layer.parametrizations["weight"][0]
        norm.u.copy_(spectral.Spectral(layer.weight.detach()).u)
    assert any(not torch.equal(a, b.weight) for a, b in zip(before, layers, strict=True))


def test_a_run_is_loaded_and_released(digits, tmp_path):
    run = start.train("idvae", digits, tmp_path / "run", **OPTIONS)
    assert run.config["options"]["spectral"] is True
    images = data.open_set("digits-16").split("test").gather(np.arange(8))
    model = idvae.load(run.path)
    code = model.encode(images)
    assert main(["release", str(run.path), "tiny", "--out", str(tmp_path / "tiny")]) == 0
    small = idvae.load(tmp_path / "tiny")
    assert spectral.normalised(small.method)
    np.testing.assert_allclose(small.encode(images), code, rtol=0.02, atol=0.02)
    assert np.abs(small.sample(4).astype(int) - model.sample(4)).mean() < 1


def test_a_run_of_before_the_option_is_read(digits, tmp_path):
    run = start.train("gan", digits, tmp_path / "run", **OPTIONS | {"spectral": False})
    file = run.path / "config.yaml"
    text = file.read_text("utf-8")
    assert "  spectral: false\n" in text
    file.write_text(text.replace("  spectral: false\n", ""), "utf-8")
    assert idvae.load(run.path).sample(2).shape == (2, 16, 16, 1)
    assert start.resume(Run.open(run.path).path, {"steps": 7}).fit()


@pytest.mark.parametrize("name", ["vae", "age", "dae", "soft-intro-vae", "intro-vae", "icgan"])
def test_what_has_no_discriminator_says_so(name, digits, tmp_path):
    with pytest.raises(UserError, match=f"--spectral .* {methods.get(name).title} has none"):
        start.train(name, digits, tmp_path / "run", **OPTIONS)
    assert not (tmp_path / "run").exists()

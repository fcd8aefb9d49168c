"""Rough images against a blur by SciPy and plain numbers; who learnt them knows them again."""

import numpy as np
import pytest
import torch

from idvae.evaluate.experts import domain
from idvae.evaluate.experts.domain import open_domain
from idvae.evaluate.roughness import BLUR, NOISE, _blurred, roughened


def images(n, channels=3, side=16, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.uniform(-1, 1, (n, channels, side, side)))


def test_the_blur_is_a_normal_kernel_of_each_images_own_deviation():
    ndimage = pytest.importorskip("scipy.ndimage")
    x, deviations = images(3), [0.0, 0.5, 1.2]
    made = _blurred(x, torch.tensor(deviations, dtype=torch.float64), radius=4)
    torch.testing.assert_close(made[0], x[0])
    for i in (1, 2):
        wanted = ndimage.gaussian_filter(
            x[i].numpy(), (0, deviations[i], deviations[i]), mode="mirror", radius=(0, 4, 4)
        )
        np.testing.assert_allclose(made[i].numpy(), wanted, atol=1e-12)


@pytest.mark.parametrize("channels", [1, 3])
def test_each_image_is_roughened_by_its_own_chance_and_no_more_than_the_most(channels):
    x = torch.zeros(4000, channels, 16, 16)  # which no blur changes
    rough = roughened(x, np.random.default_rng(0))
    assert rough.shape == x.shape
    noise = rough.std((1, 2, 3))
    noisy = noise > 0
    assert noisy.double().mean() == pytest.approx(0.5, abs=0.04)  # 5 deviations of such a mean
    assert noise.max() < 1.15 * NOISE
    assert noise[noisy].mean() == pytest.approx(NOISE / 2, rel=0.05)

    edge = torch.full((4000, 1, 64, 64), -0.5)
    edge[:, :, :, 32:] = 0.5
    passed = 0.5 + roughened(edge, np.random.default_rng(1)).mean((1, 2))[:, 31]  # of the kernel
    assert BLUR * 64 == 1
    taps = np.exp(-0.5 * np.arange(-3, 4) ** 2.0)  # of the widest kernel
    assert 0.25 < passed.max() < 0.05 + taps[4:].sum() / taps.sum()
    # A deviation d lets e / (1 + 2 e) pass, e = exp(-1 / 2 d^2), but for the noise: 5% at 0.415.
    soft = (passed > 0.05).double().mean()
    assert soft == pytest.approx(0.5 * (1 - 0.415), abs=0.04)


def test_it_is_the_same_for_the_same_seed_and_stays_in_range():
    x = images(50).float()
    one, same, other = (roughened(x, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert one.abs().max() <= 1


class Stripes:
    """Images of one channel, grey with or without stripes of one pixel, which a blur takes away."""

    def __init__(self, n=300):
        rng = np.random.default_rng(2)
        self.y = rng.integers(0, 2, n)
        stripes = np.where(np.arange(32) % 2, 40, -40)[None, None, :] * self.y[:, None, None]
        level = rng.integers(100, 150, (n, 1, 1))
        self.x = (level + stripes + np.zeros((n, 32, 32)))[..., None].astype(np.uint8)

    def __len__(self):
        return len(self.x)

    def gather(self, indices):
        return self.x[np.asarray(indices)]

    def labels(self, indices):
        return self.y[np.asarray(indices)]


@pytest.mark.slow
def test_who_learnt_rough_images_knows_them_again(tmp_path):
    """Held out: a noise and a blur of their own, not `roughened`."""
    ndimage = pytest.importorskip("scipy.ndimage")
    stripes, accuracy = Stripes(), {}
    for name, alter in (("plain", domain.as_they_are), ("rough", roughened)):
        path = tmp_path / f"{name}.safetensors"
        domain.train(stripes, path, checksum="x", classes=2, steps=60, alter=alter)
        expert = open_domain(None, path, None, "cpu")
        rng = np.random.default_rng(3)
        seen = ndimage.gaussian_filter(stripes.x / 1.0, (0, 0.45, 0.45, 0))
        seen = np.clip(seen + rng.normal(0, 10, seen.shape), 0, 255).astype(np.uint8)
        accuracy[name] = (expert(seen).logits.argmax(1) == stripes.y).mean()
        assert (expert(stripes.x).logits.argmax(1) == stripes.y).mean() > 0.95
    assert accuracy["rough"] > 0.95
    assert accuracy["rough"] >= accuracy["plain"]

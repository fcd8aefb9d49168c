"""Wavelet packets and their distance: against PyWavelets, sums by hand, and plain covariances."""

import itertools
import tracemalloc

import numpy as np
import pytest
import torch

from evaluate.toys import ToySet, images, toy
from idvae.errors import UserError
from idvae.evaluate import cache
from idvae.evaluate.battery import evaluate
from idvae.evaluate.experts import open_expert, status, wavelet
from idvae.evaluate.experts.wavelet import level_of, packets
from idvae.evaluate.features import collect
from idvae.evaluate.metrics.frechet import frechet_distance, frechet_of_parts
from idvae.evaluate.metrics.statistics import PartStatistics, load_statistics
from idvae.evaluate.reconstruct import of_pairs
from idvae.evaluate.sources.images import open_images

REAL = ToySet(images(200, seed=1), images(80, seed=2))


def by_hand(image, level):
    """Packets of one channel, by filters along rows and columns in turn; (4^level, h, w)."""
    found = [image]
    for _ in range(level):
        halves = []
        for packet in found:
            for of_rows, of_columns in ((1, 1), (-1, 1), (1, -1), (-1, -1)):  # a, h, v, d
                rows = (packet[0::2] + of_rows * packet[1::2]) / np.sqrt(2)
                halves.append((rows[:, 0::2] + of_columns * rows[:, 1::2]) / np.sqrt(2))
        found = halves
    return np.stack(found)


@pytest.mark.parametrize(("side", "level"), [(8, 1), (16, 2), (32, 3)])
def test_packets_are_those_of_sums_and_differences(side, level):
    x = torch.rand(2, 3, side, side, dtype=torch.float64)
    found = packets(x, level)
    assert found.shape == (2, 4**level, 3, side >> level, side >> level)
    for i, c in itertools.product(range(2), range(3)):
        np.testing.assert_allclose(found[i, :, c], by_hand(x[i, c].numpy(), level), atol=1e-12)
    # An orthogonal map: lengths stay.
    torch.testing.assert_close(found.square().sum((1, 2, 3, 4)), x.square().sum((1, 2, 3)))


@pytest.mark.parametrize("level", [1, 2, 4])
def test_packets_are_those_of_pywavelets_in_its_natural_order(level):
    pywt = pytest.importorskip("pywt", reason="PyWavelets is another implementation")
    x = np.random.default_rng(0).random((32, 48))
    tree = pywt.WaveletPacket2D(x, "haar", maxlevel=level)
    theirs = ["".join(path) for path in itertools.product("ahvd", repeat=level)]
    found = packets(torch.from_numpy(x)[None, None], level)[0, :, 0]
    for packet, path in zip(found.numpy(), theirs, strict=True):
        np.testing.assert_allclose(packet, tree[path].data, atol=1e-12)


@pytest.mark.parametrize(
    ("side", "level"), [(8, 1), (16, 1), (32, 1), (64, 2), (96, 2), (128, 3), (256, 4)]
)
def test_how_often_images_are_halved(side, level):
    assert level_of(side, side) == level


def direct(a, b, level):
    """The distance from the definition: images in [0, 1], packets, means and covariances."""
    a, b = (
        packets(torch.from_numpy(x.transpose(0, 3, 1, 2) / 255.0), level).flatten(2).numpy()
        for x in (a, b)
    )
    found = []
    for p in range(a.shape[1]):
        means = a[:, p].mean(0) - b[:, p].mean(0)
        c1, c2 = np.cov(a[:, p].T), np.cov(b[:, p].T)
        values, vectors = np.linalg.eigh(c1)
        root = vectors * np.sqrt(values.clip(0)) @ vectors.T
        cross = np.sqrt(np.linalg.eigvalsh(root @ c2 @ root).clip(0)).sum()
        found.append(means @ means + np.trace(c1) + np.trace(c2) - 2 * cross)
    return np.mean(found)


def noise(n, seed, size=16, channels=3):
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, channels), np.uint8)


@pytest.mark.parametrize(("size", "level"), [(8, 1), (16, 2)])
def test_the_distance_is_the_mean_of_the_packets_distances(size, level, monkeypatch):
    monkeypatch.setattr(wavelet, "PACKET", 4)
    a, b = noise(200, 1, size), noise(230, 2, size) // 2
    expert = open_expert("wavelet")
    one, other = (PartStatistics.of(expert(x).features) for x in (a, b))
    assert len(one.parts) == 4**level
    assert frechet_of_parts(one, other) == pytest.approx(direct(a, b, level), rel=1e-5)
    assert frechet_of_parts(one, one) == pytest.approx(0.0, abs=1e-6)


def test_grey_images_count_as_three_channels_alike():
    a, b = noise(200, 1, 8, 1), noise(200, 2, 8, 1) // 2
    expert = open_expert("wavelet")
    grey, coloured = (
        frechet_of_parts(*(PartStatistics.of(expert(x).features) for x in pair))
        for pair in ((a, b), (a.repeat(3, 3), b.repeat(3, 3)))
    )
    assert grey == coloured == pytest.approx(3 * direct(a, b, 1), rel=1e-5)


def test_the_battery_scores_by_it_beside_other_experts(own_cache):
    made = images(160, seed=5, level=150)
    found = evaluate(made, REAL, experts=["wavelet", toy()], n=80, repeats=2)
    assert set(found.row["wavelet"]) == {"fd"}
    assert {"fd", "kid", "precision"} <= set(found.row["toy"])
    reference = REAL.split("train").rows
    expected = [direct(some, reference, 1) for some in _sets(made)]
    assert found.row["wavelet"]["fd"].values == pytest.approx(expected, rel=1e-4)
    assert found.true_data["wavelet"]["fd"].mean < 0.5 * found.row["wavelet"]["fd"].mean
    assert found.facts["experts"]["wavelet"]["packet"] == 16
    assert not [w for w in found.warnings if "moments" in w]
    assert [w for w in found.warnings if "wavelet: 80 images (samples) for 192 features" in w]
    assert evaluate(made, REAL, experts=["wavelet", toy()], n=80, repeats=2).row == found.row


def _sets(made):
    source = open_images(made)
    return [np.concatenate([np.asarray(c) for c in source.draw(80, part, 0)]) for part in range(2)]


def test_the_reference_is_kept_and_read_again(own_cache, monkeypatch):
    options = {"experts": ["wavelet"], "n": 60, "repeats": 1, "true_data": False}
    first = evaluate(images(60, seed=5, level=150), REAL, **options)
    (kept,) = own_cache.rglob("*.npz")
    monkeypatch.setattr(cache, "save", None)  # would fail if it were made again
    second = evaluate(images(60, seed=5, level=150), REAL, **options)
    assert second.row["wavelet"]["fd"].mean == pytest.approx(first.row["wavelet"]["fd"].mean)
    # The same file is a reference by itself, as one of another tool with means and covariances is.
    third = evaluate(images(60, seed=5, level=150), str(kept), **options)
    assert third.row == second.row
    with pytest.raises(UserError, match="several Gaussians, which are not those of toy"):
        evaluate(images(60), str(kept), **options | {"experts": [toy()]})


def test_processes_find_together_what_one_finds():
    x = noise(120, 3)
    features = open_expert("wavelet")(x).features
    whole, joined = PartStatistics.of(features), PartStatistics()
    for some in (features[:50], features[50:]):
        joined.merge(PartStatistics.of(some))
    joined.merge(PartStatistics())
    assert joined.n == 120
    for one, other in zip(whole.parts, joined.parts, strict=True):
        np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(one.mean, other.mean)


def test_memory_does_not_grow_with_the_images():
    """Rows of 1,536 images more would be 1.2 MB."""
    expert, peaks = open_expert("wavelet"), []
    for n in (512, 2048):
        chunks = (noise(64, i, 8) for i in range(n // 64))
        tracemalloc.start()
        found = collect(open_images(chunks), [expert], n)["wavelet"]
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert found.rows is None
        assert found.statistics.n == n
    assert peaks[1] < peaks[0] + 200_000


def test_the_perceptual_distance_of_reconstructions_takes_it():
    x, y = noise(5, 1), noise(5, 2)
    found = of_pairs(x, y, [open_expert("wavelet")])["perceptual/wavelet"]
    one, other = (a.reshape(5, -1) / np.linalg.norm(a.reshape(5, -1), axis=1)[:, None]
                  for a in (x.astype(float), y.astype(float)))  # fmt: skip
    np.testing.assert_allclose(found, np.square(one - other).sum(1), rtol=1e-5)


def test_what_it_cannot_do_is_told():
    expert = open_expert("wavelet")
    with pytest.raises(UserError, match=r"images of one size; resize them: wavelet@64"):
        expert([noise(1, 0, 16)[0], noise(1, 0, 32)[0]])
    with pytest.raises(UserError, match=r"cannot halve images of 218×178 px 3 times; .*@128"):
        expert(np.zeros((1, 218, 178, 3), np.uint8))
    with pytest.raises(UserError, match=r"4 packets of 192 numbers .* 4 of 768"):
        evaluate(noise(20, 1, 16), noise(20, 1, 32), experts=["wavelet"], true_data=False)
    with pytest.raises(UserError, match="wavelet has no weights"):
        open_expert("wavelet", weights={"wavelet": "x.pth"})
    resized = open_expert("wavelet@32")
    assert resized([noise(1, 0, 16)[0], noise(1, 0, 64)[0]]).features.shape == (2, 4, 768)
    assert status("wavelet") == "ready"


def test_damaged_statistics_of_parts_are_refused(tmp_path):
    features = open_expert("wavelet")(noise(30, 1, 8)).features
    PartStatistics.of(features).save(tmp_path / "good.npz")
    good = load_statistics(tmp_path / "good.npz")
    assert (len(good.parts), good.width, good.n) == (4, 48, 30)
    assert frechet_distance(good.parts[0], features[:, 0]) == pytest.approx(0, abs=1e-6)
    np.savez(tmp_path / "bad.npz", mu=np.zeros((4, 48)), sigma=np.zeros((4, 48, 47)))
    with pytest.raises(UserError, match=r"sigma .* does not have the shape \(4, 48, 48\)"):
        load_statistics(tmp_path / "bad.npz")
    with pytest.raises(UserError, match="not finite"):
        PartStatistics().add(np.full((300, 4, 3), np.nan, np.float32))

import hashlib

import numpy as np
import pytest
import torch

from evaluate.toys import ToySplit, images, toy
from idvae.errors import UserError
from idvae.evaluate.reconstruct import fixed_indices, of_pairs, reconstruction, ssim

X, Y = images(20, 1, 32), images(20, 2, 32)


def corner(pixels):
    """Twelve bytes of each image as they are: no sum that a processor could round otherwise."""
    return pixels[:, :32:8, 0].reshape(len(pixels), 12).astype(np.float32)


def test_errors_are_those_of_the_definitions():
    found = of_pairs(X, Y, [toy(function=corner)])
    x, y = X / 127.5 - 1, Y / 127.5 - 1
    np.testing.assert_allclose(found["squared_error"], np.square(x - y).sum((1, 2, 3)))
    mean = np.square(x - y).mean((1, 2, 3))
    np.testing.assert_allclose(found["squared_error_per_pixel"], mean)
    np.testing.assert_allclose(found["psnr"], 10 * np.log10(4 / mean))
    a, b = corner(X).astype(np.float64), corner(Y).astype(np.float64)
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    np.testing.assert_allclose(found["perceptual/toy"], 2 - 2 * cosine, rtol=1e-9)


def test_ssim_and_psnr_equal_torchmetrics():
    theirs = pytest.importorskip("torchmetrics.functional.image")
    x, y = (torch.from_numpy(i.transpose(0, 3, 1, 2).astype(np.float64)) for i in (X, Y))
    _, maps = theirs.structural_similarity_index_measure(
        x, y, data_range=255.0, reduction="none", return_full_image=True
    )
    # Its mean counts a mirrored border of 5 px; Wang et al. leave it out.
    expected = maps[..., 5:-5, 5:-5].mean((1, 2, 3)).numpy()
    np.testing.assert_allclose(ssim(X, Y), expected, rtol=1e-9)
    psnr = [
        theirs.peak_signal_noise_ratio(a, b, data_range=255.0) for a, b in zip(x, y, strict=True)
    ]
    np.testing.assert_allclose(of_pairs(X, Y, [])["psnr"], psnr, rtol=1e-6)  # float32


def test_perfect_reconstructions():
    found = of_pairs(X, X.copy(), [toy()])
    assert not found["squared_error"].any()
    assert np.isfinite(found["psnr"]).all()
    np.testing.assert_allclose(found["ssim"], 1)
    np.testing.assert_allclose(found["perceptual/toy"], 0, atol=1e-12)


def test_the_fixed_images_are_what_their_rule_says():
    assert fixed_indices(9).tolist() == list(range(9))
    chosen = fixed_indices(30_000, 10_000)
    assert len(set(chosen.tolist())) == 10_000
    digests = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(30_000)]
    assert max(digests[i] for i in chosen) == sorted(digests)[9_999]
    # Published: whoever gets another list computes something else.
    assert hashlib.sha256(chosen.astype("<i8").tobytes()).hexdigest() == PUBLISHED


PUBLISHED = "f45462e5f01f43313a76a8487d85779fa3de95eebb6b4a5a795e7697662db663"


def test_a_split_or_an_array_is_measured_in_batches_and_the_facts_are_kept():
    pixels = images(600, 3)
    done = []
    found = reconstruction(
        ToySplit(pixels), lambda x, i: 255 - x, experts=[toy()], n=550, progress=done.append
    )
    assert sum(done) == found["facts"]["n"] == 550
    same = reconstruction(pixels, lambda x, i: 255 - x, experts=[toy()], n=550)
    assert same == found
    chosen = pixels[fixed_indices(600, 550)]
    expected = of_pairs(chosen, 255 - chosen, [])
    for name in ("squared_error", "squared_error_per_pixel", "psnr", "ssim"):
        value = found["values"][name]
        assert value["mean"] == pytest.approx(expected[name].mean())
        assert value["standard_error"] == pytest.approx(expected[name].std(ddof=1) / 550**0.5)


def test_images_smaller_than_the_window_have_no_ssim():
    assert "ssim" not in of_pairs(images(3, 0, 8), images(3, 1, 8), [])
    with pytest.raises(UserError, match="at least 11"):
        ssim(images(3, 0, 8), images(3, 1, 8))


def test_mistakes_are_told():
    with pytest.raises(UserError, match="originals' shape"):
        reconstruction(X, lambda x, i: x[:, :16])
    with pytest.raises(UserError, match="no test images"):
        reconstruction(X[:0], lambda x, i: x)

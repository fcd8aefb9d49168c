"""How well images are reconstructed: squared error, PSNR, SSIM, distance in an expert's eyes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from idvae.errors import UserError
from idvae.evaluate.experts import AnyExpert
from idvae.evaluate.features import Progress
from idvae.evaluate.scores import Value
from idvae.evaluate.together import in_order, in_step, processes

TEST_N = 10_000  # the paper's test images
WINDOW, SIGMA = 11, 1.5  # of SSIM
K1, K2 = 0.01, 0.03
BATCH = 250


def fixed_indices(count: int, n: int = TEST_N) -> np.ndarray:
    """The fixed test images: all of them, or the n whose numbers have the least sha256.

    The rule needs no random generator, so it gives the same list everywhere and for ever: number
    i is ranked by the sha256 of its decimal digits.

    Args:
        count: test images that there are.
        n: how many to take.

    Returns:
        ascending numbers, int64, shape (min(n, count),).
    """
    if count <= n:
        return np.arange(count)
    ranked = sorted(range(count), key=lambda i: hashlib.sha256(str(i).encode()).digest())
    return np.sort(np.array(ranked[:n], np.int64))


def reconstruction(
    originals: Any,
    reconstruct: Callable[[np.ndarray, np.ndarray], np.ndarray],
    *,
    experts: Sequence[AnyExpert] = (),
    n: int = TEST_N,
    progress: Progress = lambda images: None,
) -> dict[str, Any]:
    """Measure reconstructions of the fixed test images.

    Squared errors are of values in [−1, 1], as in the losses: summed over an image, and its mean
    over pixels and channels. PSNR is the mean over images of 10 log10(peak²/error), at most that
    of an error of one in 255²·pixels where a reconstruction is perfect.

    With several processes (torch.distributed) each takes every k-th batch, and all get what one
    would, to the last bit where they compute alike.

    Args:
        originals: test images with len() and gather(indices), or uint8 (N, H, W, C).
        reconstruct: (images, their numbers) → images, uint8 (k, H, W, C) both.
        experts: give `perceptual/NAME`: the mean squared distance of features scaled to length
            one, from 0 to 4.
        n: most images.
        progress: called with the number of images of each batch done.

    Returns:
        facts (n, the sha256 of the list of numbers) and values by metric; ssim is left out where
        images are smaller than its window of 11.

    Raises:
        UserError: no images, or reconstructions of another shape or type; here or in another
            process.
    """
    indices = fixed_indices(len(originals), n)
    if not len(indices):
        raise UserError("there are no test images to reconstruct")
    gather = originals.gather if hasattr(originals, "gather") else lambda i: originals[i]
    values: dict[str, list[np.ndarray]] = {}
    places: list[np.ndarray] = []
    rank, world = processes()

    def measure() -> Generator[int, None, None]:
        for start in range(rank * BATCH, len(indices), world * BATCH):
            numbers = indices[start : start + BATCH]
            x = gather(numbers)
            y = reconstruct(x, numbers)
            for name, part in of_pairs(x, y, experts).items():
                values.setdefault(name, []).append(part)
            places.append(start + np.arange(len(x)))
            yield start + len(x)

    in_step(measure(), len(indices), progress)
    joined = in_order(places, values)
    return {
        "facts": {
            "n": len(indices),
            "indices": hashlib.sha256(indices.astype("<i8").tobytes()).hexdigest(),
            "experts": {e.name: e.facts for e in experts},
        },
        "values": {name: _value(part) for name, part in joined.items()},
    }


def of_pairs(x: np.ndarray, y: np.ndarray, experts: Sequence[AnyExpert]) -> dict[str, np.ndarray]:
    """Every measure of pairs of images.

    Args:
        x, y: uint8, shape (k, H, W, C).
        experts: for the perceptual distance.

    Returns:
        by name, float64, shape (k,).

    Raises:
        UserError: shapes or types that differ.
    """
    if x.shape != y.shape or x.dtype != np.uint8 or y.dtype != np.uint8:
        raise UserError(
            f"reconstructions are uint8 of the originals' shape {x.shape}, not {y.dtype} {y.shape}"
        )
    difference = x.astype(np.int64) - y
    squared = np.square(difference).sum((1, 2, 3)) / 127.5**2
    pixels = difference[0].size
    found = {
        "squared_error": squared,
        "squared_error_per_pixel": squared / pixels,
        "psnr": 10 * np.log10(4 * pixels / np.maximum(squared, 1 / 127.5**2)),
    }
    if min(x.shape[1:3]) >= WINDOW:
        found["ssim"] = ssim(x, y)
    for expert in experts:
        a, b = (
            _unit(expert(images).features.reshape(len(images), -1).astype(np.float64))
            for images in (x, y)
        )
        found[f"perceptual/{expert.name}"] = np.square(a - b).sum(1)
    return found


def ssim(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Structural similarity (Wang et al. 2004) with its Gaussian window, where it fits whole.

    Args:
        x, y: uint8, shape (k, H, W, C), sides of at least 11.

    Returns:
        means over positions and channels, float64, shape (k,), from −1 to 1.

    Raises:
        UserError: images smaller than the window.
    """
    if min(x.shape[1:3]) < WINDOW:
        raise UserError(f"SSIM needs images of at least {WINDOW} px, not {x.shape[1:3]}")
    a, b = (torch.from_numpy(i.transpose(0, 3, 1, 2).astype(np.float64)) for i in (x, y))
    k, c, h, w = a.shape
    at = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    window = torch.exp(-at.square() / (2 * SIGMA**2))
    window /= window.sum()

    def blur(images: torch.Tensor) -> torch.Tensor:
        flat = images.reshape(k * c, 1, h, w)
        return F.conv2d(F.conv2d(flat, window[None, None, :, None]), window[None, None, None])

    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    covariance = blur(a * b) - mean_a * mean_b
    c1, c2 = (K1 * 255) ** 2, (K2 * 255) ** 2
    similarity = ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    )
    return similarity.reshape(k, -1).mean(1).numpy()


def _unit(features: np.ndarray) -> np.ndarray:
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def _value(values: np.ndarray) -> dict[str, float]:
    """Mean over images, and the standard error of that mean."""
    found = Value.of([float(v) for v in values])
    return {"mean": found.mean, "standard_error": (found.sd or 0.0) / len(values) ** 0.5}

"""A trained run as an object: encode, decode, sample, reconstruct, interpolate."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from idvae import batches, checkpoints, settings
from idvae.data.pixels import to_float, to_uint8
from idvae.devices import torch_device
from idvae.errors import UserError
from idvae.loop import build_method
from idvae.networks import DataShape
from idvae.runs import Run

BATCH = 250  # images decoded at a time


class Model:
    """A method with the weights of one checkpoint, in eval mode.

    Images in and out are uint8 arrays (N, H, W, C); points are float32 arrays (N, 2).

    Args:
        run: an open run folder.
        step: which checkpoint; by default the newest.
        device: where it computes, such as "cpu" or "cuda".
    """

    def __init__(self, run: Run, step: int | None = None, device: str = "cpu") -> None:
        self.run = run
        self.device = torch_device(device)
        data, options = run.config["data"], run.config["options"]
        self.settings = settings.from_mapping(run.config["method"], options)
        self.shape = DataShape(**data["shape"])
        self.method = build_method(self.settings, self.shape, self.settings.train.seed)
        folder = run.path / "checkpoints"
        saved = checkpoints.load(folder, self.settings.method, step)
        where = folder / f"{saved.step:08d}"
        if self.settings.train.precision == "64":
            self.method.double()
        checkpoints.load_weights(self.method, saved.model, where)
        if saved.average is not None:
            checkpoints.load_weights(self.method.dec, saved.average, where)
        self.method.to(self.device).eval()
        self.dtype = next(self.method.parameters()).dtype
        self.step = saved.step

    @property
    def is_points(self) -> bool:
        return self.shape.is_points

    @property
    def z_dim(self) -> int:
        return self.method.z_dim

    def encode(self, images: np.ndarray) -> np.ndarray:
        """The codes that reconstruction uses, float32 (N, Z).

        Raises:
            UserError: images of another size, number of channels or type; a method without an
                encoder.
        """
        self._check(images)
        if not self.method.reconstructs:
            raise UserError(f"{self.method.title} has no encoder; it only samples")
        return self._in_batches(images, lambda x: self.method.encode(self._input(x)).cpu().float())

    def decode(self, z: np.ndarray, posterior: bool = False) -> np.ndarray:
        """Codes (N, Z) to images or points.

        Args:
            z: codes, float.
            posterior: whether they come from `encode`; else they are of the prior.
        """
        return self._in_batches(np.asarray(z, np.float32), lambda z: self._decode(z, posterior))

    def sample(self, n: int, seed: int = 0) -> np.ndarray:
        """n draws from the model: decoded codes of the prior; the first k do not depend on n.

        Raises:
            UserError: n below 1.
        """
        if n < 1:
            raise UserError(f"-n {n} is out of range; it is at least 1")
        return np.concatenate(list(self.sample_batches(n, seed)))

    def sample_batches(self, n: int, seed: int = 0, batch: int = BATCH) -> Iterator[np.ndarray]:
        """The same draws in batches, for more than memory should hold."""
        for first in range(0, n, batch):
            # Each code has its own generator, so that a draw depends on its number alone.
            rows = [
                self.method.draw_prior(1, batches.generator_for(seed, batches.SAMPLES, i))
                for i in range(first, min(first + batch, n))
            ]
            yield self._decode(torch.cat(rows)).numpy()

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        """Dec(Enc(x)) of images or points, of the same shape and type."""
        return self.decode(self.encode(images), posterior=True)

    def interpolate(self, a: np.ndarray, b: np.ndarray, steps: int = 8) -> np.ndarray:
        """Decode the way from each code of a to that of b.

        A straight line for a normal prior, the great circle for a spherical one.

        Args:
            a, b: codes, shape (N, Z).
            steps: codes on each way, both ends included; at least 2.

        Returns:
            images (N, steps, H, W, C).
        """
        t = np.linspace(0.0, 1.0, steps, dtype=np.float32)[None, :, None]
        way = (1 - t) * a[:, None] + t * b[:, None]
        if self.method.prior == "sphere":
            cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
            angle = np.arccos(np.clip(cosine, -1.0, 1.0))[:, None, None]
            sine = np.sin(angle)
            curved = (np.sin((1 - t) * angle) * a[:, None] + np.sin(t * angle) * b[:, None]) / (
                np.where(sine > 1e-6, sine, 1.0)
            )
            way = np.where(sine > 1e-6, curved, way)
        out = self.decode(way.reshape(-1, self.z_dim), posterior=True)
        return out.reshape(len(a), steps, *out.shape[1:])

    def _decode(self, z: Tensor, posterior: bool = False) -> Tensor:
        with torch.no_grad():
            x = self.method.decode(z.to(self.device, self.dtype), posterior=posterior)
        return x.float().cpu() if self.is_points else to_uint8(x).cpu()

    def _in_batches(self, rows: np.ndarray, function: Any) -> np.ndarray:
        with torch.no_grad():
            parts = [
                function(torch.from_numpy(np.ascontiguousarray(rows[i : i + BATCH])))
                for i in range(0, len(rows), BATCH)
            ]
        return torch.cat(parts).numpy()

    def _input(self, rows: Tensor) -> Tensor:
        rows = rows.to(self.device)
        return (rows if self.is_points else to_float(rows)).to(self.dtype)

    def _check(self, images: np.ndarray) -> None:
        s = self.shape
        wanted = (s.channels,) if s.is_points else (s.size, s.size, s.channels)
        kind = "float32" if s.is_points else "uint8"
        if len(images) < 1 or images.shape[1:] != wanted or str(images.dtype) != kind:
            raise UserError(
                f"the model takes {kind} arrays of shape (N, {', '.join(map(str, wanted))}), "
                f"not {images.dtype} of {images.shape}"
            )


def load(path: str | os.PathLike[str], step: int | None = None, device: str = "cpu") -> Model:
    """Open a run folder that `idvae train` made.

    Args:
        path: the run folder.
        step: which checkpoint; by default the newest.
        device: where it computes.

    Raises:
        UserError: no run there, or no checkpoint that can be used.
    """
    return Model(Run.open(Path(path)), step, device)

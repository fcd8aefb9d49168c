"""A trained run as an object: encode, decode, sample, reconstruct, interpolate, edit."""

import os
from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor

from idvae.data.conditions import ATTRIBUTES, Condition
from idvae.data.pixels import to_float, to_uint8
from idvae.errors import UserError
from idvae.fresh_torch import fresh_torch
from idvae.priors import PRIORS
from idvae.seeds import checked_seed
from idvae.training import averaging, batches, checkpoints, frozen, memory, released, settings
from idvae.training.build import build_method, planned_method, shape_of_run
from idvae.training.distributed import torch_device
from idvae.training.run import WEIGHTS, Run

BLOCK = 64  # rows that pass the networks at a time; fixed, for kernels differ by their shape


class Model:
    """A method with the weights of one checkpoint, in eval mode.

    Images in and out are uint8 arrays (N, H, W, C); points are float32 arrays (N, 2).

    Args:
        run: an open run folder, or a released model.
        step: which checkpoint; by default the newest.
        device: where it computes, such as "cpu" or "cuda".
    """

    @fresh_torch()
    def __init__(self, run: Run, step: int | None = None, device: str = "cpu") -> None:
        if step is not None and not isinstance(step, Integral):
            raise UserError(f"step {step!r} is no whole number")
        self.run = run
        self.device = torch_device(device)
        self.settings = settings.of_run(run.config["method"], run.config["options"])
        self.shape = shape_of_run(run)
        self.condition = Condition.from_config(run.config.get("condition"))
        self._conditions = run.conditions() if self.condition else None
        # Shapes first: what a config.yaml asks for is allocated once its checkpoint has it.
        planned = planned_method(self.settings, self.shape)
        if double := self.settings.train.precision == "64":
            planned.double()
        networks = None
        if run.is_released:
            networks = released.networks_in_use(planned)
            released.reduce(planned, networks)
            saved = released.load(run, step, planned)
            where = run.path / WEIGHTS
        else:
            folder, name = run.path / "checkpoints", self.settings.method
            saved = checkpoints.load(folder, name, step, like=planned, optimizers=False)
            where = folder / f"{saved.step:08d}"
        memory.check_room(planned, 2, memory.memory_of(torch.device("cpu")))
        self.method = build_method(self.settings, self.shape, seed=0)  # weights come below
        if double:
            self.method.double()
        if networks is not None:
            released.reduce(self.method, networks)
        checkpoints.load_method(self.method, saved.model, where)
        frozen.load(self.method, run)
        if saved.average is not None:
            averaging.load_into(self.method, saved.average, where)
        self.method.to(self.device, memory_format=torch.channels_last).eval()
        self.dtype = next(self.method.parameters()).dtype
        self.step = saved.step

    @property
    def is_points(self) -> bool:
        return self.shape.is_points

    @property
    def z_dim(self) -> int:
        return self.method.z_dim

    @property
    def tells_conditions(self) -> bool:
        """Whether `attributes` finds the conditions of images, so that none have to be given."""
        return self.method.tells_conditions

    @property
    def judges(self) -> bool:
        """Whether `logits` has a discriminator's answers: a released model keeps none."""
        return self.method.judges and not self.run.is_released

    def attributes(self, images: np.ndarray) -> np.ndarray:
        """The conditions that images seem to have, float32 (N, Y), where `tells_conditions`.

        Raises:
            UserError: images of another size, number of channels or type; a method that has to
                be told.
        """
        self._check(images)
        if not self.tells_conditions:
            raise UserError(f"{self.method.title} has to be told the conditions of its images")
        return self._in_blocks(
            images, None, lambda x, _: self.method.attributes(self._input(x)).cpu().float()
        )

    def encode(self, images: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
        """The codes that reconstruction uses, float32 (N, Z).

        Args:
            images: as the model was trained on.
            y: their conditions, float32 (N, Y), where the run has one: one-hot classes, or
                attributes of −1 and +1, as `Condition.rows` has them; without them those of
                `attributes`, where the method tells them.

        Raises:
            UserError: images of another size, number of channels or type; a method without an
                encoder; conditions that are missing or not wanted.
        """
        y = self._to_encode(images, y)
        return self._in_blocks(
            images, y, lambda x, y: self.method.encode(self._input(x), y).cpu().float()
        )

    def features(self, images: np.ndarray, y: np.ndarray | None = None) -> np.ndarray | None:
        """What the head of the encoder reads, the features of its trunk, float32 (N, F).

        Args:
            images, y: as `encode` takes them.

        Returns:
            None where the encoder of the method has no trunk of its own.

        Raises:
            UserError: as `encode`.
        """
        y = self._to_encode(images, y)
        trunk = getattr(self.method, self.method.reads, None)
        if trunk is None:
            return None
        return self._in_blocks(images, y, lambda x, y: trunk(self._input(x), y).cpu().float())

    def logits(self, images: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
        """What the discriminator answers for images, float32 (N,): more is more real.

        One that reads how much its batch varies (`deviation`) answers for an image beside the
        others of its block of `BLOCK`; the last block is filled up with its last image.

        Args:
            images: as the model was trained on.
            y: their conditions, as `encode` takes them.

        Raises:
            UserError: as `encode`; a method without a discriminator of images, or a released
                model.
        """
        self._check(images)
        y = self._check_condition(self._told(images, y), len(images))
        if not self.judges:
            why = "a released model keeps none" if self.run.is_released else "its method has none"
            raise UserError(f"{self.run.path} has no discriminator of images; {why}")
        return self._in_blocks(
            images, y, lambda x, y: self.method.logit(self._input(x), y).cpu().float()
        )

    def decode(
        self, z: np.ndarray, posterior: bool = False, y: np.ndarray | None = None
    ) -> np.ndarray:
        """Codes (N, Z) to images or points, in blocks as `sample` does.

        Args:
            z: codes, float, at least one.
            posterior: whether they come from `encode`; else they are of the prior.
            y: conditions, float32 (N, Y), where the run has one.

        Raises:
            UserError: codes or conditions of another shape.
        """
        z = self._check_codes(z)
        y = self._check_condition(y, len(z))
        return self._in_blocks(z, y, lambda z, y: self._decode(z, y, posterior))

    def sample(self, n: int, seed: int = 0, y: np.ndarray | None = None) -> np.ndarray:
        """n samples of the model: decoded codes of the prior.

        Sample i is decoded in the same place of a block of one size whatever n is, so on one
        machine the first k samples are the same bytes for every n.

        Args:
            n: how many.
            seed: a whole number from 0 to 2**63 − 1: of the codes, and of the conditions where
                none are given.
            y: conditions, float32 (n, Y), where the run has one; else they are drawn as they
                occur in the training data.

        Raises:
            UserError: n below 1, a seed out of range, or conditions that do not fit.
        """
        return np.concatenate(list(self.sample_batches(n, seed, y=y)))

    def sample_batches(
        self, n: int, seed: int = 0, y: np.ndarray | None = None
    ) -> Iterator[np.ndarray]:
        """The same samples, block after block, for more than memory should hold.

        Raises:
            UserError: as `sample`.
        """
        _check_count(n)
        told = None if y is None else self._check_condition(y, int(n))

        def blocks() -> Iterator[np.ndarray]:
            for first in range(0, n, BLOCK):
                last = min(first + BLOCK, n)
                yield self._block(first, last, seed, None if told is None else told[first:last])

        return blocks()

    def samples(self, first: int, last: int, seed: int = 0) -> np.ndarray:
        """The same samples from number `first` to before `last`, without those before.

        Raises:
            UserError: no such numbers, or a seed out of range.
        """
        whole = isinstance(first, Integral) and isinstance(last, Integral)
        if not whole or not 0 <= first < last:
            raise UserError(f"samples {first} to {last} are none; the first has the number 0")
        start = first - first % BLOCK  # each in the place of its block, for kernels differ by it
        blocks = [
            self._block(at, min(at + BLOCK, last), seed, None) for at in range(start, last, BLOCK)
        ]
        return np.concatenate(blocks)[first - start :]

    def _block(self, first: int, last: int, seed: int, y: np.ndarray | None) -> np.ndarray:
        told = self.draw_conditions(first, last, seed) if y is None else y
        return self._in_blocks(self._codes(first, last, seed).numpy(), told, self._decode)

    def draw_codes(self, n: int, seed: int = 0) -> np.ndarray:
        """The codes of the prior that `sample` decodes, float32 (n, Z).

        Raises:
            UserError: n below 1, or a seed out of range.
        """
        _check_count(n)
        return self._codes(0, n, seed).numpy()

    @fresh_torch()
    def _codes(self, first: int, last: int, seed: int) -> Tensor:
        # Each code has its own generator, so that a sample depends on its number alone.
        seed = checked_seed(seed, "the seed")
        return torch.cat(
            [
                self.method.draw_prior(1, batches.generator_for(seed, batches.SAMPLES, i))
                for i in range(first, last)
            ]
        )

    def draw_conditions(self, first: int, last: int, seed: int) -> np.ndarray | None:
        """y of the samples from number `first` to before `last`, as they occur in the data."""
        if self._conditions is None:
            return None
        seed = checked_seed(seed, "the seed")
        seeds = (batches.seed_for(seed, batches.CONDITIONS, i) for i in range(first, last))
        return self._conditions[[s % len(self._conditions) for s in seeds]]

    def reconstruct(self, images: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
        """Dec(Enc(x)) of images or points, of the same shape and type; y as `encode` takes it."""
        y = self._told(images, y)
        return self.decode(self.encode(images, y), posterior=True, y=y)

    def edit(self, images: np.ndarray, y: np.ndarray | None, changed: np.ndarray) -> np.ndarray:
        """Encode images with their conditions, and decode them with changed ones.

        Args:
            images: as the model was trained on.
            y, changed: conditions, float32 (N, Y); `Condition.changed` makes one of the other.
                y may be None where `attributes` tells it.

        Raises:
            UserError: a run without a condition, or a method without an encoder.
        """
        if self.condition is None:
            raise UserError(
                f"{self.run.path} was trained without a condition, so nothing in it can be "
                "edited; train with --condition"
            )
        y = self._told(images, y)
        z = self.encode(images, y)
        if self.method.edits_as == "posterior":
            return self.decode(z, posterior=True, y=changed)
        made = self.decode(z, y=changed)
        changed = self._check_condition(changed, len(z))
        same = np.all(changed == self._check_condition(y, len(z)), 1)
        if same.any():  # these are reconstructions
            made[same] = self.decode(z[same], posterior=True, y=changed[same])
        return made

    def interpolate(
        self,
        a: np.ndarray,
        b: np.ndarray,
        steps: int = 8,
        y_a: np.ndarray | None = None,
        y_b: np.ndarray | None = None,
        posterior: bool = True,
    ) -> np.ndarray:
        """Decode the way from each code of a to that of b.

        A straight line for a normal or a uniform prior, the great circle for a spherical one.

        Args:
            a, b: codes, shape (N, Z).
            steps: codes on each way, both ends included; at least 2.
            y_a, y_b: the conditions at both ends, float32 (N, Y), where the run has one; the way
                between them is straight.
            posterior: as `decode` takes it.

        Returns:
            images (N, steps, H, W, C).

        Raises:
            UserError: codes or conditions of another shape, as many of a as of b are not there, or
                fewer steps.
        """
        a, b = self._check_codes(a), self._check_codes(b)
        if len(a) != len(b) or not isinstance(steps, Integral) or steps < 2:
            raise UserError(
                f"there is no way of {steps} steps from {len(a)} codes to {len(b)}; as many of "
                "each, and 2 steps or more"
            )
        if (y_a is None) != (y_b is None):
            raise UserError("a way has the conditions of both its ends, or of none")
        y_a, y_b = self._check_condition(y_a, len(a)), self._check_condition(y_b, len(b))
        t = np.linspace(0.0, 1.0, steps, dtype=np.float32)[None, :, None]
        way = PRIORS[self.method.prior].between(a, b, t)
        told = None
        if y_a is not None and y_b is not None:
            told = ((1 - t) * y_a[:, None] + t * y_b[:, None]).reshape(len(a) * steps, -1)
        out = self.decode(way.reshape(-1, self.z_dim), posterior=posterior, y=told)
        return out.reshape(len(a), steps, *out.shape[1:])

    def _check_codes(self, z: np.ndarray) -> np.ndarray:
        z = _numbers(z, "codes")
        if z.ndim != 2 or len(z) < 1 or z.shape[1] != self.z_dim:
            raise UserError(f"codes have the shape (N, {self.z_dim}), not {z.shape}")
        return z

    def _decode(self, z: Tensor, y: Tensor | None, posterior: bool = False) -> Tensor:
        x = self.method.decode(z.to(self.device, self.dtype), y, posterior=posterior)
        return x.float().cpu() if self.is_points else to_uint8(x).cpu()

    def _in_blocks(self, rows: np.ndarray, y: np.ndarray | None, function: Any) -> np.ndarray:
        """A function of rows and their conditions, block after block, the last one filled up."""
        parts = []
        with fresh_torch(), torch.no_grad():
            for first in range(0, len(rows), BLOCK):
                part = rows[first : first + BLOCK]
                told = None if y is None else _filled(y[first : first + BLOCK])
                told = None if told is None else told.to(self.device, self.dtype)
                parts.append(function(_filled(part), told)[: len(part)])
        return torch.cat(parts).numpy()

    def _input(self, rows: Tensor) -> Tensor:
        rows = rows.to(self.device)
        return (rows if self.is_points else to_float(rows)).to(self.dtype)

    def _to_encode(self, images: np.ndarray, y: np.ndarray | None) -> np.ndarray | None:
        """Refuse what cannot be encoded; else the conditions that the encoder is given."""
        self._check(images)
        y = self._told(images, y)
        y = self._check_condition(y, len(images))
        if not self.method.reconstructs:
            raise UserError(f"{self.method.title} has no encoder; it only samples")
        return y

    def _told(self, images: np.ndarray, y: np.ndarray | None) -> np.ndarray | None:
        return self.attributes(images) if y is None and self.tells_conditions else y

    def _check_condition(self, y: np.ndarray | None, n: int) -> np.ndarray | None:
        if self.condition is None:
            if y is not None:
                raise UserError(f"{self.run.path} was trained without a condition")
            return None
        width = self.condition.width
        if self.condition.kind == ATTRIBUTES and _is_told_by_flags(y):
            raise UserError(
                "conditions of attributes are 1 where an image has one and -1 where it has not; "
                "these are 0 and 1: pass 2 * y - 1"
            )
        y = None if y is None else _numbers(y, "conditions")
        if y is None or y.shape != (n, width):
            told = "none" if y is None else f"shape {y.shape}"
            raise UserError(
                f"{self.run.path} needs the conditions of its images, shape ({n}, {width}), "
                f"not {told}"
            )
        return y

    def _check(self, images: np.ndarray) -> None:
        s = self.shape
        wanted = (s.channels,) if s.is_points else (s.size, s.size, s.channels)
        kind = "float32" if s.is_points else "uint8"
        is_array = isinstance(images, np.ndarray)
        rows = len(images) if is_array and images.ndim else 0
        if not rows or images.shape != (rows, *wanted) or images.dtype != kind:
            found = (
                f"{images.dtype} of {images.shape}" if is_array else f"a {type(images).__name__}"
            )
            raise UserError(
                f"the model takes {kind} arrays of shape (N, {', '.join(map(str, wanted))}), "
                f"not {found}"
            )
        if s.is_points and not np.isfinite(images).all():
            raise UserError("points are finite numbers, and some of these are not")


def _check_count(n: int) -> None:
    if not isinstance(n, Integral) or n < 1:
        raise UserError(f"-n {n} is out of range; it is a whole number of at least 1")


def _numbers(values: Any, what: str) -> np.ndarray:
    """Codes or conditions that a caller gives, float32 and finite."""
    try:
        found = np.ascontiguousarray(values, np.float32)
    except (ValueError, TypeError, RuntimeError) as error:
        raise UserError(f"{what} are an array of numbers, not this: {error}") from error
    if not np.isfinite(found).all():
        raise UserError(f"{what} are finite numbers, and some of these are not")
    return found


def _is_told_by_flags(y: Any) -> bool:
    """Whether attributes are given as sets and tables have them, 0 for what an image has not.

    A single float of 0 may be half-way.
    """
    values = np.asarray(y)
    if values.dtype.kind in "biu":
        return bool((values == 0).any())
    if values.dtype.kind != "f" or values.ndim != 2 or values.shape[1] < 2:
        return False
    return set(np.unique(values)) == {0.0, 1.0}


def _filled(rows: np.ndarray) -> Tensor:
    """Rows as a block of BLOCK, the last row repeated."""
    missing = [(0, BLOCK - len(rows))] + [(0, 0)] * (rows.ndim - 1)
    return torch.from_numpy(np.pad(rows, missing, mode="edge"))


def load(path: str | os.PathLike[str], step: int | None = None, device: str = "cpu") -> Model:
    """Open a run folder that `idvae train` made, or a released model.

    Args:
        path: the folder, or the name of a model that comes with idvae, "pretrained/NAME", or the
            address of one on the hub, "hf://OWNER/NAME" or "hf://OWNER/NAME@REVISION".
        step: which checkpoint; by default the newest.
        device: where it computes.

    Raises:
        UserError: no run there, or no checkpoint that can be used.
    """
    return Model(Run.open(path), step, device)

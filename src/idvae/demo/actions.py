"""What the demo computes: functions of a model, of images and of numbers. No page here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from idvae.data.conditions import LABELS
from idvae.errors import UserError
from idvae.model import BLOCK, Model
from idvae.priors import PRIORS

MOST = BLOCK  # images that are made at once
MOST_STEPS = 12  # images on a way


def check(model: Model) -> None:
    """Check that a model has images to show.

    Raises:
        UserError: it was trained on points.
    """
    if model.is_points:
        raise UserError(f"{model.run.path} was trained on points; the demo shows images")


def truncates(model: Model) -> bool:
    """Whether `generate` can draw nearer to the middle of the prior: a sphere has none."""
    return PRIORS[model.method.prior].centred


def needs_telling(model: Model) -> bool:
    """Whether an image's condition has to be given to encode it."""
    return model.condition is not None and not model.tells_conditions


def generate(
    model: Model, n: int, seed: int, truncation: float = 1.0, asked: Sequence[str] = ()
) -> np.ndarray:
    """n samples, uint8 (n, H, W, C); those of `Model.sample` where nothing else is asked for.

    Args:
        model: of images.
        n: from 1 to `MOST`.
        seed: of the codes, and of the conditions.
        truncation: what codes are multiplied by: below 1 more typical, less varied.
        asked: a class, or attributes that all samples shall have.

    Raises:
        UserError: a number out of its range, or names that the model does not know.
    """
    if not 1 <= n <= MOST:
        raise UserError(f"{n} images are out of range; 1 to {MOST} are made at once")
    if not 0 <= truncation <= 2:
        raise UserError(f"truncation {truncation} is out of range; it is from 0 to 2")
    if truncation != 1 and not truncates(model):
        raise UserError(f"{model.method.title} draws codes from a sphere, which has no middle")
    y = model.draw_conditions(0, n, seed)
    if asked:
        y = asked_for(model, y, asked)
    return model.decode(np.float32(truncation) * model.draw_codes(n, seed), y=y)


def asked_for(model: Model, y: np.ndarray | None, asked: Sequence[str]) -> np.ndarray:
    """Conditions y (N, Y) with a class or attributes set, and without what these exclude."""
    if model.condition is None or y is None:
        raise UserError(f"{model.run.path} was trained without a condition")
    return model.condition.changed(y, model.condition.parse(",".join(asked)))


def named(model: Model, names: Sequence[str]) -> np.ndarray:
    """The condition (Y,) of an image that has these attributes and no other, or this class.

    Raises:
        UserError: a class is missing, or a name is not known.
    """
    condition = model.condition
    if condition is None:
        raise UserError(f"{model.run.path} was trained without a condition")
    labels = condition.kind == LABELS
    if labels and len(names) != 1:
        raise UserError("say which class the image has")
    y = np.full((1, condition.width), 0.0 if labels else -1.0, np.float32)
    return condition.changed(y, condition.parse(",".join(names)))[0] if names else y[0]


def drawn(model: Model, seed: int) -> tuple[np.ndarray, np.ndarray | None]:
    """The first sample of a seed, uint8 (H, W, C), and its condition (Y,), if it has one."""
    y = model.draw_conditions(0, 1, seed)
    return model.sample(1, seed)[0], None if y is None else y[0]


def guessed(model: Model, image: np.ndarray) -> np.ndarray | None:
    """The condition (Y,) that an image (H, W, C) seems to have; None if nothing can tell it.

    Where the method cannot tell it, that under which its reconstruction is nearest: beginning
    with none, the class or attribute is turned that brings it nearest, until none does.
    """
    if model.condition is None:
        return None
    if model.tells_conditions:
        return model.attributes(image[None])[0]
    if not model.method.reconstructs:
        return None
    condition = model.condition
    labels = condition.kind == LABELS
    y = np.full(condition.width, 0.0 if labels else -1.0, np.float32)
    error = np.inf if labels else _errors(model, image, y[None])[0]
    for _ in range(condition.width):
        turned = np.concatenate([condition.turned(y[None], name) for name in condition.names])
        errors = _errors(model, image, turned)
        best = int(errors.argmin())
        if errors[best] >= error:
            break
        y, error = turned[best], errors[best]
    return y


def _errors(model: Model, image: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Squared error of an image's reconstruction under each condition of y (N, Y)."""
    images = np.repeat(image[None], len(y), 0)
    return np.square(model.reconstruct(images, y) / 255.0 - images / 255.0).mean((1, 2, 3))


def reconstruct(model: Model, image: np.ndarray, y: np.ndarray | None) -> np.ndarray:
    """Dec(Enc(x)) of one image (H, W, C) with its condition (Y,)."""
    return model.reconstruct(image[None], _row(y))[0]


def between_images(
    model: Model,
    a: np.ndarray,
    b: np.ndarray,
    steps: int,
    y_a: np.ndarray | None,
    y_b: np.ndarray | None,
) -> np.ndarray:
    """The way from one image to another, uint8 (steps, H, W, C); conditions walk along.

    Raises:
        UserError: steps out of range, or a method without an encoder.
    """
    _check_steps(steps)
    ends = model.encode(a[None], _row(y_a)), model.encode(b[None], _row(y_b))
    if model.condition is not None and y_a is None and y_b is None:
        y_a, y_b = model.attributes(a[None])[0], model.attributes(b[None])[0]
    return model.interpolate(*ends, steps, _row(y_a), _row(y_b))[0]


def between_samples(model: Model, seed_a: int, seed_b: int, steps: int) -> np.ndarray:
    """The way from the first sample of one seed to that of another, uint8 (steps, H, W, C)."""
    _check_steps(steps)
    seeds = seed_a, seed_b
    ends = (model.draw_codes(1, seed) for seed in seeds)
    ys = (model.draw_conditions(0, 1, seed) for seed in seeds)
    return model.interpolate(*ends, steps, *ys, posterior=False)[0]


def edit(
    model: Model, image: np.ndarray, y: np.ndarray | None, wanted: Mapping[str, float]
) -> np.ndarray:
    """An image (H, W, C) decoded with how much of each attribute is wanted.

    Args:
        model: with a condition.
        image: uint8 (H, W, C).
        y: its condition (Y,), or None where the model tells it.
        wanted: name → 0 without it, 1 with it, beyond both further than the data went.

    Raises:
        UserError: as `Model.edit`.
    """
    return model.edit(image[None], _row(y), _row(strengths_to_y(model, wanted)))[0]


def strengths_to_y(model: Model, wanted: Mapping[str, float]) -> np.ndarray:
    """How much of each class or attribute, 0 to 1, as a condition (Y,)."""
    shares = np.array([wanted[name] for name in model.condition.names], np.float32)
    return shares if model.condition.kind == LABELS else 2 * shares - 1


def y_to_strengths(model: Model, y: np.ndarray) -> dict[str, float]:
    """The opposite: a condition (Y,) as how much of each."""
    shares = y if model.condition.kind == LABELS else (y + 1) / 2
    return {n: float(s) for n, s in zip(model.condition.names, shares, strict=True)}


def without_excluded(model: Model, wanted: Mapping[str, float], name: str) -> dict[str, float]:
    """Strengths after that of `name` was moved: what it excludes is at most what it leaves."""
    left = dict(wanted)
    for state, room in ((True, 1.0 - wanted[name]), (False, wanted[name])):
        room = max(0.0, room)
        for other, excluded in model.condition.excluded_by(name, state):
            share = left[other]
            left[other] = min(share, room) if excluded else max(share, 1.0 - room)
    return left


@dataclass(frozen=True)
class Verdict:
    """What a discriminator answers; more is more real.

    Attributes:
        image: the logit of the image.
        reconstruction: of its reconstruction, if the method reconstructs.
        samples: of samples of the model, (N,).
    """

    image: float
    reconstruction: float | None
    samples: np.ndarray

    @property
    def beaten(self) -> int:
        """How many samples it finds less real than the image."""
        return int((self.samples < self.image).sum())


def judge(model: Model, image: np.ndarray, y: np.ndarray | None, seed: int = 0) -> Verdict:
    """Ask the discriminator about an image, beside its reconstruction and samples of the model.

    All go through it in one block: one that reads how much its batch varies is asked about a
    batch as varied for each.

    Raises:
        UserError: a model without a discriminator.
    """
    of_image = [image[None]]
    y = model.attributes(image[None])[0] if y is None and model.tells_conditions else y
    if model.method.reconstructs:
        of_image.append(reconstruct(model, image, y)[None])
    n = BLOCK - len(of_image)
    told = None
    if y is not None:
        told = np.concatenate([_row(y)] * len(of_image) + [model.draw_conditions(0, n, seed)])
    logits = model.logits(np.concatenate([*of_image, model.sample(n, seed)]), told)
    first, rest = logits[: len(of_image)], logits[len(of_image) :]
    return Verdict(float(first[0]), float(first[1]) if len(first) > 1 else None, rest)


def _row(y: np.ndarray | None) -> np.ndarray | None:
    return None if y is None else np.asarray(y, np.float32)[None]


def _check_steps(steps: int) -> None:
    if not 2 <= steps <= MOST_STEPS:
        raise UserError(f"{steps} steps are out of range; a way has 2 to {MOST_STEPS}")

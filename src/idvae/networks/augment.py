"""What a discriminator is shown in the place of images, differentiable to any order.

Zhao, Liu, Lin, Zhu and Han, "Differentiable Augmentation for Data-Efficient GAN Training"
(DiffAugment): real images and fakes alike are altered, for discriminator and generator. The
strengths are those of the authors' code. Nothing is drawn here: an image comes with `UNIFORMS`
numbers in [0, 1), which say how it is altered. `shift` is not theirs.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from idvae.errors import UserError, did_you_mean

UNIFORMS = 7  # 0-2 are colour's, 3-4 translation's or shift's, 5-6 cutout's
MOVED, NUDGED, HOLE = 0.125, 1 / 32, 0.5  # shares of an image's side
EITHER = ("translation", "shift")  # two ways of one thing


def colour(x: Tensor, u: Tensor) -> Tensor:
    """Brightness ± ½, then saturation × [0, 2), then contrast × [½, 1½); nothing is clipped."""
    brightness, saturation, contrast = (u[:, i, None, None, None] for i in range(3))
    x = x + (brightness - 0.5)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * (2.0 * saturation)
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * (contrast + 0.5)


def translation(x: Tensor, u: Tensor) -> Tensor:
    """Whole pixels, up to an eighth of the side each way; what comes in is 0."""
    side = x.shape[2]
    most = int(MOVED * side + 0.5)
    rows, columns = (places + most for places in _sources(u, side, most))
    return _picked(F.pad(x, [most] * 4), rows, columns)


def shift(x: Tensor, u: Tensor) -> Tensor:
    """Whole pixels, up to a 32nd of the side each way, at least one; an edge goes on outwards.

    Nine ways to show an image of up to 47 px: a discriminator is longer in learning them by heart.
    """
    side = x.shape[2]
    most = max(int(NUDGED * side + 0.5), 1)
    rows, columns = (places.clamp(0, side - 1) for places in _sources(u, side, most))
    return _picked(x, rows, columns)


def cutout(x: Tensor, u: Tensor) -> Tensor:
    """A square of half the side becomes 0; its centre lies anywhere, so it may stick out."""
    side = x.shape[2]
    hole = int(HOLE * side + 0.5)
    places = torch.arange(side, device=x.device)
    first = [_choice(u[:, i], side + 1 - hole % 2)[:, None] - hole // 2 for i in (5, 6)]
    rows, columns = ((places >= start) & (places < start + hole) for start in first)
    return x * ~(rows[:, None, :, None] & columns[:, None, None, :])


KINDS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "colour": colour,
    "translation": translation,
    "shift": shift,
    "cutout": cutout,
}


def kinds_of(policy: str) -> tuple[str, ...]:
    """The names in a list such as `colour,translation`, in its order.

    Raises:
        UserError: one that is not known, or stands there twice; two ways of one thing.
    """
    kinds = tuple(kind.strip() for kind in policy.split(","))
    for kind in kinds:
        if kind not in KINDS:
            hint = did_you_mean(kind, KINDS)
            raise UserError(f"--augment: unknown {kind!r}; {hint} there are {', '.join(KINDS)}")
    if len(set(kinds)) < len(kinds):
        raise UserError(f"--augment {policy} names a kind twice")
    if set(EITHER) <= set(kinds):
        raise UserError(f"--augment {policy}: {' and '.join(EITHER)} both move images; name one")
    return kinds


def augment(x: Tensor, u: Tensor, kinds: Sequence[str]) -> Tensor:
    """Images altered by each kind in turn.

    Args:
        x: in [−1, 1], shape (B, C, H, H).
        u: in [0, 1), shape (B, UNIFORMS).
        kinds: names in `KINDS`.

    Returns:
        the same shape; colour leaves [−1, 1].
    """
    for kind in kinds:
        x = KINDS[kind](x, u)
    return x


def _sources(u: Tensor, side: int, most: int) -> list[Tensor]:
    """Rows and columns, (B, side) each, that come to an image's own: up to `most` off, each way."""
    places = torch.arange(side, device=u.device)
    return [places + _choice(u[:, i], 2 * most + 1)[:, None] - most for i in (3, 4)]


def _picked(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Of each image its own rows and columns, in their order."""
    _, channels, _, width = x.shape
    x = x.gather(2, rows[:, None, :, None].expand(-1, channels, -1, width))
    return x.gather(3, columns[:, None, None, :].expand(-1, channels, x.shape[2], -1))


def _choice(u: Tensor, n: int) -> Tensor:
    """One of 0 … n − 1 for each number in [0, 1)."""
    return (u * n).long().clamp_max(n - 1)  # a product may round up to n

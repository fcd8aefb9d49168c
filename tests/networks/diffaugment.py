"""DiffAugment image by image, from the authors' definitions, and `shift`: `augment`'s oracle."""

import math

import torch


def colour(x, u):
    brightness, saturation, contrast = u[0] - 0.5, 2 * u[1], u[2] + 0.5
    x = x + brightness
    grey = sum(x) / len(x)
    x = torch.stack([grey + saturation * (channel - grey) for channel in x])
    mean = x.sum() / x.numel()
    return mean + contrast * (x - mean)


def translation(x, u):
    side = x.shape[1]
    most = math.floor(side / 8 + 0.5)
    down, right = (math.floor(float(v) * (2 * most + 1)) - most for v in u[3:5])
    rows = [row for row in range(side) if 0 <= row + down < side]
    columns = [column for column in range(side) if 0 <= column + right < side]
    moved = torch.zeros_like(x)
    moved[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = x[
        :, rows[0] + down : rows[-1] + 1 + down, columns[0] + right : columns[-1] + 1 + right
    ]
    return moved


def shift(x, u):
    side = x.shape[1]
    most = max(math.floor(side / 32 + 0.5), 1)
    down, right = (math.floor(float(v) * (2 * most + 1)) - most for v in u[3:5])
    last = side - 1
    pixels = [
        x[:, min(max(row + down, 0), last), min(max(column + right, 0), last)]
        for row in range(side)
        for column in range(side)
    ]
    return torch.stack(pixels, 1).reshape(x.shape)


def cutout(x, u):
    side = x.shape[1]
    hole = math.floor(side / 2 + 0.5)
    centres = [math.floor(float(v) * (side + 1 - hole % 2)) for v in u[5:7]]
    kept = torch.ones_like(x)
    for row in range(side):
        for column in range(side):
            if all(
                0 <= p - c + hole // 2 < hole for p, c in zip((row, column), centres, strict=True)
            ):
                kept[:, row, column] = 0
    return x * kept


KINDS = {"colour": colour, "translation": translation, "shift": shift, "cutout": cutout}


def altered(images, uniforms, policy):
    """Images (B, C, H, H) as a policy such as `colour,cutout` alters each, differentiable."""
    made = []
    for x, u in zip(images, uniforms, strict=True):
        for kind in policy.split(","):
            x = KINDS[kind](x, u)
        made.append(x)
    return torch.stack(made)

"""What a discriminator is shown, against DiffAugment pixel by pixel."""

import pytest
import torch

from idvae.errors import UserError
from idvae.networks.augment import KINDS, UNIFORMS, augment, kinds_of
from networks.diffaugment import altered

POLICIES = [*KINDS, "colour,translation,cutout", "cutout,colour"]


def images(channels, side=16, n=6):
    generator = torch.Generator().manual_seed(side + channels)
    x = torch.rand(n, channels, side, side, generator=generator, dtype=torch.float64) * 2 - 1
    return x, torch.rand(n, UNIFORMS, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [5, 6, 16, 48])
def test_it_is_the_definition(policy, channels, side):
    x, u = images(channels, side)
    u[0], u[1] = 0.0, 1.0 - 2.0**-24  # the ends
    found = augment(x, u, kinds_of(policy))
    torch.testing.assert_close(found, altered(x, u, policy), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_alters_each_image_in_its_own_way(kind):
    x, u = images(3)
    for i, row in enumerate(u):
        row[3], row[4] = (i % 3 + 0.5) / 3, (i // 3 + 0.5) / 3  # shift has nine ways only
    found = augment(x[:1].expand_as(x), u, (kind,))
    ways = {tuple(image.flatten().tolist()) for image in found}
    assert len(ways) == len(x)


def test_numbers_in_the_middle_of_colour_change_nothing():
    x, u = images(3)
    u[:, :3] = 0.5
    torch.testing.assert_close(augment(x, u, ("colour",)), x, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_it_can_be_differentiated_twice(kind):
    x, u = images(3, 4, n=2)

    def bent(x):
        return augment(x.tanh(), u, (kind,)).tanh()

    assert torch.autograd.gradcheck(bent, x.requires_grad_())
    assert torch.autograd.gradgradcheck(bent, x)


def test_float32_numbers_just_below_1_stay_within_the_image():
    """Their product with a count may round up to it."""
    x = torch.rand(2, 1, 128, 128, generator=torch.Generator().manual_seed(0))
    u = torch.full((2, UNIFORMS), torch.nextafter(torch.tensor(1.0), torch.tensor(0.0)).item())
    for kind in KINDS:
        assert augment(x, u, (kind,)).isfinite().all()
        assert augment(x, torch.ones_like(u), (kind,)).isfinite().all()


@pytest.mark.parametrize("policy", ["color", "colour,,cutout", "", "flip"])
def test_an_unknown_kind_is_told(policy):
    there = "colour, translation, shift, cutout"
    with pytest.raises(UserError, match=f"--augment: unknown .* {there}"):
        kinds_of(policy)


def test_an_image_is_moved_in_one_way():
    with pytest.raises(UserError, match="translation and shift both move images; name one"):
        kinds_of("shift,colour,translation")


def test_a_kind_alters_an_image_once():
    with pytest.raises(UserError, match="colour, colour names a kind twice"):
        kinds_of("colour, colour")

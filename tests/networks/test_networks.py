"""Shapes, presets, the condition's place, and what batch normalisation remembers."""

import pytest
import torch

from idvae.errors import UserError
from idvae.networks import (
    PRESETS,
    BatchNorm,
    DataShape,
    NetworkConfig,
    Networks,
    preset,
    statistics_of,
)

POINTS = [name for name in PRESETS if preset(name).fits_points]
IMAGES = [name for name in PRESETS if name not in POINTS]
PARTS = [
    (name, size, channels) for name in IMAGES for size in (16, 32, 64, 128) for channels in (1, 3)
] + [(name, 0, 2) for name in POINTS]


@pytest.mark.parametrize(("preset", "size", "channels"), PARTS)
@pytest.mark.parametrize("condition", [0, 5])
def test_parts_fit_together(preset, size, channels, condition):
    shape = DataShape(size, channels, condition)
    nets = Networks(shape, NetworkConfig(preset, width=4, z_dim=6))
    x = torch.rand(shape.batch(2)) * 2 - 1
    y = torch.rand(2, condition) if condition else None
    h = nets.trunk()(x, y)
    mu, logvar = nets.gaussian_head()(h)
    assert mu.shape == logvar.shape == (2, 6)
    assert nets.logit_head()(h).shape == (2,)
    assert nets.code_head()(h).shape == (2, 6)
    assert nets.code_critic()(mu).shape == nets.code_critic(codes=2)(mu, mu).shape == (2,)
    assert nets.pair_critic()(x, mu, y).shape == nets.twin_critic()(x, -x, y).shape == (2,)
    made = nets.decoder()(mu, y)
    assert made.shape == x.shape
    if not shape.is_points:
        assert made.abs().max() <= 1


@pytest.mark.parametrize(("size", "features"), [(64, 8 * 8 * 512), (32, 4 * 4 * 512)])
def test_paper_preset_is_the_authors_recipe(size, features):
    nets = Networks(DataShape(size, 3), NetworkConfig("paper"))
    trunk, decoder = nets.trunk(), nets.decoder()
    convs = [m for m in trunk.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [(c.out_channels, c.stride[0], c.kernel_size[0]) for c in convs] == [
        (64, 2, 5), (128, 2, 5), (256, 2, 5), (512, 1, 5),
    ]  # fmt: skip
    assert nets.logit_head().logit.in_features == features
    deconvs = [m for m in decoder.modules() if isinstance(m, torch.nn.ConvTranspose2d)]
    assert [(c.out_channels, c.stride[0], c.kernel_size[0]) for c in deconvs] == [
        (256, 2, 5), (128, 2, 5), (64, 2, 5), (3, 1, 5),
    ]  # fmt: skip
    assert decoder.project.out_features == features
    assert nets.z_dim == 128


def test_the_condition_changes_features_and_images():
    nets = Networks(DataShape(16, 1, condition=3), NetworkConfig("small", width=4))
    trunk, decoder = nets.trunk(), nets.decoder()
    x, z = torch.rand(2, 1, 16, 16), torch.randn(2, 64)
    zero, one = torch.zeros(2, 3), torch.ones(2, 3)
    assert not torch.equal(trunk(x, zero), trunk(x, one))
    assert not torch.equal(decoder(z, zero), decoder(z, one))


@pytest.mark.parametrize("preset", PRESETS)
def test_heads_leave_in_float32_where_autocast_narrows_the_networks(preset):
    """To the bit what float32 makes of the same narrow features; gradients reach them."""
    shape = DataShape(0, 2) if preset in POINTS else DataShape(16, 1)
    nets = Networks(shape, NetworkConfig(preset, width=4, z_dim=6))
    trunk, x = nets.trunk(), torch.rand(shape.batch(8)) * 2 - 1
    with torch.no_grad():
        for p in trunk.parameters():
            p.add_(0.01 * torch.randn_like(p))  # what starts at 0 lets no gradient through
    for head in (nets.gaussian_head(), nets.code_head(), nets.logit_head()):
        with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
            h = trunk(x)
            assert h.dtype == torch.bfloat16
            found = head(h)
        expected = head(h.float())
        if not isinstance(found, tuple):
            found, expected = (found,), (expected,)
        for one, other in zip(found, expected, strict=True):
            assert one.dtype == torch.float32
            assert torch.equal(one, other)
            trunk.zero_grad()
            one.sum().backward(retain_graph=True)
            assert all(p.grad.abs().sum() > 0 for p in trunk.parameters() if p.dim() > 1)


def test_the_critic_of_codes_gives_a_logit_in_float32():
    critic = Networks(DataShape(0, 2)).code_critic()
    z = torch.randn(64, critic.layers[0].in_features)
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        logits = critic(z)
    assert logits.dtype == torch.float32
    assert not torch.equal(logits, logits.bfloat16().float())


def test_a_critic_of_pairs_is_no_wider_than_ali_s_own():
    def widths(preset, size):
        with torch.device("meta"):
            critic = Networks(DataShape(size, 3), NetworkConfig(preset)).pair_critic()
        return [m.out_features for m in critic.modules() if isinstance(m, torch.nn.Linear)]

    assert widths("small", 32) == [512, 512, 512, 512, 1]
    assert widths("paper", 32) == widths("paper", 64) == [2048, 2048, 2048, 2048, 1]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_critic_of_two_sees_both_and_their_order(preset):
    shape = DataShape(0, 2) if preset in POINTS else DataShape(16, 1)
    critic = Networks(shape, NetworkConfig(preset, width=16)).twin_critic().double()
    with torch.no_grad():
        for p in critic.parameters():
            p.add_(0.1 * torch.randn_like(p))  # what starts at 0 looks at nothing
    a, b = torch.rand(2, *shape.batch(3), dtype=torch.float64)
    found = [critic(*both) for both in ((a, a), (a, b), (b, a))]
    assert not any(torch.allclose(found[i], found[j]) for i, j in ((0, 1), (0, 2), (1, 2)))


def statistics(network, source=0):
    return [m.running_mean[source].clone() for m in network.modules() if isinstance(m, BatchNorm)]


@pytest.mark.parametrize("preset", ["small", "paper"])
def test_running_statistics_come_from_tracked_batches_only(preset):
    nets = Networks(DataShape(16, 1), NetworkConfig(preset, width=4))
    trunk = nets.trunk().train()
    real, fake = torch.rand(8, 1, 16, 16), torch.rand(8, 1, 16, 16) * 5
    before = statistics(trunk)
    trunk(fake)
    assert all(torch.equal(a, b) for a, b in zip(before, statistics(trunk), strict=True))
    with statistics_of("real"):
        trunk(real)
    after = statistics(trunk)
    assert not any(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    trunk(fake)
    assert all(torch.equal(a, b) for a, b in zip(after, statistics(trunk), strict=True))


@pytest.mark.parametrize("preset", ["small", "paper"])
def test_a_decoder_keeps_statistics_of_prior_and_posterior_apart(preset):
    decoder = Networks(DataShape(16, 1), NetworkConfig(preset, width=8, z_dim=8)).decoder().train()
    z = torch.randn(16, 8)
    with statistics_of("prior"):
        decoder(z)
    prior, posterior = statistics(decoder, 0), statistics(decoder, 1)
    assert all(p.abs().sum() > 0 for p in prior)
    assert all(p.abs().sum() == 0 for p in posterior)
    with statistics_of("posterior"):
        decoder(3 * z)
    assert all(torch.equal(a, b) for a, b in zip(prior, statistics(decoder, 0), strict=True))
    decoder.eval()
    with statistics_of("posterior"):
        of_posterior = decoder(z)
    assert not torch.equal(decoder(z), of_posterior)


@pytest.mark.parametrize("track", [False, True])
def test_batches_are_normalised_and_followed_as_torch_does(track):
    ours, theirs = BatchNorm(4, ("real", "other")).double(), torch.nn.BatchNorm2d(4).double()
    x = torch.randn(8, 4, 3, 3, dtype=torch.float64)
    with statistics_of(*(["other"] if track else [])):
        torch.testing.assert_close(ours(x), theirs(x))
    if track:
        torch.testing.assert_close(ours.running_mean[1], theirs.running_mean)
        torch.testing.assert_close(ours.running_var[1], theirs.running_var)
        assert (ours.running_mean[0] == 0).all()
        ours.eval()
        with statistics_of("other"):
            torch.testing.assert_close(ours(x), theirs.eval()(x))


def test_the_small_decoder_cannot_draw_a_checker_pattern():
    """An image of equal codes' neighbourhoods is smooth: the phases of a pixel share weights.

    The first block repeats pixels, so before any convolution all four phases are equal; with
    constant features every interior pixel of the output must be the same.
    """
    decoder = Networks(DataShape(32, 1), NetworkConfig("small", width=4)).decoder().eval()
    torch.manual_seed(0)
    for block in decoder.blocks:
        if isinstance(block, torch.nn.Conv2d):
            torch.nn.init.normal_(block.weight)
    h = torch.rand(1, decoder.first[0], 1, 1).expand(1, *decoder.first)
    inside = decoder.blocks(h)[0, 0, 14:18, 14:18]
    assert inside.std() <= 1e-4 * inside.abs().mean()


@pytest.mark.parametrize(
    ("shape", "config", "words"),
    [
        (DataShape(48, 3), None, "no network fits images of 48 px"),
        (DataShape(32, 4), None, "no network fits 4 channels"),
        (DataShape(0, 2), NetworkConfig("paper"), "does not fit points"),
        (DataShape(32, 3), NetworkConfig("mlp"), "does not fit images"),
        (DataShape(32, 3), NetworkConfig(width=0), "--width 0"),
        (DataShape(32, 3), NetworkConfig(z_dim=-1), "--z-dim -1"),
    ],
)
def test_what_no_network_fits_is_told(shape, config, words):
    with pytest.raises(UserError, match=words):
        Networks(shape, config)

"""The residual preset: its parts against plain arithmetic, its initial weights, its batches."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import idvae
from idvae import data, methods
from idvae.networks import DataShape, NetworkConfig, Networks
from idvae.networks.residual import GAIN, Block, Double, Halve, group_width
from idvae.training import build, settings
from methods.recorder import run_step

DATA = [DataShape(16, 1), DataShape(32, 3, 5), DataShape(64, 3), DataShape(128, 1, 2)]


def networks(shape, width=4, z_dim=6):
    return Networks(shape, NetworkConfig("residual", width, z_dim))


def batch(shape, n=4, z_dim=6):
    """Images, codes and conditions."""
    y = torch.rand(n, shape.condition) if shape.condition else None
    return torch.rand(shape.batch(n)) * 2 - 1, torch.randn(n, z_dim), y


def smooth(n, channels, size):
    """Images of low frequencies, as those of the world are: filters leave most of them."""
    coarse = torch.randn(n, channels, 4, 4)
    return F.interpolate(coarse, size=(size, size), mode="bicubic").clamp(-1, 1)


def disturb(*networks, by=0.1):
    """Weights as after some training: none is 0."""
    with torch.no_grad():
        for network in networks:
            for p in network.parameters():
                p.add_(by * torch.randn_like(p))


@pytest.mark.parametrize("width", [1, 2, 5, 24])
@pytest.mark.parametrize("shape", DATA, ids=str)
def test_the_trunk_ends_in_a_map_of_4_by_4_and_the_decoder_starts_from_one(shape, width):
    nets = networks(shape, width)
    trunk, decoder = nets.trunk(), nets.decoder()
    x, z, y = batch(shape)
    widest = width * min(8, shape.size // 8)
    assert trunk(x, y).shape == (4, widest * 16) == (4, nets.preset.features)
    assert decoder.basis.shape == (widest, 4, 4)
    assert decoder(z, y).shape == x.shape
    assert decoder(z, y).abs().max() <= 1
    sides = [m for m in trunk.modules() if isinstance(m, Block)]
    assert len(sides) == np.log2(shape.size // 4) + 1  # one at each side
    assert not [m for m in (*trunk.modules(), *decoder.modules()) if "Norm" in type(m).__name__]


@pytest.mark.parametrize(
    ("channels", "wanted"),
    [
        (2, 1),
        (10, 1),
        (16, 1),
        (32, 2),
        (48, 3),
        (50, 2),
        (128, 8),
        (256, 16),
        (512, 16),
        (272, 16),
    ],
)
def test_a_group_has_16_channels_but_fewer_where_there_are_few(channels, wanted):
    assert group_width(channels) == wanted


@pytest.mark.parametrize("width", [3, 16, 40])
def test_a_block_is_the_arithmetic_of_its_docstring(width):
    block = Block(width, depth=3).double()
    disturb(block)
    x = torch.randn(2, width, 5, 6, dtype=torch.float64)
    w1, b1, w2, b2, w3 = (p.detach().numpy() for p in block.parameters())

    def act(h, bias):
        h = h + bias[:, None, None]
        return np.where(h > 0, h, 0.2 * h)

    h = act(np.einsum("oi,bihw->bohw", w1[:, :, 0, 0], x.numpy()), b1)
    padded = np.pad(h, ((0, 0), (0, 0), (1, 1), (1, 1)))
    conv, size = np.zeros_like(h), group_width(2 * width)
    for out in range(2 * width):
        first = out // size * size  # of the channels of its group
        for row in range(5):
            for column in range(6):
                seen = padded[:, first : first + size, row : row + 3, column : column + 3]
                conv[:, out, row, column] = (seen * w2[out]).sum((1, 2, 3))
    expected = x.numpy() + np.einsum("oi,bihw->bohw", w3[:, :, 0, 0], act(conv, b2))
    np.testing.assert_allclose(block(x).detach().numpy(), expected, rtol=0, atol=1e-12)


def test_resampling_spreads_a_pixel_by_1_3_3_1():
    row = torch.tensor([1.0, 3.0, 3.0, 1.0])
    x = torch.zeros(1, 2, 8, 8)
    x[0, 1, 3, 4] = 64.0
    half = Halve(2, 2)(x)
    # Row 3 is the third of the four that make row 1 and the first of those that make row 2; column
    # 4 is the fourth of those of column 1 and the second of those of column 2.
    expected = torch.zeros(1, 2, 4, 4)
    expected[0, 1, 1:3, 1:3] = torch.tensor([[3.0, 9.0], [1.0, 3.0]])
    assert torch.equal(half, expected)
    x[0, 1, 3, 4] = 16.0
    twice = Double(2, 2)(x)
    expected = torch.zeros(1, 2, 16, 16)
    expected[0, 1, 5:9, 7:11] = torch.outer(row, row)
    assert torch.equal(twice, expected)


def test_resampling_keeps_a_constant_image_and_each_is_the_other_walked_back():
    x = torch.full((1, 3, 8, 8), 0.7, dtype=torch.float64)
    half, twice = Halve(3, 3).double(), Double(3, 3).double()
    torch.testing.assert_close(half(x)[..., 1:-1, 1:-1], x[..., 1:3, 1:3])
    torch.testing.assert_close(twice(x)[..., 1:-1, 1:-1], x[..., :1, :1].expand(1, 3, 14, 14))
    a, b = torch.randn(2, 3, 8, 8).double(), torch.randn(2, 3, 4, 4).double()
    torch.testing.assert_close((twice(b) * a).sum(), 4 * (b * half(a)).sum())


def test_the_width_changes_by_a_convolution_only_where_it_changes():
    nets = networks(DataShape(128, 3), width=4)
    widths = nets.preset.widths
    assert widths == (2, 4, 8, 16, 32, 32)
    for network, kind, order in (
        (nets.trunk(), Halve, widths),
        (nets.decoder(), Double, widths[::-1]),
    ):
        mixing = [m.mix for m in network.blocks if isinstance(m, kind)]
        for layer, (before, after) in zip(mixing, pairwise(order), strict=True):
            assert isinstance(layer, nn.Identity if before == after else nn.Conv2d)


def moments(network, *inputs):
    """Mean squares: of what comes out of each block and resampling; of the convolutions in one."""
    stream, inner = [], []

    def note(into):
        return lambda module, given, out: into.append(
            (given[0].square().mean().item(), out.square().mean().item())
        )

    for block in network.blocks:
        block.register_forward_hook(note(stream))
        if isinstance(block, Block):
            for place in (0, 2):
                block.layers[place].register_forward_hook(note(inner))
    with torch.no_grad():
        network(*inputs)
    return stream, inner


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("part", ["trunk", "decoder"])
def test_the_initial_weights_keep_the_variance_through_the_depth(part, trained):
    nets = networks(DataShape(64, 3), width=32, z_dim=64)
    network = getattr(nets, part)()
    depth = len(nets.preset.widths)
    if trained:  # the last convolution of a block as large as its others
        for block in network.blocks:
            if isinstance(block, Block):
                scale = GAIN * depth**-0.25 / (2 * block.layers[0].in_channels) ** 0.5
                nn.init.normal_(block.layers[4].weight, std=scale)
    given = smooth(16, 3, 64) if part == "trunk" else torch.randn(64, 64)
    stream, inner = moments(network, given)
    assert len(stream) == 2 * depth - 1
    first = stream[0][0]
    if part == "decoder":
        # The learned map is white, and of a white map the filter leaves this much inside.
        assert stream[1][1] / stream[0][1] == pytest.approx((10 / 16) ** 2, rel=0.15)
        first = stream[1][1]
    for _, out in stream[1:]:
        assert 0.25 < out / first < 4
    if not trained:  # E(conv(x)²) = gain² E(x²), but for chance, and for zeros beyond the border
        ratios = [after / before for before, after in inner]
        assert np.median(ratios) == pytest.approx(GAIN**2 / depth**0.5, rel=0.15)


@pytest.mark.parametrize("shape", [DataShape(16, 1), DataShape(32, 3, 5)], ids=str)
def test_after_one_step_the_gradient_reaches_every_parameter(shape):
    nets = networks(shape)
    trunk, decoder, head = nets.trunk(), nets.decoder(), nets.logit_head()
    parameters = [p for net in (trunk, decoder, head) for p in net.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    _, z, y = batch(shape, 8)
    for _ in range(2):
        optimizer.zero_grad()
        # The cube: a mean's gradient to a bias may vanish by symmetry, and a logit's may be tiny.
        (head(trunk(decoder(z, y), y)) + 1).pow(3).sum().backward()
        optimizer.step()
    for net in (trunk, decoder):
        assert not [name for name, p in net.named_parameters() if not p.grad.abs().max() > 0]


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_an_image_has_the_same_features_whatever_else_is_in_the_batch(mode):
    shape = DataShape(32, 3, 2)
    nets = networks(shape)
    trunk, decoder = (getattr(net.double(), mode)() for net in (nets.trunk(), nets.decoder()))
    disturb(trunk, decoder)
    real, z, y = (t.double() for t in batch(shape, 6))
    fake = decoder(z, y).detach()
    alone = torch.cat([trunk(x[None], t[None]) for x, t in zip(real, y, strict=True)])
    torch.testing.assert_close(trunk(real, y), alone, rtol=1e-12, atol=1e-12)
    both = trunk(torch.cat([fake, real]), torch.cat([y, y]))
    torch.testing.assert_close(both[6:], alone, rtol=1e-12, atol=1e-12)
    one = torch.cat([decoder(c[None], t[None]) for c, t in zip(z, y, strict=True)])
    torch.testing.assert_close(fake, one.detach(), rtol=1e-12, atol=1e-12)


def test_the_condition_reaches_features_and_images_by_the_weights_that_read_it():
    shape = DataShape(16, 1, 3)
    nets = networks(shape)
    trunk, decoder = nets.trunk(), nets.decoder()
    x, z, y = batch(shape)
    assert not torch.equal(trunk(x, y), trunk(x, 1 - y))
    assert not torch.equal(decoder(z, y), decoder(z, 1 - y))
    # As if y were joined to the first convolution's channels and a 1×1 convolution mixed both.
    told = torch.cat([trunk.first(x), y[:, :, None, None].expand(-1, -1, 16, 16)], 1)
    kernel = torch.cat([torch.eye(trunk.first.out_channels), trunk.told.weight], 1)
    mixed = F.conv2d(told, kernel[:, :, None, None])
    torch.testing.assert_close(trunk(x, y), trunk.blocks(mixed).flatten(1))


@pytest.mark.parametrize("shape", [DataShape(16, 1), DataShape(32, 3, 5)], ids=str)
def test_the_order_of_memory_and_the_precision_change_rounding_alone(shape):
    nets = networks(shape, width=16)
    trunk, decoder = nets.trunk(), nets.decoder()
    disturb(trunk, decoder, by=0.01)
    x, z, y = batch(shape)
    h, made = trunk(x, y), decoder(z, y)
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        narrow = trunk(x, y), decoder(z, y)
    assert narrow[0].dtype == narrow[1].dtype == torch.bfloat16
    for found, expected in zip(narrow, (h, made), strict=True):
        torch.testing.assert_close(found.float(), expected, rtol=0.05, atol=0.05)
    for net in (trunk, decoder):
        net.to(memory_format=torch.channels_last)
    torch.testing.assert_close(trunk(x.to(memory_format=torch.channels_last), y), h)
    torch.testing.assert_close(decoder(z, y), made)
    trunk.double(), decoder.double()
    y = None if y is None else y.double()
    torch.testing.assert_close(trunk(x.double(), y).float(), h)
    torch.testing.assert_close(decoder(z.double(), y).float(), made)


@pytest.mark.parametrize("name", methods.names())
@pytest.mark.parametrize("shape", [DataShape(16, 1), DataShape(16, 3, 5)], ids=str)
def test_every_method_makes_a_step_in_which_each_group_moves(name, shape):
    step = run_step(name, shape, "residual")
    assert [m for m in step.method.modules() if isinstance(m, Block)]
    for seen in step.seen:
        before, after = dict(seen.before.named_parameters()), dict(seen.after.named_parameters())
        moved = {n for n in before if not torch.equal(before[n], after[n])}
        owned = step.method.groups[seen.group]
        assert {n.split(".")[0] for n in moved} == set(owned)
        assert all(torch.isfinite(p).all() for p in after.values())


def test_a_run_is_planned_trained_and_loaded(tmp_path):
    data.prepare("digits", size=16, n=60, overwrite=True)
    asked = {"preset": "residual", "width": 4, "z_dim": 6, "batch_size": 8, "threads": 1}
    run = idvae.train(
        "idvae", data="digits-16", out=tmp_path / "run", steps=3, device="cpu", log_every=1,
        grid_every=0, save_every=3, condition="labels", ema=0.9, **asked,
    )  # fmt: skip
    planned = build.planned_method(settings.from_mapping("idvae", asked), DataShape(16, 1, 10))
    loaded = idvae.load(run.path)
    kept = loaded.method.state_dict()
    assert {n: t.shape for n, t in planned.state_dict().items()} == {
        n: t.shape for n, t in kept.items()
    }
    assert not [name for name in kept if name.endswith("kernel")]
    assert run.config["step_macs"] > 0
    assert loaded.sample(3).shape == (3, 16, 16, 1)

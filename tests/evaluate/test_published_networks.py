"""fid15, fid16 and frd: key names, shapes, pools and preprocessing; their weights where they are.

With the weight file in the cache or at $IDVAE_FID15, and CIFAR-10 (binary version) at
$IDVAE_CIFAR10, fid15 is held against the value that a public tool's tests publish.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from idvae.errors import UserError
from idvae.evaluate.experts import inception, open_expert, resnet
from idvae.evaluate.experts.resize import antialiased, tensorflow1
from idvae.evaluate.experts.weights import WeightFile, fit, load_state
from idvae.evaluate.metrics.frechet import frechet_distance

NORM = ("weight", "bias", "running_mean", "running_var")


def inception_table(classes):
    """Names and shapes of the weight files: "unit OUTxINxHxW" a line, and the classifier."""
    table = {"fc.weight": (classes, 2048), "fc.bias": (classes,)}
    text = (Path(__file__).parent / "inception_convolutions.txt").read_text()
    for line in text.splitlines():
        unit, shape = line.split()
        shape = tuple(map(int, shape.split("x")))
        table[f"{unit}.conv.weight"] = shape
        table |= {f"{unit}.bn.{name}": shape[:1] for name in NORM}
    return table


def resnet_table():
    """Names and shapes of resnet50-0676ba61.pth."""
    table = {"conv1.weight": (64, 3, 7, 7), "fc.weight": (1000, 2048), "fc.bias": (1000,)}
    table |= {f"bn1.{name}": (64,) for name in NORM}
    before = 64
    for layer, (blocks, inner) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), 1):
        for block in range(blocks):
            place = f"layer{layer}.{block}"
            table[f"{place}.conv1.weight"] = (inner, before, 1, 1)
            table[f"{place}.conv2.weight"] = (inner, inner, 3, 3)
            table[f"{place}.conv3.weight"] = (4 * inner, inner, 1, 1)
            for i, width in ((1, inner), (2, inner), (3, 4 * inner)):
                table |= {f"{place}.bn{i}.{name}": (width,) for name in NORM}
            if block == 0:
                table[f"{place}.downsample.0.weight"] = (4 * inner, before, 1, 1)
                table |= {f"{place}.downsample.1.{name}": (4 * inner,) for name in NORM}
            before = 4 * inner
    return table


def shapes(network):
    return {
        name: tuple(tensor.shape)
        for name, tensor in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


@pytest.mark.parametrize(
    ("network", "table", "parameters"),
    [
        # The last column: what is published for torchvision's networks, plus 2,049 a class.
        (inception.build("fid15", 1008), inception_table(1008), 23_834_568 + 8 * 2049),
        (inception.build("fid16", 1001), inception_table(1001), 23_834_568 + 2049),
        (inception.build("fid16", 1000), inception_table(1000), 23_834_568),
        (resnet.ResNet50(), resnet_table(), 25_557_032),
    ],
    ids=["fid15", "fid16", "fid16-1000", "frd"],
)
def test_names_and_shapes_are_those_of_the_weight_files(network, table, parameters):
    assert shapes(network) == table
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_strides_and_paddings_give_the_published_sizes():
    network = inception.build("fid15", 1008).eval()
    sizes = {}
    for name in ("Conv2d_2b_3x3", "Conv2d_4a_3x3", "Mixed_5d", "Mixed_6e", "Mixed_7c"):
        network.get_submodule(name).register_forward_hook(
            lambda _m, _i, out, name=name: sizes.update({name: tuple(out.shape[1:])})
        )
    with torch.no_grad():
        features, logits = network(torch.zeros(1, 3, 299, 299))
    assert (features.shape, logits.shape) == ((1, 2048), (1, 1008))
    assert sizes == {
        "Conv2d_2b_3x3": (64, 147, 147),
        "Conv2d_4a_3x3": (192, 71, 71),
        "Mixed_5d": (288, 35, 35),
        "Mixed_6e": (768, 17, 17),
        "Mixed_7c": (2048, 8, 8),
    }
    network = resnet.ResNet50().eval()
    network.layer4.register_forward_hook(lambda _m, _i, out: sizes.update(r=tuple(out.shape)))
    with torch.no_grad():
        features, logits = network(torch.zeros(1, 3, 224, 224))
    assert (features.shape, logits.shape) == ((1, 2048), (1, 1000))
    assert sizes["r"] == (1, 2048, 7, 7)
    assert network.layer2[0].conv2.stride == (2, 2)  # not conv1, as in the paper of 2015


def test_pools_leave_the_padding_out_and_the_last_one_differs():
    ones = torch.ones(1, 1, 3, 3)
    assert (inception.mean_pool(ones) == 1).all()
    corner = torch.zeros(1, 1, 3, 3)
    corner[0, 0, 0, 0] = 1
    assert inception.mean_pool(corner)[0, 0, 0, 0] == 0.25
    assert inception.max_pool(-corner)[0, 0, 2, 2] == 0
    fid15, fid16 = (inception.build(name, 1001) for name in ("fid15", "fid16"))
    assert fid15.Mixed_7b.pool is fid16.Mixed_7b.pool is inception.mean_pool
    assert fid15.Mixed_7c.pool is inception.max_pool
    assert fid16.Mixed_7c.pool is inception.mean_pool
    assert all(u.bn.eps == 1e-3 for u in fid15.modules() if isinstance(u, inception.Unit))


def test_logits_of_fid15_leave_the_bias_out():
    for name, biased in (("fid15", False), ("fid16", True)):
        network = inception.build(name, 4).eval()
        assert network.biased is biased


def test_resize_of_tensorflow_1_by_hand():
    row = torch.tensor([0.0, 10.0, 30.0]).reshape(1, 1, 1, 3).expand(1, 1, 3, 3)
    wide = tensorflow1(row, 6)
    # Steps of 3/6 from the corner; the last position has no right neighbour.
    assert wide[0, 0, 0].tolist() == [0, 5, 10, 20, 30, 30]
    assert wide.shape == (1, 1, 6, 6)
    narrow = tensorflow1(torch.arange(6.0).reshape(1, 1, 1, 6).expand(1, 1, 6, 6), 3)
    assert narrow[0, 0, 0].tolist() == [0, 2, 4]  # every second one: no filter
    assert tensorflow1(row, 3) is row


@pytest.mark.parametrize("size", [13, 40])
def test_the_antialiased_resize_is_that_of_pil(size):
    pixels = np.random.default_rng(0).integers(0, 256, (31, 20, 3), np.uint8)
    found = antialiased(torch.from_numpy(pixels).permute(2, 0, 1)[None].float(), size)
    expected = np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR))
    assert np.abs(found[0].permute(1, 2, 0).numpy() - expected).max() <= 1.0  # PIL rounds twice


def test_ranges_of_pixels():
    levels = torch.tensor([0, 128, 255], dtype=torch.uint8).reshape(3, 1, 1, 1)
    levels = levels.expand(3, 299, 299, 3)

    def seen(expert):
        return expert.prepare(levels)[:, 0, 7, 7].tolist()

    blank = torch.nn.Identity()
    assert seen(inception.expert("fid15", blank, None, "", "cpu")) == [-1, 0, 127 / 128]
    assert seen(inception.expert("fid16", blank, None, "", "cpu")) == pytest.approx(
        [-1, 2 * 128 / 255 - 1, 1]
    )
    frd = resnet.expert(blank, None, "", "cpu")
    x = frd.prepare(torch.tensor([0, 255, 128], dtype=torch.uint8).expand(1, 9, 9, 3))
    assert x.shape == (1, 3, 224, 224)
    assert x[0, :, 5, 5].tolist() == pytest.approx(
        [-0.485 / 0.229, (1 - 0.456) / 0.224, (128 / 255 - 0.406) / 0.225], rel=1e-5
    )


def shaken(network):
    """With statistics that make the batch norms do something."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
    return network.eval()


@pytest.mark.parametrize("name", ["fid15", "fid16", "frd"])
def test_a_file_of_the_right_names_is_loaded_folded_and_scored(
    name, tmp_path, monkeypatch, batches_of_two
):
    network = shaken(resnet.ResNet50() if name == "frd" else inception.build(name, 1001))
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    anything = WeightFile("weights.pth", "")
    monkeypatch.setattr(resnet, "FILE", anything)
    monkeypatch.setitem(inception.FILES, name, anything)
    expert = open_expert(f"{name}@80", weights={name: str(tmp_path / "weights.pth")})
    images = np.random.default_rng(0).integers(0, 256, (2, 50, 60, 3), np.uint8)
    with torch.no_grad():
        features, logits = network(expert.prepare(torch.from_numpy(images)))
    found = expert(images)
    assert expert.name == f"{name}@80"
    np.testing.assert_allclose(found.features, features.numpy(), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found.logits, logits.numpy(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["fid15", "fid16", "frd"])
def test_missing_weights_are_an_error_that_says_how_to_get_them(name):
    with pytest.raises(UserError, match=rf"--weights {name}=PATH.*idvae experts fetch {name}"):
        open_expert(name)


def test_a_file_of_another_network_is_told(tmp_path):
    network = resnet.ResNet50()
    state = network.state_dict()
    del state["layer1.0.conv1.weight"]
    with pytest.raises(UserError, match=r"does not fit its network: layer1\.0\.conv1\.weight"):
        fit(network, state, tmp_path)


def given(name):
    place = os.environ.get(name)
    if not place or not Path(place).exists():
        pytest.skip(f"set {name}")
    return Path(place)


@pytest.mark.slow
def test_fid15_gives_the_published_value_on_cifar10():
    weights, cifar = given("IDVAE_FID15"), given("IDVAE_CIFAR10")

    def first(name):
        rows = np.fromfile(cifar / name, np.uint8).reshape(-1, 3073)[:5000, 1:]
        return rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)

    expert = open_expert("fid15", weights={"fid15": str(weights)})
    train, test = (expert(first(n)).features for n in ("data_batch_1.bin", "test_batch.bin"))
    assert frechet_distance(train, test) == pytest.approx(10.3233, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fid15", "fid16", "frd"])
def test_published_files_know_a_palace(name):
    import sklearn.datasets

    path = given(f"IDVAE_{name.upper()}")
    assert "fc.weight" in load_state(path)
    image = sklearn.datasets.load_sample_image("china.jpg")[:, 106:533]
    expert = open_expert(name, weights={name: str(path)})
    # fid15's 1008 classes are not in ImageNet's order; fid16 may begin with a background class.
    offset = {"fid15": None, "fid16": len(expert.network.fc.weight) - 1000, "frd": 0}[name]
    top = int(expert([image]).logits.argmax())
    assert offset is None or top - offset == 698

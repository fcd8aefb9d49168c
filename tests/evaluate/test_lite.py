import numpy as np
import pytest
import torch
from PIL import Image

from idvae.errors import UserError
from idvae.evaluate.experts import open_expert
from idvae.evaluate.experts.lite import FILES, SIZES, build, packaged
from idvae.evaluate.experts.weights import load_state

pytest.importorskip("efficientnet_lite_pytorch")


def photographs():
    """Photographs that packages bring, with their ImageNet classes.

    scikit-learn's other photograph is a dahlia, which is no class of ImageNet.
    """
    import matplotlib.cbook
    import sklearn.datasets

    china = sklearn.datasets.load_sample_image("china.jpg")
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        hopper = np.asarray(Image.open(file).convert("RGB"))
    palace, military_uniform = 698, 652
    return [(china, palace), (hopper, military_uniform)]


def centre(image):
    """The square in the middle."""
    side = min(image.shape[:2])
    top, left = ((s - side) // 2 for s in image.shape[:2])
    return image[top : top + side, left : left + side]


@pytest.mark.parametrize("name", ["lite0", "lite1", "lite2"])
def test_known_photographs_get_their_imagenet_class(name, batches_of_two):
    photos = photographs()
    output = open_expert(name)([centre(image) for image, _ in photos])
    assert output.features.shape == (2, 1280)
    assert output.logits.argmax(1).tolist() == [right for _, right in photos]


def test_folding_the_batch_norms_changes_nothing(batches_of_two):
    expert = open_expert("lite0@64")
    network = build("lite0", 64).eval()
    network.load_state_dict(load_state(packaged("lite0")))
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    x = (torch.from_numpy(images).permute(0, 3, 1, 2).float() - 127) / 128
    with torch.no_grad():
        expected = network.extract_features(x).mean((2, 3)).numpy()
    np.testing.assert_allclose(expert(images).features, expected, atol=2e-4)


def test_names_say_the_resolution_and_facts_say_everything():
    expert = open_expert("lite0@64")
    assert expert.name == "lite0@64"
    assert expert.facts["resolution"] == 64
    assert expert.facts["weights"] == FILES["lite0"].sha256
    assert open_expert(f"lite0@{SIZES['lite0']}").name == "lite0"


def test_features_do_not_depend_on_the_batch_the_order_or_the_grouping():
    expert = open_expert("lite0@32")
    images = np.random.default_rng(0).integers(0, 256, (40, 40, 40, 3), np.uint8)
    whole = expert(images).features
    np.testing.assert_array_equal(expert(images[:1]).features, whole[:1])
    parts = [expert(images[i : i + 13]).features for i in range(0, 40, 13)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    order = np.random.default_rng(1).permutation(40)
    np.testing.assert_array_equal(expert(images[order]).features, whole[order])
    np.testing.assert_array_equal(expert(list(images)).features, whole)


def test_threads_change_features_by_rounding_alone():
    expert = open_expert("lite0@32")
    images = np.random.default_rng(0).integers(0, 256, (8, 40, 40, 3), np.uint8)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(expert(images).features)
    finally:
        torch.set_num_threads(before)
    np.testing.assert_allclose(*found, rtol=1e-3, atol=1e-4 * np.abs(found[0]).max())


def test_mixed_sizes_and_grey_images_are_taken(batches_of_two):
    expert = open_expert("lite0@32")
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 256, (s, s + 3, 1), np.uint8) for s in (20, 60))
    mixed = expert([a, b, a]).features
    np.testing.assert_array_equal(mixed[0], mixed[2])
    colour = expert([np.repeat(a, 3, 2)]).features
    np.testing.assert_array_equal(mixed[:1], colour)


def test_a_changed_weight_file_is_refused(tmp_path):
    content = bytearray(packaged("lite0").read_bytes())
    content[1000] ^= 1
    (tmp_path / "lite0.pth").write_bytes(content)
    with pytest.raises(UserError, match="is not the published"):
        open_expert("lite0", weights={"lite0": str(tmp_path / "lite0.pth")})

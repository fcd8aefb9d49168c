"""What the demo computes, on small models: with attributes, with classes, without an encoder."""

import numpy as np
import pytest

import idvae
from idvae import data
from idvae.demo import actions
from idvae.errors import UserError
from idvae.model import BLOCK

OPTIONS = {"batch_size": 16, "grid_every": 0, "threads": 1, "log_every": 1, "width": 8}


@pytest.fixture(scope="module")
def faces():
    """The released model that the demo opens by itself."""
    return idvae.load("pretrained/avatars-64")


@pytest.fixture(scope="module")
def digits(data_root, tmp_path_factory):
    data.prepare("digits", size=16, n=200)
    out = tmp_path_factory.mktemp("runs") / "digits"
    idvae.train("idvae-plus", "digits-16", out, condition="labels", steps=4, **OPTIONS)
    return idvae.load(out)


@pytest.fixture(scope="module")
def gan(digits, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "gan"
    augmented = {"augment": "translation"}
    idvae.train("gan", "digits-16", out, steps=2, **augmented, **OPTIONS)
    return idvae.load(out)


def test_samples_are_those_of_the_model_until_they_are_truncated(faces):
    images = actions.generate(faces, 5, seed=3)
    np.testing.assert_array_equal(images, faces.sample(5, seed=3))
    middle = actions.generate(faces, 5, 3, truncation=0.0, asked=["Eyeglasses"])
    assert middle.shape == images.shape
    spread = [actions.generate(faces, 64, 3, t).astype(float).std(0).mean() for t in (0.0, 1.0)]
    assert spread[0] < spread[1]


def test_samples_have_what_is_asked_for(faces):
    y = actions.asked_for(faces, faces.draw_conditions(0, 9, 0), ["Eyeglasses", "Bald"])
    names = list(faces.condition.names)
    assert (y[:, names.index("Eyeglasses")] == 1).all()
    assert (y[:, names.index("Bald")] == 1).all()
    assert (y[:, names.index("Black_Hair")] == -1).all()
    made = actions.generate(faces, 2, 0, asked=["Eyeglasses"])
    assert (made != faces.sample(2)).any()


def test_numbers_out_of_range_and_unknown_names_are_told(faces, gan):
    for n, truncation, asked in [(0, 1, []), (65, 1, []), (4, 2.1, []), (4, -1, []), (4, 1, ["x"])]:
        with pytest.raises(UserError):
            actions.generate(faces, n, 0, truncation, asked)
    with pytest.raises(UserError, match="without a condition"):
        actions.generate(gan, 4, 0, asked=["1"])
    with pytest.raises(UserError, match="2 to 12"):
        actions.between_samples(gan, 0, 1, 13)
    with pytest.raises(UserError):
        actions.generate(faces, 4, -1)


def test_what_a_sample_has_is_guessed_from_its_reconstruction(faces):
    right = []
    for seed in range(4):
        image, y = actions.drawn(faces, seed)
        right.append(actions.guessed(faces, image) == y)
    assert np.mean(right) > 0.85  # chance, all −1, is right in about 4 of 5


def test_a_class_is_guessed_too(digits):
    image, _ = actions.drawn(digits, 0)
    y = actions.guessed(digits, image)
    assert sorted(y) == [0.0] * 9 + [1.0]
    classes = np.eye(10, dtype=np.float32)
    errors = [np.square(actions.reconstruct(digits, image, c) / 1.0 - image).sum() for c in classes]
    assert y.argmax() == int(np.argmin(errors))


def test_names_make_conditions(faces, digits, gan):
    y = actions.named(faces, ["Smiling"])
    assert actions.y_to_strengths(faces, y)["Smiling"] == 1.0
    assert sum(actions.y_to_strengths(faces, y).values()) == 1.0
    assert (actions.named(faces, []) == -1).all()
    assert actions.named(digits, ["3"]).argmax() == 3
    with pytest.raises(UserError, match="which class"):
        actions.named(digits, [])
    with pytest.raises(UserError, match="without a condition"):
        actions.named(gan, [])
    assert actions.needs_telling(faces)
    assert not actions.needs_telling(gan)


def test_an_edit_that_changes_nothing_is_the_reconstruction(faces):
    image, y = actions.drawn(faces, 0)
    same = actions.y_to_strengths(faces, y)
    np.testing.assert_array_equal(actions.strengths_to_y(faces, same), y)
    made = actions.reconstruct(faces, image, y)
    np.testing.assert_array_equal(actions.edit(faces, image, y, same), made)
    glasses = {**same, "Eyeglasses": 1.0 - same["Eyeglasses"]}
    assert np.abs(actions.edit(faces, image, y, glasses) / 1.0 - made).mean() > 2


def test_moving_one_slider_gives_way_to_it(faces, digits):
    none = dict.fromkeys(faces.condition.names, 0.0)
    moved = actions.without_excluded(faces, {**none, "Bald": 1.0, "Black_Hair": 1.0}, "Bald")
    assert (moved["Bald"], moved["Black_Hair"]) == (1.0, 0.0)
    moved = actions.without_excluded(faces, {**none, "Bald": 0.3, "Black_Hair": 1.0}, "Bald")
    assert moved["Black_Hair"] == pytest.approx(0.7)
    smiling = {**none, "Bald": 1.0, "Smiling": 1.5}
    assert actions.without_excluded(faces, smiling, "Smiling") == smiling
    bearded = {**none, "No_Beard": 0.2, "Mustache": 0.8}
    assert actions.without_excluded(faces, bearded, "Mustache")["No_Beard"] == 0.8
    assert actions.without_excluded(faces, bearded, "No_Beard")["Mustache"] == 0.2
    classes = dict.fromkeys(digits.condition.names, 0.0) | {"1": 1.0, "2": 1.0}
    assert actions.without_excluded(digits, classes, "2")["1"] == 0.0


def test_a_way_has_the_reconstructions_at_its_ends(faces):
    (a, y_a), (b, y_b) = (actions.drawn(faces, seed) for seed in (1, 2))
    way = actions.between_images(faces, a, b, 5, y_a, y_b)
    assert way.shape == (5, 64, 64, 3)
    np.testing.assert_array_equal(way[0], actions.reconstruct(faces, a, y_a))
    np.testing.assert_array_equal(way[-1], actions.reconstruct(faces, b, y_b))


def test_a_way_between_samples_needs_no_encoder(gan):
    way = actions.between_samples(gan, 4, 7, 6)
    np.testing.assert_array_equal(way[0], gan.sample(1, 4)[0])
    np.testing.assert_array_equal(way[-1], gan.sample(1, 7)[0])


def test_the_discriminator_answers_for_an_image_beside_samples(digits, gan):
    image, y = actions.drawn(digits, 0)
    verdict = actions.judge(digits, image, y, seed=2)
    assert verdict.reconstruction is not None
    assert len(verdict.samples) == BLOCK - 2
    assert np.isfinite(verdict.samples).all()
    assert 0 <= verdict.beaten <= BLOCK - 2
    noise = np.random.default_rng(0).integers(0, 256, gan.sample(1)[0].shape, np.uint8)
    verdict = actions.judge(gan, noise, None, seed=3)
    assert verdict.reconstruction is None
    # Samples of so short a training may be alike to the bit, noise is not like them.
    asked = np.concatenate([noise[None], gan.sample(BLOCK - 1, 3)])
    np.testing.assert_array_equal([verdict.image, *verdict.samples], gan.logits(asked))
    assert verdict.image != verdict.samples[0]


def test_a_released_model_keeps_no_discriminator(faces):
    image, y = actions.drawn(faces, 0)
    assert not faces.judges
    with pytest.raises(UserError, match="a released model keeps none"):
        actions.judge(faces, image, y)


def test_points_have_no_page(data_root, tmp_path):
    data.prepare("gaussians-ring", n=100)
    run = idvae.train("vae", "gaussians-ring", tmp_path / "ring", steps=1, **OPTIONS)
    with pytest.raises(UserError, match="shows images"):
        actions.check(idvae.load(run.path))

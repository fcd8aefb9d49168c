"""Conditional runs as a user makes, samples, edits and checks them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import idvae
from idvae import data
from idvae.cli import judge, main
from idvae.data.conditions import Condition
from idvae.data.exclusion import group
from idvae.evaluate import attribute_classifier
from idvae.evaluate.scores import Scores
from idvae.training import start

TINY = ["--steps", "4", "--width", "4", "--z-dim", "3", "--batch-size", "8", "--grid-every", "2"]


@pytest.fixture(scope="module")
def folder(data_root, tmp_path_factory):
    place = tmp_path_factory.mktemp("work")
    data.prepare("avatars", size=16, n=300, set_name="faces")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        for name, method, asked in (
            ("classes", "idvae", ["digits-16", "--condition", "labels", "--mismatch", "0.5"]),
            ("faces", "idvae", ["faces", "--condition", "Smiling,Bald,Black_Hair"]),
            ("gan", "gan", ["digits-16", "--condition", "labels"]),
            ("plain", "vae", ["digits-16"]),
            ("g", "gan", ["faces", "--condition", "Smiling,Bald,Black_Hair"]),
            ("untold", "icgan",
             ["faces", "--condition", "Smiling,Bald,Black_Hair", "--pretrained", "g", "--ema=0.9"]),
        ):  # fmt: skip
            assert main(["train", method, "--data", *asked, "--out", name, *TINY]) == 0
    return place


@pytest.fixture(autouse=True)
def inside(folder, monkeypatch):
    monkeypatch.chdir(folder)


def images(path):
    with np.load(path) as file:
        return file["images"]


def test_a_sample_is_of_what_was_asked(tmp_path):
    out = tmp_path / "made.npz"
    assert main(["sample", "classes", "--condition", "7", "-n", "5", "--out", str(out)]) == 0
    model = idvae.load("classes")
    y = np.eye(10, dtype=np.float32)[[7] * 5]
    np.testing.assert_array_equal(images(out), model.decode(model.draw_codes(5), y=y))


def test_attributes_not_asked_for_are_drawn_from_the_data(tmp_path):
    out = tmp_path / "made.npz"
    assert main(["sample", "faces", "--condition", "Bald=0", "-n", "40", "--out", str(out)]) == 0
    model = idvae.load("faces")
    drawn = model.draw_conditions(0, 40, 0)
    assert (drawn[:, 1] == 1).any()
    assert len(np.unique(drawn, axis=0)) > 2
    told = drawn.copy()
    told[:, 1] = -1
    np.testing.assert_array_equal(images(out), model.sample(40, 0, told))
    # Without a condition they are drawn as they occur; the first ones do not depend on n.
    np.testing.assert_array_equal(model.sample(7), model.sample(40)[:7])
    np.testing.assert_array_equal(model.sample(40), model.sample(40, 0, drawn))


def test_each_class_has_a_row_of_the_same_codes(tmp_path):
    out = tmp_path / "made.npz"
    assert main(["sample", "classes", "--condition", "each", "-n", "3", "--out", str(out)]) == 0
    model = idvae.load("classes")
    made = images(out).reshape(10, 3, 16, 16, 1)
    y = np.eye(10, dtype=np.float32)[[4] * 3]
    np.testing.assert_array_equal(made[4], model.decode(model.draw_codes(3), y=y))
    assert main(["sample", "classes", "--condition", "each", "--out", str(tmp_path / "a.png")]) == 0


def test_an_edit_changes_the_condition_and_nothing_else(tmp_path):
    out = tmp_path / "edits.npz"
    command = ["edit", "faces", "-n", "6", "--set", "Bald", "--set", "Smiling=0", "--out", str(out)]
    assert main([*command, "--strength", "0,1"]) == 0
    with np.load(out) as file:
        made, columns = file["edits"], list(file["columns"])
    names = ["Bald × 0", "Bald × 1", "Smiling=0 × 0", "Smiling=0 × 1"]
    assert columns == ["original", "reconstruction", *names]
    model = idvae.load("faces")
    faces = data.open_set("faces")
    test = faces.split("test")
    y = model.condition.rows(faces, test, np.arange(6))
    np.testing.assert_array_equal(made[:, 0], test.gather(np.arange(6)))
    for same in (2, 4):  # strength 0
        np.testing.assert_array_equal(made[:, same], made[:, 1])
    told = y.copy()
    told[:, 1], told[:, 2] = 1, -1  # bald, so no hair
    z = model.encode(made[:, 0], y)
    np.testing.assert_array_equal(made[:, 3], model.decode(z, posterior=True, y=told))


def test_images_of_ones_own_are_edited_with_a_table_of_what_they_have(tmp_path):
    assert main(["sample", "faces", "-n", "3", "--out", str(tmp_path / "own")]) == 0
    table = tmp_path / "own.csv"
    rows = "".join(f"0000{i}.png,{i % 2},0,1\n" for i in range(3))
    table.write_text("file,Smiling,Bald,Black_Hair\n" + rows)
    out = ["--out", str(tmp_path / "edits.png")]
    own = ["edit", "faces", "--input", str(tmp_path / "own")]
    assert main([*own, "--attributes", str(table), *out]) == 0
    for command in ("reconstruct", "interpolate"):
        known = ["--input", str(tmp_path / "own"), "--attributes", str(table)]
        assert main([command, "faces", *known, "--out", str(tmp_path / f"{command}.png")]) == 0


def test_icgan_edits_images_whose_attributes_nobody_told(tmp_path):
    model = idvae.load("untold")
    kept = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), np.uint8)
    for i, image in enumerate(kept):
        (tmp_path / "faces").mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / "faces" / f"{i}.png")
    out = tmp_path / "edits.npz"
    command = ["edit", "untold", "--input", str(tmp_path / "faces"), "-n", "5", "--set", "Bald=1"]
    assert main([*command, "--out", str(out)]) == 0
    with np.load(out) as file:
        made = file["edits"]
    found = model.attributes(kept)
    assert found.shape == (5, 3)
    assert found.std(0).min() > 0  # it looked
    np.testing.assert_array_equal(made[:, 0], kept)
    np.testing.assert_array_equal(made[:, 1], model.reconstruct(kept))
    asked = model.condition.changed(found, {"Bald": True})
    np.testing.assert_array_equal(made[:, 2], model.edit(kept, None, asked))
    # G is that of the first run, and E_z is not told y.
    codes = model.encode(kept)
    np.testing.assert_array_equal(codes, model.encode(kept, -found))
    np.testing.assert_array_equal(made[:, 2], idvae.load("g").decode(codes, y=asked))


def test_icgan_is_judged_by_the_truth_but_edits_what_it_found():
    model = idvae.load("untold")
    kept = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8)
    y = np.array([[1, -1, -1], [1, 1, -1], [-1, -1, 1], [-1, 1, 1]], np.float32)
    told = y.copy()
    told[:, 1] *= -1
    wanted = model.attributes(kept)
    wanted[:, 1] = told[:, 1]
    edit = judge._untold(model)
    np.testing.assert_array_equal(edit(kept, y, told), model.edit(kept, None, wanted))
    np.testing.assert_array_equal(edit(kept, y, y), model.reconstruct(kept))


def test_what_is_set_clears_what_it_excludes_whatever_was_found():
    """As in `idvae edit`, also where the first was found to have what the truth has not."""
    seen = []

    class Wrong:
        condition = Condition(
            "attributes",
            ("Bald", "Black", "Smile", "Mustache", "Shaved"),
            (group(("Bald", "Black")), group({"Mustache": 1, "Shaved": 0})),
        )

        def attributes(self, images):
            return np.float32([[-0.9, 0.95, 0.3, 0.6, -0.7]])

        def edit(self, images, found, told):
            seen.append(told)

    edit, y = judge._untold(Wrong()), np.float32([[-1, -1, 1, -1, 1]])
    for name in ("Bald", "Smile", "Mustache", "Shaved"):
        edit(None, y, Wrong.condition.turned(y, name))
    expected = [
        [1, -1, 0.3, 0.6, -0.7],  # no black hair
        [-0.9, 0.95, -1, 0.6, -0.7],  # the hair stays as it was found
        [-0.9, 0.95, 0.3, 1, 1],  # no beard
        [-0.9, 0.95, 0.3, -1, -1],  # a beard, so no mustache
    ]
    np.testing.assert_allclose(np.concatenate(seen), expected)


def test_a_set_without_test_images_is_not_judged_but_scored(monkeypatch, tmp_path, capsys):
    class Few:
        """The set of a run, all of whose images went to other splits."""

        def __init__(self, data):
            self.data = data

        def __getattr__(self, name):
            return getattr(self.data, name)

        def split(self, name):
            return self.data.split("train") if name != "test" else ()

    found = start.data_of
    monkeypatch.setattr(start, "data_of", lambda run: Few(found(run)))
    assert main(["judge", "faces", "--overwrite"]) == 2
    assert "has no test images, by which idvae judge measures" in capsys.readouterr().err
    out = tmp_path / "scores.json"
    small = ["--experts", "lite0@32", "-n", "20", "--reference-n", "30", "--repeats", "1"]
    assert main(["evaluate", "faces", *small, "--no-true-data", "--out", str(out)]) == 0
    scores = Scores.load(out)
    assert scores.reconstruction is None
    assert any("no reconstructions" in warning for warning in scores.warnings)


def test_judge_writes_a_table_of_what_it_found(monkeypatch, tmp_path):
    monkeypatch.setenv("IDVAE_CACHE", str(tmp_path))
    small = ["-n", "10", "--repeats", "2", "--classifier-steps", "3", "--expert", "lite0@32"]
    for run, heads in (("faces", "classifier|generated|edited|others kept|identity"), ("gan", "")):
        assert main(["judge", run, *small]) == 0
        text = Path(run, "conditions.md").read_text()
        assert all(head in text for head in heads.split("|"))
        assert text.count("\n| ") == len(idvae.load(run).condition.names) + 1
        assert "generated: 10 images a row and sample set; ± over 2 sets, step" in text
    assert main(["judge", "gan", *small]) == 2


def test_a_conditional_run_is_scored(tmp_path):
    out = str(tmp_path / "scores.json")
    small = ["--experts", "lite0@32", "-n", "20", "--reference-n", "30", "--repeats", "1"]
    assert main(["evaluate", "classes", *small, "--no-true-data", "--out", out]) == 0


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["sample", "plain", "--condition", "3"], "was trained without a condition"),
        (["sample", "classes", "--condition", "12"], "class 12 is out of range"),
        (["sample", "faces", "--condition", "Bold"], "'Bold'; did you mean Bald"),
        (["sample", "faces", "--condition", "Bald,Black_Hair"], "exclude each other"),
        (["edit", "plain"], "was trained without a condition"),
        (["edit", "faces", "--set", "Bald,Black_Hair"], "exclude each other"),
        (["edit", "faces", "--strength", "much"], "numbers joined by commas"),
        (["edit", "faces", "--strength", "100"], "out of range"),
        (["edit", "gan", "--set", "3"], "has no encoder"),
        (["edit", "classes", "--input", "."], "has to be told the classes of its images"),
        (["edit", "faces", "--attributes", "x.csv"], "pass both"),
        (["reconstruct", "faces", "--input", "."], "needs to know what the images"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(command, words, tmp_path, capsys):
    out = tmp_path / "out.png"
    assert main([*command, "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["digits-16", "--condition", "Smiling"], "it has classes: --condition labels"),
        (["faces", "--condition", "Smilling"], "did you mean Smiling"),
        (["faces", "--condition", "labels"], "has no classes"),
        (["digits-16", "--mismatch", "1"], "--mismatch needs a --condition"),
    ],
)
def test_a_condition_that_the_data_lack_is_told_before_training(asked, words, capsys):
    assert main(["train", "idvae", "--data", *asked, "--out", "never", *TINY]) == 2
    assert words in capsys.readouterr().err
    assert not Path("never").exists()


def test_the_attribute_classifier_answers_by_what_was_asked():
    """One that sees brightness, and images that are bright where the first attribute is set."""
    condition = idvae.load("faces").condition

    class Expert:
        def __call__(self, images):
            bright = images.reshape(len(images), -1).mean(1) / 127.5 - 1
            logits = np.stack([bright, -np.ones(len(images)), bright], 1).astype(np.float32)
            features = np.stack([bright + 2, np.ones(len(images))], 1).astype(np.float32)
            return type("Output", (), {"logits": logits, "features": features})

    def draw(y, seed=0):
        return np.where(y[:, :1, None, None] > 0, 255, 0).astype(np.uint8).repeat(3, 1)[..., None]

    classifier = attribute_classifier.AttributeClassifier(Expert(), "attributes")

    def drawn(n, seed):
        return np.tile(np.float32([-1, -1, -1]), (n, 1))

    made = attribute_classifier.generated(classifier, draw, condition, drawn, 10, 2)
    assert [made[name].mean for name in condition.names] == [1.0, 0.5, 0.5]
    assert made["Smiling"].values == (1.0, 1.0)
    y = drawn(10, 0)
    edits, scale = attribute_classifier.edited(
        classifier, lambda x, y, to: draw(to), condition, draw(y), y, Expert(), parts=5
    )
    assert [edits[name].changed.mean for name in condition.names] == [1.0, 0.0, 0.0]
    # Brightness turns Smiling and, in this classifier's eyes, Black_Hair with it; Bald stays.
    assert edits["Smiling"].kept.mean == 0.5
    assert edits["Bald"].kept.mean == 1.0
    assert edits["Bald"].identity.mean == 0.0
    expected = np.square(np.float64([3, 1]) / 10**0.5 - np.float64([1, 1]) / 2**0.5).sum()
    assert edits["Smiling"].identity.mean == pytest.approx(expected, rel=1e-6)
    assert scale["reconstructions"] == 0.0


def test_who_was_trained_on_edits_among_samples_decodes_them_so():
    """Their statistics are those of samples; an edit of nothing is still the reconstruction."""
    command = ["--condition", "Smiling,Bald", "--edits", "0.5", *TINY]
    assert main(["train", "idvae", "--data", "faces", "--out", "edits", *command]) == 0
    model, faces = idvae.load("edits"), data.open_set("faces")
    for name, statistics in model.method.dec.named_buffers():
        if name.endswith("running_mean"):  # after four steps they hardly differ
            statistics += torch.tensor([[4.0], [-4.0]])
    test, rows = faces.split("test"), np.arange(6)
    images, y = test.gather(rows), model.condition.rows(faces, test, rows)
    told = model.condition.turned(y, "Smiling")
    told[4:] = y[4:]
    made, z = model.edit(images, y, told), model.encode(images, y)
    np.testing.assert_array_equal(made[:4], model.decode(z, y=told)[:4])
    np.testing.assert_array_equal(made[4:], model.reconstruct(images, y)[4:])
    assert np.abs(made[:4] / 1.0 - model.decode(z, posterior=True, y=told)[:4]).max() > 1


def test_an_image_that_is_of_the_class_already_counts_as_no_edit():
    condition = Condition("labels", ("dark", "bright"))

    class Expert:
        """Its features are of the parts of an image."""

        def __call__(self, images):
            bright = images.reshape(len(images), -1).mean(1, keepdims=True) > 127
            logits = np.concatenate([~bright, bright], 1).astype(np.float32)
            features = np.stack([1.0 + bright, 3.0 - bright], 1).astype(np.float32)
            return type("Output", (), {"logits": logits, "features": features})

    y = np.eye(2, dtype=np.float32)[[0] * 8 + [1] * 2]
    images = (y[:, 1] * 255).astype(np.uint8).reshape(-1, 1, 1, 1)
    classifier = attribute_classifier.AttributeClassifier(Expert(), "labels")

    def judged(edit, y=y):
        return attribute_classifier.edited(classifier, edit, condition, images, y, Expert())

    idle, _ = judged(lambda x, y, to: x)
    assert [(one.changed.mean, one.n) for one in idle.values()] == [(0.0, 2), (0.0, 8)]
    assert [one.identity.mean for one in idle.values()] == [0.0, 0.0]
    done, _ = judged(lambda x, y, to: (to[:, 1] * 255).astype(np.uint8).reshape(-1, 1, 1, 1))
    assert [one.changed.mean for one in done.values()] == [1.0, 1.0]
    dark, bright = np.float64([1, 3]) / 10**0.5, np.float64([2, 2]) / 8**0.5
    assert done["dark"].identity.mean == pytest.approx(np.square(dark - bright).sum(), rel=1e-6)
    assert list(judged(lambda x, y, to: x, np.eye(2, dtype=np.float32)[[0] * 10])[0]) == ["bright"]

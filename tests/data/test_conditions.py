"""Conditions: y of real images, what a user asks for, and what excludes what."""

import numpy as np
import pytest

from idvae import data
from idvae.data.conditions import Condition
from idvae.data.exclusion import group
from idvae.errors import UserError

HAIR = group(("Bald", "Black_Hair", "Blond_Hair"))
FACES = Condition("attributes", ("Bald", "Black_Hair", "Blond_Hair", "Smiling"), (HAIR,))
BEARDS = Condition("attributes", ("Mustache", "No_Beard"), (group({"Mustache": 1, "No_Beard": 0}),))
SHOES = Condition("labels", ("Sandal", "Sneaker", "Boot"))


@pytest.fixture(scope="module")
def avatars(data_root):
    return data.prepare("avatars", size=16, n=30, set_name="avatars-conditions")


@pytest.fixture(scope="module")
def digits(data_root):
    return data.prepare("digits", size=16, n=60, set_name="digits-conditions")


def test_labels_are_one_hot(digits):
    condition = Condition.of(digits, "labels")
    assert condition.names == tuple("0123456789")
    split = digits.split("train")
    y = condition.rows(digits, split, [3, 0, 5])
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y.argmax(1), split.labels([3, 0, 5]))
    np.testing.assert_array_equal(np.sort(y, 1)[:, -2:], [[0, 1]] * 3)


def test_attributes_are_plus_and_minus_one_in_the_order_asked(avatars):
    condition = Condition.of(avatars, "Smiling,Black_Hair,Bald")
    assert condition.names == ("Smiling", "Black_Hair", "Bald")
    assert condition.groups == ((("Bald", True), ("Black_Hair", True)),)
    split = avatars.split("train")
    y = condition.rows(avatars, split, np.arange(10))
    for column, name in enumerate(condition.names):
        has = split.attributes(np.arange(10))[:, avatars.attribute_names.index(name)]
        np.testing.assert_array_equal(y[:, column], np.where(has, 1, -1))


def test_the_main_attributes_are_the_thirteen_of_celeba(avatars):
    condition = Condition.of(avatars, "attributes")
    assert condition.width == 13
    assert (("Mustache", True), ("No_Beard", False)) in condition.groups
    assert {"Bald", "Eyeglasses", "Smiling", "Wearing_Hat"} <= set(condition.names)
    assert Condition.of(avatars, "skin_color=PALE").names == ("skin_color=PALE",)


def test_a_config_brings_it_back():
    assert FACES.config()["groups"] == [["Bald", "Black_Hair", "Blond_Hair"]]
    assert BEARDS.config()["groups"] == [{"Mustache": 1, "No_Beard": 0}]
    for condition in (FACES, BEARDS, SHOES):
        assert Condition.from_config(condition.config()) == condition
    assert Condition.from_config(None) is None


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("Smilling", "no attribute 'Smilling'; did you mean Smiling"),
        ("Smiling,Smiling", "names an attribute twice"),
        (",", "names no attribute; there are Bald, "),
        ("", "names no attribute; there are Bald, "),  # as of a shell's variable that is not set
        ("labels", "has no classes"),
    ],
)
def test_what_a_set_has_not_is_told(avatars, asked, words):
    with pytest.raises(UserError, match=words):
        Condition.of(avatars, asked)


def test_a_set_with_classes_alone_says_so(digits):
    with pytest.raises(UserError, match="has no attributes; it has classes: --condition labels"):
        Condition.of(digits, "Smiling")


@pytest.mark.parametrize(
    ("condition", "text", "asked"),
    [
        (SHOES, "Sneaker", {"Sneaker": True}),
        (SHOES, "2", {"Boot": True}),
        (FACES, "Smiling", {"Smiling": True}),
        (FACES, " Smiling = 0 , Bald=1", {"Smiling": False, "Bald": True}),
        (Condition("attributes", ("a=b", "c")), "a=b,c=0", {"a=b": True, "c": False}),
        (Condition("attributes", ("a=b", "c")), "a=b=0", {"a=b": False}),
        (Condition("labels", ("7", "1")), "1", {"1": True}),
    ],
)
def test_what_is_asked_is_understood(condition, text, asked):
    assert condition.parse(text) == asked


@pytest.mark.parametrize(
    ("condition", "text", "words"),
    [
        (SHOES, "Sneeker", "'Sneeker'; did you mean Sneaker"),
        (SHOES, "3", "class 3 is out of range; classes are 0 to 2"),
        (SHOES, "Sandal,Boot", "Sandal and Boot exclude each other"),
        (FACES, "Eyeglasses", "was not trained with 'Eyeglasses'"),
        (FACES, "Bald,Blond_Hair", "Bald and Blond_Hair exclude each other"),
        (BEARDS, "Mustache,No_Beard=0", "Mustache and No_Beard=0 exclude each other"),
        (FACES, "Smiling=2", "an attribute is set by =1 and cleared by =0"),
        (FACES, "Smiling=1,Smiling=0", "both sets and clears Smiling"),
        (FACES, "", "say which condition"),
    ],
)
def test_what_cannot_be_is_told(condition, text, words):
    with pytest.raises(UserError, match=words):
        condition.parse(text)


def test_a_class_may_have_any_name():
    condition = Condition("labels", ("a=b", "c=0"))
    assert condition.parse("a=b") == {"a=b": True}
    assert condition.parse("c=0") == {"c=0": True}
    with pytest.raises(UserError, match="'²'"):
        condition.parse("²")


def test_a_change_takes_what_it_excludes_away_and_leaves_the_rest():
    y = np.array([[1, -1, -1, 1], [-1, -1, 1, -1]], np.float32)
    kept = y.copy()
    blond = FACES.changed(y, FACES.parse("Black_Hair"))
    np.testing.assert_array_equal(blond, [[-1, 1, -1, 1], [-1, 1, -1, -1]])
    np.testing.assert_array_equal(y, kept)
    none = FACES.changed(y, FACES.parse("Blond_Hair=0"))
    np.testing.assert_array_equal(none, [[1, -1, -1, 1], [-1, -1, -1, -1]])
    np.testing.assert_array_equal(SHOES.changed(np.eye(3)[:2], {"Boot": True}), [[0, 0, 1]] * 2)


@pytest.mark.parametrize(
    ("condition", "asked", "words"),
    [
        (FACES, {"Bald": True, "Black_Hair": True}, "Bald and Black_Hair exclude each other"),
        (FACES, {"Bald": "0"}, "Bald is asked for by True .* not '0'"),
        (FACES, {"Beard": True}, "not trained with 'Beard'"),
        (SHOES, {"Boot": False}, "of one class"),
        (SHOES, {}, "of one class"),
        (SHOES, {"Boot": True, "Sandal": True}, "exclude each other"),
    ],
)
def test_what_cannot_be_made_of_a_condition_is_told(condition, asked, words):
    with pytest.raises(UserError, match=words):
        condition.changed(-np.ones((2, condition.width)), asked)


def test_conditions_of_another_shape_are_told():
    for y in (np.ones(4), np.ones((2, 5)), None):
        with pytest.raises(UserError, match="have the shape"):
            FACES.turned(y, "Bald")
    with pytest.raises(UserError, match="asked for by text"):
        FACES.parse(None)


def test_what_is_cleared_can_exclude_too():
    shaved, beard, moustache = np.float32([[-1, 1], [-1, -1], [1, 1]])
    every = np.stack([shaved, beard, moustache])
    turned = {name: BEARDS.turned(every, name) for name in BEARDS.names}
    np.testing.assert_array_equal(turned["Mustache"], [moustache, moustache, shaved])
    np.testing.assert_array_equal(turned["No_Beard"], [beard, shaved, beard])
    assert BEARDS.excluded_by("Mustache") == (("No_Beard", False),)
    assert BEARDS.excluded_by("No_Beard") == ()
    assert BEARDS.excluded_by("No_Beard", False) == (("Mustache", True),)
    assert BEARDS.bound_to("No_Beard") == ("Mustache",)
    assert FACES.bound_to("Smiling") == ()
    assert FACES.bound_to("Black_Hair") == ("Bald", "Blond_Hair")
    assert SHOES.bound_to("Boot") == ("Sandal", "Sneaker")


def test_turning_sets_what_is_not_and_clears_what_is():
    y = np.array([[1, -1, -1, 1], [-1, -1, 1, -1]], np.float32)
    turned = FACES.turned(y, "Bald")
    np.testing.assert_array_equal(turned, [[-1, -1, -1, 1], [1, -1, -1, -1]])


@pytest.mark.parametrize("label", [-1, 10])
def test_a_label_beyond_the_classes_is_told(digits, label):
    class Damaged:
        def labels(self, indices):
            return np.array([3, label])

    condition = Condition.of(digits, "labels")
    with pytest.raises(UserError, match="a label is no class, of which it has 10"):
        condition.rows(digits, Damaged(), [0, 1])

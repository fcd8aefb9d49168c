"""scores.json: what a stranger may have written in its place is told, not shown."""

import json

import pytest

from idvae.errors import UserError
from idvae.evaluate.scores import Scores
from report.made import scored


def changed(*path, to):
    """A good scores.json, as JSON, with one place changed."""
    scores = scored("one", (1.0, 2.0), error=3.0, step=5)
    content = json.loads(json.dumps({"format": 1, **vars(scores)}, default=vars))
    at = content
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = to
    return json.dumps(content)


TEXTS = {
    "nested": "[" * 100_000,
    "no object": "[]",
    "text for a number": changed("row", "a", "fd", "mean", to="12"),
    "no mean": changed("row", "a", "fd", "mean", to=None),
    "no values": changed("row", "a", "fd", "values", to=[]),
    "infinite": changed("row", "a", "fd", "sd", to=float("inf")),
    "too large": changed("true_data", "a", "fd", "mean", to=10**400),
    "error without a mean": changed("reconstruction", "values", "squared_error", to={}),
    "NaN": changed("reconstruction", "values", "squared_error", "mean", to=float("nan")),
    "no facts of errors": changed("reconstruction", "facts", to={}),
    "no name": changed("name", to=None),
    "no facts": changed("facts", to=[]),
    "no step": changed("about", "step", to="5"),
    "a name of two lines": changed("name", to="one\ntwo"),
    "no error": changed("reconstruction", "values", "squared_error", "mean", to=None),
    "a deviation below 0": changed(
        "reconstruction", "values", "squared_error", "standard_error", to=-1.0
    ),
    "no warnings": changed("warnings", to=None),
    "real images without a name": changed("about", "reference", to=3),
    "no experts": changed("facts", "experts", to=["lite0"]),
    "no number of images": changed("facts", "n", to="many"),
}


def test_it_is_read_as_it_was_written(tmp_path):
    scores = scored("one", (1.0, 2.0), error=3.0, step=5)
    scores.save(tmp_path / "scores.json")
    assert Scores.load(tmp_path / "scores.json") == scores


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_what_is_none_is_told(tmp_path, text):
    (tmp_path / "scores.json").write_text(text)
    with pytest.raises(UserError, match=r"is no scores\.json of idvae evaluate"):
        Scores.load(tmp_path / "scores.json")


def test_it_is_bounded_before_it_is_read(tmp_path):
    with (tmp_path / "scores.json").open("wb") as file:
        file.truncate(1 << 40)  # sparse
    with pytest.raises(UserError, match="larger than"):
        Scores.load(tmp_path / "scores.json")

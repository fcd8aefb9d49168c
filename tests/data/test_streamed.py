"""Sets of the Hugging Face hub by streaming; here from folders, which its package streams alike."""

import numpy as np
import pytest
from PIL import Image

from idvae import data
from idvae.data import hub, streamed
from idvae.errors import UserError


@pytest.fixture(autouse=True)
def own_root(tmp_path, monkeypatch):
    monkeypatch.setenv("IDVAE_DATA", str(tmp_path / "sets"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


class Rows:
    """What the package gives, as far as it is used; test_the_package_itself holds it to that."""

    class Image:
        pass

    class ClassLabel:
        names = ["cat", "dog"]

    def __init__(self, n, first=0):
        self.features = {"label": self.ClassLabel(), "image": self.Image()}
        self.first, self.n = first, n
        self.info, self.split = type("Info", (), {"splits": None}), "train"

    def __iter__(self):
        import io

        for i in range(self.first, self.first + self.n):
            out = io.BytesIO()
            Image.new("RGB", (24, 20), (i, 0, 0)).save(out, "PNG")
            yield {"label": i % 2, "image": {"bytes": out.getvalue(), "path": None}}


@pytest.fixture
def streams(monkeypatch):
    def give(**found):
        monkeypatch.setattr(hub, "stream", lambda address: found)
        monkeypatch.setattr(hub, "undecoded", lambda rows, image: rows)

    return give


def without_classes(rows):
    yield from ({**row, "label": -1} for row in Rows.__iter__(rows))


def values(made, split):
    rows = made.split(split)
    return rows.gather(range(len(rows)))[:, 3, 3, 0].tolist()


def test_splits_of_the_set_are_kept(streams):
    streams(train=Rows(30), valid=Rows(4, 30), test=Rows(5, 34))
    made = data.prepare("hub", source="them/pets", size=16)
    assert made.name == "pets-16"
    assert made.counts == {"train": 30, "validation": 4, "test": 5}
    assert [values(made, s) for s in made.counts] == [
        list(range(30)), list(range(30, 34)), list(range(34, 39)),
    ]  # fmt: skip
    assert made.classes == ["cat", "dog"]
    assert made.split("test").labels(range(5)).tolist() == [0, 1, 0, 1, 0]
    assert made.meta["asked"]["files"] == "them/pets"


def test_a_set_without_splits_is_split_by_the_order(streams):
    streams(train=Rows(100))
    made = data.prepare("hub", source="them/pets", size=16, n=40)
    assert values(made, "train") == [i for i in range(40) if i % 10 < 8]
    assert values(made, "validation") == [8, 18, 28, 38]
    assert values(made, "test") == [9, 19, 29, 39]
    assert made.split("test").labels(range(4)).tolist() == [1, 1, 1, 1]


def test_sets_that_cannot_be_used_are_told(streams):
    streams(test=Rows(5))
    with pytest.raises(UserError, match="has no split train, but test"):
        data.prepare("hub", source="them/pets")
    rows = Rows(5)
    rows.features = {"text": object()}
    streams(train=rows)
    with pytest.raises(UserError, match="has no column of images, but text"):
        data.prepare("hub", source="them/pets")
    streams(train=Rows(5), test=Rows(5))
    with pytest.raises(UserError, match="does not say how many images it has"):
        data.prepare("hub", source="them/pets", n=3)
    unlabelled = Rows(5, 34)
    unlabelled.__class__ = type("Unlabelled", (Rows,), {"__iter__": without_classes})
    streams(train=Rows(30), test=unlabelled)
    with pytest.raises(UserError, match=r"test 0 has the class -1, which is none"):
        data.prepare("hub", source="them/pets", size=16)
    with pytest.raises(UserError, match="hub needs --source"):
        data.prepare("hub")


def test_the_package_itself(tmp_path):
    pytest.importorskip("datasets", reason="the extra hub-data is not installed")
    for split, n in [("train", 6), ("test", 3)]:
        for i in range(n):
            folder = tmp_path / "pets" / split / ("cat", "dog")[i % 2]
            folder.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (24, 24), (10 * i, 0, 0)).save(folder / f"{i}.png")
    made = data.prepare("hub", source=tmp_path / "pets", size=16)
    assert made.counts == {"train": 6, "validation": 0, "test": 3}
    assert made.classes == ["cat", "dog"]
    assert sorted(values(made, "train")) == [0, 10, 20, 30, 40, 50]
    np.testing.assert_array_equal(
        made.split("test").labels(range(3)), [(v // 10) % 2 for v in values(made, "test")]
    )
    assert streamed.name == "hub"

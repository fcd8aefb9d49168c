"""Seeds: independent streams of one seed, and which seeds are taken, everywhere alike."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

import idvae
from idvae import data, seeds
from idvae.cli import main
from idvae.data.source import by_class, by_index
from idvae.errors import UserError
from idvae.evaluate.battery import evaluate
from idvae.evaluate.metrics.frechet import frechet_infinity
from idvae.evaluate.metrics.kernel import kernel_distance
from idvae.evaluate.sources.drawn import Sampler
from idvae.training.settings import TrainConfig

BAD = ["-1", "99999999999999999999", str(2**63)]
WORD = some.integers(0, 2**32 - 1)
PLACES = some.tuples(WORD, some.integers(0, 7), WORD)


@given(some.sets(PLACES, min_size=2, max_size=50))
def test_no_two_places_share_a_seed(places):
    found = {seeds.seed_for(*place) for place in places}
    assert len(found) == len(places)
    assert all(0 <= seed <= seeds.MOST for seed in found)
    assert found == {seeds.seed_for(*place) for place in places}


def test_a_seed_of_two_words_is_not_a_small_one_at_another_place():
    high, low = seeds.seed_for(6 * 2**32, 6, 0), seeds.seed_for(0, 6, 6)
    assert high != low
    assert seeds.seed_for(6 * 2**32, 1) != seeds.seed_for(0, 6, 1)
    found = {seeds.seed_for(2**32 + s, t, p) for s in range(9) for t in range(9) for p in range(9)}
    assert len(found) == 9**3


def test_seeds_that_lie_beside_each_other_share_no_draw():
    def seeds_of(seed):
        seen = []
        sampler = Sampler(lambda n, own: seen.append(own) or np.zeros((n, 8, 8, 3), np.uint8))
        for part in range(5):
            list(sampler.draw(2, part, seed))
        return seen

    one, other = seeds_of(0), seeds_of(1)
    assert len({*one, *other}) == 10
    assert one == seeds_of(0)
    np.random.RandomState(max(one))  # also a generator that takes 32 bits


@given(some.integers(0, seeds.MOST))
def test_a_seed_that_fits_is_taken(seed):
    assert seeds.checked_seed(seed) == seed
    assert seeds.checked_seed(np.int64(seed)) == seed


@pytest.mark.parametrize("seed", [-1, 2**63, 10**20, 1.0, "1", None, True])
def test_any_other_is_refused_by_every_function(seed):
    features = np.random.default_rng(0).standard_normal((40, 3))
    with pytest.raises(UserError, match="is out of range"):
        TrainConfig(seed=seed).check(())
    with pytest.raises(UserError, match="is out of range"):
        data.prepare("digits", seed=seed)
    with pytest.raises(UserError, match="is out of range"):
        evaluate(np.zeros((4, 8, 8, 3), np.uint8), None, seed=seed)
    with pytest.raises(UserError, match="is out of range"):
        frechet_infinity(features, features, seed=seed)
    with pytest.raises(UserError, match="is out of range"):
        kernel_distance(features, features, seed=seed)


@pytest.mark.parametrize("seed", BAD)
@pytest.mark.parametrize(
    "command",
    [
        ["train", "vae", "--data", "digits-16", "--out", "RUN"],
        ["sample", "RUN", "--out", "RUN.png"],
        ["evaluate", "RUN"],
        ["data", "prepare", "digits", "--name", "other"],
        ["experts", "train", "digits-16"],
    ],
)
def test_every_command_says_so_in_one_line(command, seed, tmp_path, capsys):
    data.prepare("digits", size=16)
    capsys.readouterr()
    command = [part.replace("RUN", str(tmp_path / "run")) for part in command]
    assert main([*command, f"--seed={seed}"]) == 2
    told = capsys.readouterr().err
    assert f"{seed} is out of range; it is a whole number from 0 to 2**63 - 1" in told
    assert told.count("\n") == 1


def test_a_text_is_no_seed(capsys):
    assert main(["data", "prepare", "digits", "--seed", "first"]) == 2
    assert "argument --seed: invalid seed value: 'first'" in capsys.readouterr().err


def test_the_largest_seed_trains_and_samples(tmp_path):
    data.prepare("gaussians-ring", n=200)
    options = {"steps": 2, "batch_size": 8, "width": 8, "grid_every": 0, "threads": 1}
    run = idvae.train("vae", "gaussians-ring", tmp_path / "run", seed=seeds.MOST, **options)
    model = idvae.load(run.path)
    assert model.sample(3, seed=seeds.MOST).shape == (3, 2)
    for seed in (-1, 2**63):
        with pytest.raises(UserError, match="out of range"):
            model.sample(3, seed=seed)


# ----------------------------------------------------------------------------------------- splits

LABELS = some.lists(some.integers(0, 5), min_size=1, max_size=300).map(np.array)


@given(some.one_of(some.integers(1, 500).map(by_index), LABELS.map(by_class)))
def test_splits_are_disjoint_and_complete(splits):
    assert list(splits) == ["train", "validation", "test"]
    rows = np.concatenate(list(splits.values()))
    assert sorted(rows) == list(range(len(rows)))
    assert all((np.diff(part) > 0).all() for part in splits.values())


@given(LABELS)
def test_each_class_is_split_alike(labels):
    splits = by_class(labels)
    for label, n in zip(*np.unique(labels, return_counts=True), strict=True):
        counts = {name: int((labels[rows] == label).sum()) for name, rows in splits.items()}
        assert (counts["validation"], counts["test"]) == ((n + 1) // 10, n // 10)
    again = by_class(labels)
    assert all((again[name] == rows).all() for name, rows in splits.items())

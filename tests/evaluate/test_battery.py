import json

import numpy as np
import pytest
import torch

from evaluate.toys import ToySet, eyes, images, pooled, toy
from idvae import data
from idvae.errors import UserError
from idvae.evaluate import battery, cache, features, reference
from idvae.evaluate.battery import evaluate
from idvae.evaluate.experts.own import CallableExpert
from idvae.evaluate.features import collect
from idvae.evaluate.metrics import neighbours
from idvae.evaluate.metrics.frechet import frechet_distance
from idvae.evaluate.metrics.inception_score import inception_score
from idvae.evaluate.metrics.kernel import kernel_distance
from idvae.evaluate.metrics.neighbours import neighbourhoods
from idvae.evaluate.metrics.sliced import monge_distance
from idvae.evaluate.metrics.statistics import Statistics
from idvae.evaluate.scores import Scores, check_comparable
from idvae.evaluate.sources.drawn import seed_of_set
from idvae.evaluate.sources.images import open_images

REAL = ToySet(images(500, seed=1), images(200, seed=2))


def scored(reference=REAL, **changes):
    options = {"experts": [toy(), pooled()], "n": 100, "repeats": 3}
    return evaluate(
        lambda n, seed: images(n, 100 + seed, level=150), reference, **options | changes
    )


def test_every_metric_of_every_expert_is_that_of_its_own_function():
    found = scored(metrics=(*battery.DEFAULT_METRICS, "mind"))
    reference = REAL.split("train").rows
    for expert in (toy(), pooled()):
        real = expert(reference).features
        seeds = [seed_of_set(0, part) for part in range(3)]
        sets = [expert(images(100, 100 + seed, level=150)) for seed in seeds]
        expected = {
            "fd": [frechet_distance(d.features, real) for d in sets],
            "kid": [
                kernel_distance(real, d.features, subsets=1, subset_size=100).value for d in sets
            ],
        }
        expected["mind"] = [monge_distance(d.features, real) for d in sets]
        near = [neighbourhoods(real, d.features) for d in sets]
        for name in ("precision", "recall", "density", "coverage"):
            expected[name] = [getattr(one, name) for one in near]
        if sets[0].logits is not None:
            expected["is"] = [inception_score(d.logits)[0] for d in sets]
        row = found.row[expert.name]
        assert set(row) == set(expected)
        for name, values in expected.items():
            assert row[name].values == pytest.approx(values, rel=1e-9)
            assert row[name].mean == pytest.approx(np.mean(values))
            assert row[name].sd == pytest.approx(np.std(values, ddof=1))


def test_the_real_data_baseline_is_low_and_disjoint_from_the_reference():
    found = scored()
    for expert in ("toy", "pooled"):
        assert found.true_data[expert]["fd"].mean < 0.3 * found.row[expert]["fd"].mean
        assert len(found.true_data[expert]["fd"].values) == 2  # 200 held-out images
    everything = ToySet(images(100, seed=3), images(0))
    source, pool = reference._real_sides(everything, 50_000, 30, 0, None)
    assert source.count == 70
    assert not set(source.within) & set(pool.within)


THREE = ToySet(images(300, 1), images(200, 2), "three-16", images(120, 4, level=150))


def test_a_split_is_the_real_side_and_training_images_its_baseline():
    found = scored(reference=THREE, split="validation", experts=[toy()])
    real = toy()(THREE.split("validation").rows).features
    sets = [toy()(images(100, 100 + seed_of_set(0, p), level=150)).features for p in range(3)]
    expected = [frechet_distance(drawn, real) for drawn in sets]
    assert found.row["toy"]["fd"].values == pytest.approx(expected, rel=1e-9)
    assert found.facts["reference"]["split"] == "validation"
    assert found.facts["reference"]["n"] == 120
    baseline = [
        frechet_distance(toy()(np.concatenate(list(part))).features, real)
        for part in ([*open_images(THREE.split("train").rows).draw(100, p, 0)] for p in range(3))
    ]
    assert found.true_data["toy"]["fd"].values == pytest.approx(baseline, rel=1e-9)
    assert scored(reference=THREE, split="validation", n=None, experts=[toy()]).facts["n"] == 120


def test_splits_are_kept_apart_in_the_cache_and_in_comparisons(own_cache):
    """Splits of one length and one set, and the usual reference: all training images."""
    rows = images(200, 1)
    alike = ToySet(rows, rows, "alike-16", rows)
    found = [
        scored(reference=alike, split=split, experts=[toy()], n=100)
        for split in (None, "train", "validation", "test")
    ]
    checksums = {scores.facts["reference"]["checksum"] for scores in found}
    assert len(checksums) == 4
    assert len(list((own_cache / "statistics").glob("*.scores.json"))) == 4  # baselines
    assert "split" not in found[0].facts["reference"]
    for other in found[1:]:
        with pytest.raises(UserError, match=r"reference\.split"):
            check_comparable([found[0], other])


@pytest.mark.parametrize(
    ("real", "split", "words"),
    [
        (images(50), "test", "a split is of a prepared set"),
        (REAL, "validation", "toys-16 has no validation split"),
        (REAL, "held-out", "unknown split 'held-out'"),
    ],
)
def test_a_split_that_is_not_there_is_told(real, split, words):
    with pytest.raises(UserError, match=words):
        evaluate(images(50), real, experts=[toy()], split=split)


def test_true_data_from_elsewhere_and_none_at_all():
    reference = images(500, seed=1)
    assert scored(experts=[toy()], true_data=False).true_data == {}
    given = evaluate(images(100), reference, experts=[toy()], n=100, true_data=images(100, 7))
    assert given.true_data["toy"]["fd"].sd is None
    without = evaluate(images(100), reference, experts=[toy()], n=100)
    assert without.true_data == {}
    with pytest.raises(UserError, match="baseline is the reference itself"):
        evaluate(images(100), reference, experts=[toy()], n=100, true_data=reference)
    others = evaluate(images(100), reference, experts=[toy()], n=100, true_data=images(100, 8))
    with pytest.raises(UserError, match=r"the real-data baselines of .* are of different images"):
        check_comparable([given, others])
    check_comparable([given, others], ignore=["true_data", "versions.torch", "metrics"])
    with pytest.raises(UserError, match="--ignore version: there is no such fact; there are data"):
        check_comparable([given, others], ignore=["true_data", "version"])
    check_comparable([given, without])
    assert any("no real-data baseline" in w for w in without.warnings)


@pytest.mark.parametrize("kind", ["sampler", "iterable"])
def test_the_baseline_of_images_without_a_checksum_is_of_these_images(kind, own_cache):
    def found(level):
        def draw(n, seed):
            return images(n, 30 + seed % 7, level=level)

        real = draw if kind == "sampler" else iter([draw(100, 0)])
        return scored(images(300, seed=1), experts=[toy()], repeats=1, true_data=real).true_data

    near, far = found(128), found(40)
    assert far["toy"]["fd"].mean > 2 * near["toy"]["fd"].mean
    assert list((own_cache / "statistics").glob("*.scores.json")) == []


@pytest.mark.parametrize("kind", ["sampler", "iterable"])
def test_scores_against_other_images_that_stream_are_not_compared(kind):
    def found(seed, first=50):
        pixels = images(200, seed)

        def draw(n, seed):
            return pixels[:n]

        streams = {"sampler": draw, "iterable": iter([pixels[:first], pixels[first:]])}
        return scored(streams[kind], experts=[toy()], repeats=1, reference_n=200)

    check_comparable([found(1), found(1, first=90)])
    with pytest.raises(UserError, match=r"reference\.checksum"):
        check_comparable([found(1), found(2)])


def test_each_image_is_read_once_for_all_experts():
    calls = []

    def draw(n, seed):
        calls.append(seed)
        return images(n, seed)

    evaluate(draw, REAL, experts=[toy(), toy("other"), pooled()], n=80, repeats=2, seed=5)
    assert calls == [seed_of_set(5, 0), seed_of_set(5, 1)]


def test_scores_do_not_depend_on_how_images_arrive(monkeypatch):
    pixels = images(300, seed=9, level=140)
    whole = evaluate(pixels, REAL, experts=[pooled()], n=300)
    pieces = iter([pixels[:1], pixels[1:50], pixels[50:]])
    streamed = evaluate(pieces, REAL, experts=[pooled()], n=300)
    assert streamed.row == whole.row
    monkeypatch.setattr("idvae.evaluate.sources.source.CHUNK", 17)
    assert evaluate(pixels, REAL, experts=[pooled()], n=300).row == whole.row
    order = np.random.default_rng(0).permutation(300)
    shuffled = evaluate(pixels[order], REAL, experts=[pooled()], n=300)
    for metric in ("fd", "precision", "recall", "density", "coverage", "is"):
        assert shuffled.row["pooled"][metric].mean == pytest.approx(
            whole.row["pooled"][metric].mean, rel=1e-9
        )


def test_more_images_than_rows_are_kept_leave_the_distance_as_it_is(monkeypatch):
    for module in (features, battery, reference):
        monkeypatch.setattr(module, "KEEP", 120)
    pixels = images(300, seed=9)
    few = collect(open_images(pixels), [pooled()], 300, keep=120)["pooled"]
    assert few.rows.shape == (120, 27)
    assert few.statistics.rows is None
    other = pooled()(images(400, 1)).features
    expected = frechet_distance(pooled()(pixels).features, other)
    assert frechet_distance(few.statistics, other) == pytest.approx(expected, rel=1e-8)


def test_reference_features_are_cached_by_content(own_cache, monkeypatch):
    first = scored()
    kept = sorted((own_cache / "statistics").glob("*.npz"))
    assert len(kept) == 2
    facts = json.loads(kept[0].with_suffix(".json").read_text())
    assert facts["images"]
    assert facts["n"] == 500
    with np.load(kept[0]) as arrays:
        assert {"mu", "sigma", "factor", "n"} <= set(arrays.files)
    seen = []
    for module in (battery, reference):
        monkeypatch.setattr(module, "collect", lambda *a, **k: seen.append(1) or collect(*a, **k))
    again = scored()
    assert again.row == first.row
    assert again.true_data == first.true_data
    assert len(seen) == 3  # the sample sets alone
    with monkeypatch.context() as patch:  # another release may decode or compute otherwise
        patch.setattr(cache, "version", lambda name: "9.9")
        scored()
    assert len(seen) == 3 + 3 + 2 + 1  # also of the baseline and of the reference
    renamed = ToySet(images(500, seed=8), images(200, seed=2))
    renamed.checksum = "other content, same name"
    evaluate(lambda n, seed: images(n, seed), renamed, experts=[toy()], n=100, repeats=1)
    assert len(sorted((own_cache / "statistics").glob("*.npz"))) == 2 + 2 + 1


def test_balls_of_real_images_are_found_once(own_cache, monkeypatch):
    points = images(60).reshape(60, -1).astype(np.float32)
    first = cache.balls(points, 5)
    with monkeypatch.context() as patched:
        patched.setattr(neighbours, "_blocks", lambda *sides: pytest.fail("found again"))
        again = cache.balls(points, 5)
    assert torch.equal(again.squared_radii, neighbours.Balls(points, 5).squared_radii)
    assert torch.equal(again.squared_radii, first.squared_radii)
    for changed, k in ((points[::-1], 5), (points, 4)):  # of other points, or of other balls
        assert torch.equal(
            cache.balls(changed, k).squared_radii, neighbours.Balls(changed.copy(), k).squared_radii
        )


def test_a_damaged_cache_is_made_anew(own_cache):
    first = scored()
    for path in (own_cache / "statistics").iterdir():
        path.write_bytes(path.read_bytes()[:100])
    again = scored()
    assert (again.row, again.true_data) == (first.row, first.true_data)


def test_features_of_a_choice_of_images_are_kept_with_its_rule(own_cache):
    """Another version may choose others with the same seed; all of them are all of them."""

    def kept():
        return [json.loads(f.read_text()) for f in (own_cache / "statistics").glob("*.json")]

    few = [toy()]
    evaluate(images(60), images(300, seed=1), experts=few, n=50, reference_n=300, repeats=1)
    assert [facts.get("choice") for facts in kept()] == [None]
    evaluate(images(60), images(300, seed=1), experts=few, n=50, reference_n=100, repeats=1)
    rules = {facts["n"]: facts.get("choice") for facts in kept()}
    assert rules[300] is None
    assert rules[100].startswith("SeedSequence")


def test_scores_survive_their_file(tmp_path):
    found = scored(name="ours")
    found.save(tmp_path / "scores.json")
    assert Scores.load(tmp_path / "scores.json") == found
    facts = json.loads((tmp_path / "scores.json").read_text())["facts"]
    assert facts["n"] == 100
    assert facts["seed"] == 0
    assert facts["seeding"].startswith("SeedSequence")
    assert facts["reference"]["n"] == 500
    assert facts["reference"]["checksum"]
    assert set(facts["versions"]) == {"idvae", "torch", "numpy", "pillow"}
    assert {"weights", "resolution", "resize", "width"} <= set(facts["experts"]["toy"])


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"n": 90}, "n: 100 and 90"),
        ({"seed": 3}, "seed: 0 and 3"),
        ({"reference_n": 300}, "reference.n: 500 and 300"),
        ({"experts": [toy(), pooled(size=8)]}, "experts.pooled.resolution: 16 and 8"),
        ({"experts": [toy(), pooled("x")]}, "experts.x.width: nothing and 27"),
        ({"experts": [toy(function=lambda x: 2 * toy()(x).features), pooled()]}, "weights"),
    ],
)
def test_scores_whose_facts_differ_are_not_compared(changes, fact):
    with pytest.raises(UserError, match=fact):
        check_comparable([scored(), scored(name="other", **changes)])


def test_facts_may_be_ignored_by_name():
    check_comparable([scored(), scored(seed=3)], ignore=["seed", "reference.checksum"])


def test_statistics_of_other_tools_are_a_reference(tmp_path):
    real = pooled()(images(400, 1)).features
    np.savez(tmp_path / "theirs.npz", mu=real.mean(0, np.float64), sigma=np.cov(real.T))
    found = evaluate(images(200), tmp_path / "theirs.npz", experts=[pooled()], n=200)
    expected = frechet_distance(pooled()(images(200)).features, real)
    assert set(found.row["pooled"]) == {"fd", "is"}
    assert found.row["pooled"]["fd"].mean == pytest.approx(expected, rel=1e-6)
    assert any("moments alone" in w for w in found.warnings)
    with pytest.raises(UserError, match="exactly one"):
        evaluate(images(20), tmp_path / "theirs.npz", experts=[pooled(), toy()], n=20)
    with pytest.raises(UserError, match="width 27, and toy has 12"):
        evaluate(images(20), tmp_path / "theirs.npz", experts=[toy()], n=20)


def test_few_images_are_told_with_the_rank():
    found = scored(n=10, repeats=1)
    assert any("rank 9 at most" in w for w in found.warnings)
    four = scored(n=4, repeats=1)
    assert "precision" not in four.row["toy"]
    assert any("need more than 5 images" in w for w in four.warnings)


def test_an_expert_that_gives_nothing_of_what_was_asked_is_told():
    """The Inception Score is of logits, and `toy` has none."""
    found = scored(metrics=("is",))
    told = [w for w in found.warnings if "none of is can be had of it" in w]
    assert [w.partition(":")[0] for w in told] == [e for e, row in found.row.items() if not row]
    assert found.row[toy().name] == {}
    assert len(told) == 1
    assert not [w for w in scored().warnings if "can be had of it" in w]


@pytest.mark.parametrize(
    ("what", "changes", "words"),
    [
        (images(1), {"n": None}, "has 1 images"),
        (images(50), {"n": 60}, "fewer than the 60"),
        (np.full((9, 8, 8, 3), np.nan), {}, "NaN"),
        (np.zeros((9, 8, 8, 3)), {}, "--range"),
        (images(50), {"metrics": ["fdx"]}, "unknown metric 'fdx'"),
        (images(50), {"repeats": 0}, "repeats"),
        (images(50), {"experts": []}, "at least one expert"),
        (images(50), {"experts": [toy(), toy()]}, "named twice"),
        (images(50), {"experts": ["lite9"]}, "unknown expert 'lite9'"),
        (images(50), {"weights": {"frd": "x"}}, "frd is not among the experts"),
        (images(50), {"experts": [np.mean]}, "a function goes into a CallableExpert"),
        (images(50), {"experts": None}, "at least one expert"),
        (images(50), {"metrics": None}, "unknown metric ''"),
        (images(50), {"n": "9"}, "n '9' is no whole number of at least 2"),
        (images(50), {"repeats": 1.5}, "repeats 1.5 is no whole number"),
        (images(50), {"reference_n": None}, "reference_n None is no whole number"),
        (images(50), {"name": "a\nb"}, "is no name for tables"),
        (images(50), {"name": 3}, "3 is no name for tables"),
        (images(50), {"device": "foo"}, "the device 'foo' is not there"),
        (images(50), {"value_range": (0, float("nan"))}, "no black and white"),
        (images(50), {"value_range": "0,1"}, "no black and white"),
        (images(50), {"value_range": (1, 1)}, "no black and white"),
        (object(), {}, "such as the sample of a model, not from a object"),
    ],
)
def test_mistakes_are_told(what, changes, words):
    options = {"experts": [toy()], "n": 9, **changes}
    with pytest.raises(UserError, match=words):
        evaluate(what, REAL, **options)


def test_a_run_is_no_folder_of_images(tmp_path):
    (tmp_path / "config.yaml").write_text("method: vae\n")
    for pair in ((tmp_path, REAL), (images(50), tmp_path)):
        with pytest.raises(UserError, match=r"is a run, and no images; .*idvae.load\("):
            evaluate(*pair, experts=[toy()], n=9)


def test_numbers_of_numpy_names_in_one_text_and_a_set_by_its_name(tmp_path, data_root):
    digits = data.prepare("digits", n=np.int64(90), size=np.int64(16))
    assert digits.meta["asked"]["n"] == 90
    found = scored(
        reference=digits.name, n=np.int64(9), reference_n=np.int64(60), repeats=np.int64(2),
        metrics="fd, kid",
    )  # fmt: skip
    assert set(found.row[toy().name]) == {"fd", "kid"}
    assert found.facts["reference"]["n"] == 60
    assert found.about["reference"].startswith(digits.name)
    found.save(tmp_path / "scores.json")
    assert Scores.load(tmp_path / "scores.json").row == found.row


def test_one_range_of_floats_is_one_fact():
    floats = images(120) / 255.0
    told = [scored(reference=floats, value_range=of).facts for of in ((0, 1), (0.0, 1.0), [0, 1])]
    assert told[0] == told[1] == told[2]


def test_an_expert_that_writes_into_its_images_spoils_no_other():
    def blank(images):
        images[:] = 0
        return np.zeros((len(images), 2), np.float32)

    alone = scored().row[toy().name]
    beside = scored(experts=[CallableExpert("blank", blank, 2), toy()])
    assert beside.row[toy().name] == alone


def test_logits_that_are_not_finite_are_told():
    class Broken(CallableExpert):
        def __call__(self, images):
            output = super().__call__(images)
            return output._replace(logits=np.full((len(images), 3), np.nan, np.float32))

    with pytest.raises(UserError, match="logits that are not finite"):
        evaluate(images(50), REAL, experts=[Broken("toy", eyes, 12)], n=9)


def test_moments_keep_their_number_in_the_file(tmp_path):
    Statistics.of(pooled()(images(400, 1)).features, keep=0).save(tmp_path / "ours.npz")
    found = evaluate(images(200), tmp_path / "ours.npz", experts=[pooled()], n=200)
    assert found.facts["reference"]["n"] == 400

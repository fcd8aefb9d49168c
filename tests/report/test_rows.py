"""Which runs are one row, what it is called, and what its deviation is over."""

import pytest

from idvae.errors import UserError
from idvae.report.rows import Entry, open_entry, rows_of
from report.made import entry, scored


def test_seeds_of_one_training_are_one_row_of_means(tmp_path):
    sets = [(1.0, 3.0), (3.0, 5.0), (8.0, 10.0)]  # means 2, 4, 9
    made = [
        entry(tmp_path / f"r{seed}", seed=seed, fds=fds, error=10.0 + seed)
        for seed, fds in reversed(list(enumerate(sets)))
    ]
    (row,) = rows_of(made)
    assert (row.name, row.seeds, row.over_seeds, row.spread) == (
        "IDVAE",
        (0, 1, 2),
        True,
        "3 seeds",
    )
    found = row.scores.row["a"]["fd"]
    assert found.values == (2.0, 4.0, 9.0)
    assert found.mean == 5.0
    assert found.sd == pytest.approx(13**0.5)  # (9 + 1 + 16) / 2
    error = row.scores.reconstruction["values"]["squared_error"]
    assert error == {"mean": 11.0, "sd": 1.0, "values": [10.0, 11.0, 12.0]}


def test_one_run_keeps_its_deviation_over_sample_sets(tmp_path):
    (row,) = rows_of([entry(tmp_path / "r", fds=(1.0, 3.0), error=7.0)])
    assert (row.over_seeds, row.spread) == (False, "2 sample sets")
    assert row.scores.row["a"]["fd"].sd == pytest.approx(2**0.5)
    error = row.scores.reconstruction["values"]["squared_error"]
    assert error == {"mean": 7.0, "standard_error": 0.5}


def test_rows_of_a_method_are_told_apart_by_what_differs(tmp_path):
    made = [
        entry(tmp_path / "1", omega=1.0),
        entry(tmp_path / "2", omega=2.0, device="cuda", log_every=7),
        entry(tmp_path / "3", omega=2.0, seed=1),
        entry(tmp_path / "4", "vae"),
        Entry(scored("others.npz", (4.0,))),
    ]
    rows = rows_of(made)
    assert [row.name for row in rows] == [
        "IDVAE (omega 1.0)",
        "IDVAE (omega 2.0)",
        "VAE",
        "others.npz",
    ]
    assert [len(row.runs) for row in rows] == [1, 2, 1, 0]
    assert [row.method for row in rows] == ["idvae", "idvae", "vae", None]


def test_an_option_that_is_not_set_may_be_absent(tmp_path):
    made = [entry(tmp_path / "a", condition=None), entry(tmp_path / "b", seed=1)]
    assert [row.seeds for row in rows_of(made)] == [(0, 1)]


def test_an_option_that_is_absent_has_its_default(tmp_path):
    """α-GAN's λ of the decoder: None takes the other λ, 0 has no reconstruction in its loss."""
    made = [
        entry(tmp_path / "absent", "alpha-gan"),
        entry(tmp_path / "none", "alpha-gan", seed=1, lambda_dec=None),
        entry(tmp_path / "zero", "alpha-gan", lambda_dec=0.0),
        entry(tmp_path / "default", "alpha-gan", seed=2, **{"lambda": 10.0}),
    ]
    rows = rows_of(made)
    assert [row.seeds for row in rows] == [(0, 1, 2), (0,)]
    assert [row.name for row in rows] == ["α-GAN (lambda_dec None)", "α-GAN (lambda_dec 0.0)"]


@pytest.mark.parametrize(
    "path", ["x/seed1/dae-seed{}", "x/dae-{}", "x/v1/{}", "x1/dae-seed{}/run0", "x/dae-seed{}-1"]
)
def test_seeds_that_start_from_runs_of_their_own_seeds_are_one_row(path, tmp_path):
    made = [
        entry(tmp_path / str(s), "rfgan", seed=s, pretrained=path.format(s)) for s in (0, 2, 10)
    ]
    assert [(row.name, row.seeds) for row in rows_of(made)] == [("RFGAN", (0, 2, 10))]
    wider = [
        entry(tmp_path / f"w{s}", "rfgan", seed=s, pretrained=f"x/wide-seed{s}") for s in (0, 2)
    ]
    assert [row.seeds for row in rows_of([*made, *wider])] == [(0, 2, 10), (0, 2)]
    assert rows_of([*made, *wider])[1].name == "RFGAN (pretrained x/wide-seed{seed})"


def test_seeds_that_start_from_one_run_are_one_row(tmp_path):
    made = [entry(tmp_path / f"{s}", "rfgan", s, pretrained="x/dae-seed1") for s in (0, 1, 2)]
    other = entry(tmp_path / "other", "rfgan", 0, pretrained="x/dae-seed2")
    rows = rows_of([*made, other])
    assert [row.seeds for row in rows] == [(0, 1, 2), (0,)]
    assert rows[1].name == "RFGAN (pretrained x/dae-seed2)"


def test_a_metric_that_a_seed_lacks_is_left_out(tmp_path):
    a, b = entry(tmp_path / "a"), entry(tmp_path / "b", seed=1)
    del b.scores.row["b"]
    (row,) = rows_of([a, b])
    assert row.scores.row["b"] == {}


def test_what_cannot_be_compared_is_refused(tmp_path):
    a, same = entry(tmp_path / "a"), entry(tmp_path / "same")
    with pytest.raises(UserError, match="same are the same training, IDVAE with seed 0"):
        rows_of([a, same])
    elsewhere = entry(tmp_path / "elsewhere", "vae", checksum="xyz")
    with pytest.raises(UserError, match="other data: set-abc and set-xyz"):
        rows_of([a, elsewhere])
    assert [row.name for row in rows_of([a, elsewhere], ["data"])] == ["IDVAE", "VAE"]
    other = entry(tmp_path / "other", seed=1)
    other.scores.facts = {"n": 2}
    with pytest.raises(UserError, match="n: 1 and 2"):
        rows_of([a, other])
    assert len(rows_of([a, other], ["n"])) == 1
    with pytest.raises(UserError, match="nothing to compare"):
        rows_of([])


def test_seeds_that_reconstructed_different_images_are_refused(tmp_path):
    a, b = (entry(tmp_path / str(s), seed=s, error=1.0) for s in (0, 1))
    b.scores.reconstruction["facts"]["indices"] = "y"
    with pytest.raises(UserError, match=r"different test images \(indices\)"):
        rows_of([a, b])


def test_seeds_scored_at_different_steps_are_refused(tmp_path):
    old = entry(tmp_path / "old", seed=0, step=60)
    made = [entry(tmp_path / "a", seed=1, step=100), old, entry(tmp_path / "b", seed=2)]
    with pytest.raises(UserError, match="IDVAE, and were scored at steps 60 and 100; sco") as told:
        rows_of(made)
    assert f"idvae evaluate {old.run.path} --step 100 --overwrite" in str(told.value)
    assert "\n" not in str(told.value)
    (old.run.path / "checkpoints" / "60").mkdir(parents=True)  # the newest that it has
    with pytest.raises(UserError, match=r"train it on \(idvae train --resume .*old\) and score"):
        rows_of(made)
    (row,) = rows_of([made[0], made[2]])  # older scores do not say of which step they are
    assert (row.step, row.newest) == (100, 100)
    assert rows_of([made[2]])[0].step is None


def test_a_step_that_no_evaluation_writes_is_told(tmp_path):
    entry(tmp_path / "r", step="last")
    with pytest.raises(UserError, match="the step is no number"):
        open_entry(tmp_path / "r")


def test_one_method_on_two_sets_is_two_rows(tmp_path):
    made = [entry(tmp_path / c, checksum=c) for c in ("abc", "xyz")]
    names = [row.name for row in rows_of(made, ["data"])]
    assert names == ["IDVAE (data set-abc)", "IDVAE (data set-xyz)"]


def test_sets_of_one_name_are_told_apart_by_their_checksums(tmp_path):
    made = [entry(tmp_path / c, checksum=c) for c in ("abc", "0123456789")]
    for one in made:
        one.run.config["data"]["name"] = "set"
    names = [row.name for row in rows_of(made, ["data"])]
    assert names == ["IDVAE (data set abc)", "IDVAE (data set 01234567)"]


def test_a_run_is_found_by_its_folder_and_by_its_scores(tmp_path):
    entry(tmp_path / "r")
    for place in (tmp_path / "r", tmp_path / "r" / "scores.json"):
        scores, run = open_entry(place)
        assert (scores.name, run.path) == ("r", tmp_path / "r")
    scored("x", (1.0,)).save(tmp_path / "x.json")
    assert open_entry(tmp_path / "x.json")[1] is None
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="was not scored yet; run: idvae evaluate"):
        open_entry(tmp_path / "empty")

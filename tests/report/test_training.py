"""Parameters, multiply-adds and minutes of rows, and what is said of them."""

import pytest

from idvae.errors import UserError
from idvae.report.rows import Entry, rows_of
from idvae.report.training import (
    Training,
    images,
    macs_of_steps,
    remarks,
    training_of,
    with_unit,
)
from report.made import entry, scored


def test_the_cost_is_steps_times_batch_times_the_count(tmp_path):
    (row,) = rows_of([entry(tmp_path / "r")])
    # 600 images at 10 a second, 400 at 40.
    assert training_of(row) == Training(1500, 100 * 10 * 2_000_000, pytest.approx(70 / 60))
    (other,) = rows_of([Entry(scored("x", (1.0,)))])
    assert training_of(other) == Training()


def test_a_run_of_several_processes_cost_what_all_of_them_did(tmp_path):
    (one,) = rows_of([entry(tmp_path / "one", processes=1)])
    (old,) = rows_of([entry(tmp_path / "old")])  # of a version that did not note it
    (two,) = rows_of([entry(tmp_path / "two", processes=2)])
    assert training_of(one) == training_of(old) == Training(1500, 2e9, pytest.approx(70 / 60))
    # Each has a batch of its own: twice the images in all, and in the seconds of each line.
    assert training_of(two).macs == 2 * training_of(one).macs
    assert training_of(two).minutes == pytest.approx(4 * 70 / 60)
    told = remarks(rows_of([entry(tmp_path / "a"), entry(tmp_path / "b", "vae", processes=2)]))
    # Of an older version, which gave each a batch of its own.
    assert told == [
        "Not the same in all rows: batch_size (IDVAE 10, VAE 20).",
        "Not the same in all rows: batch_parts (IDVAE 1, VAE 2).",
    ]


def test_each_step_counts_by_the_processes_that_made_it(tmp_path):
    made = entry(tmp_path / "r", processes=1)
    made.run.change_processes(60, 4)
    assert [made.run.processes(step) for step in (0, 60, 61, 100)] == [1, 1, 4, 4]
    assert training_of(rows_of([made])[0]) == Training(
        1500,
        (60 + 4 * 40) * 10 * 2_000_000,
        # 600 images at 10 a second by one; 1,600 at 40 a second by four.
        pytest.approx((60 + 4 * 40) / 60),
    )
    made.run.change_processes(60, 4)  # gone on with once more
    made.run.change_processes(80, 2)
    assert made.run.config["processes_until"] == {60: 1, 80: 4}
    assert images(made.run, 0, 100) == (60 + 4 * 20 + 2 * 20) * 10
    assert images(made.run, 70, 90) == (4 * 10 + 2 * 10) * 10


@pytest.mark.parametrize(
    "wrong",
    [{"processes": 0}, {"processes": "2"}, {"processes_until": [1]}, {"processes_until": {"a": 2}}],
)
def test_processes_that_no_training_notes_are_told(wrong, tmp_path):
    made = entry(tmp_path / "r")
    made.run.config.update(wrong)
    with pytest.raises(UserError, match=r"config\.yaml is damaged: processes"):
        rows_of([made])


def test_runs_of_other_processes_are_not_seeds_of_one_row(tmp_path):
    made = [entry(tmp_path / str(n), seed=n, processes=n) for n in (1, 2)]
    assert [row.name for row in rows_of(made)] == [
        "IDVAE (batch_parts 1, batch_size 10)", "IDVAE (batch_parts 2, batch_size 20)"
    ]  # fmt: skip


def entries_of_processes(tmp_path, *counts, kind="images", **options):
    """Runs of one batch that one, two … processes share, each of another seed."""
    made = [entry(tmp_path / f"{kind}-{n}", seed=n, processes=n, **options) for n in counts]
    for one in made:
        one.run.config |= {"batch_of_all": True, "data": {**one.run.config["data"], "kind": kind}}
    return made


def test_a_batch_that_processes_share_is_the_same_however_many_they_are(tmp_path):
    one, two = entries_of_processes(tmp_path, 1, 2, sync_norm=True)
    assert images(one.run, 0, 100) == images(two.run, 0, 100) == 1000
    (row,) = rows_of([one, two])
    assert row.seeds == (1, 2)
    assert training_of(row).macs == 2e9
    # 60 images at 10 a second and 40 steps at 40, of one process and of two at once.
    assert training_of(row).minutes == pytest.approx((70 + 2 * 70) / 2 / 60)


def test_without_sync_norm_it_is_normalised_in_parts_which_points_are_not(tmp_path):
    rows = rows_of(entries_of_processes(tmp_path, 1, 2))
    assert [row.name for row in rows] == ["IDVAE (batch_parts 1)", "IDVAE (batch_parts 2)"]
    assert len(rows_of(entries_of_processes(tmp_path, 1, 2, kind="points"))) == 1


def test_processes_that_changed_without_sync_norm_are_told(tmp_path):
    one, changed = entries_of_processes(tmp_path, 1, 2)
    changed.run.change_processes(60, 4)
    names = [row.name for row in rows_of([one, changed])]
    assert names == ["IDVAE (batch_parts 1)", "IDVAE (batch_parts 2 until step 60, 4)"]


def test_early_steps_are_counted_for_themselves(tmp_path):
    """Of the 100 steps of eight images each, as many as there are."""
    run = entry(tmp_path / "r").run
    plain = macs_of_steps(run, 100)
    run.config |= {"early_steps": 30, "early_macs": 500_000}
    assert plain - macs_of_steps(run, 100) == 30 * 1_500_000 * run.batch(1)
    assert macs_of_steps(run, 20) == 20 * 500_000 * run.batch(1)


def test_what_a_run_does_not_say_is_not_made_up(tmp_path):
    made = [entry(tmp_path / str(s), seed=s) for s in (0, 1)]
    del made[1].run.config["step_macs"]
    made[1].run.metrics_file.unlink()
    (row,) = rows_of(made)
    assert training_of(row) == Training(1500, None, None)


def test_a_training_that_stopped_is_told_and_costs_what_it_did(tmp_path):
    (row,) = rows_of([entry(tmp_path / "r", steps=400)])
    assert training_of(row).macs == 100 * 10 * 2_000_000
    assert remarks([row]) == ["r (IDVAE) stopped at step 100 of 400."]


def test_scores_of_an_earlier_step_are_told_and_cost_what_it_did(tmp_path):
    made = entry(tmp_path / "r", step=80)
    (row,) = rows_of([made])
    # 600 images at 10 a second, 200 of the next 400 at 40.
    assert training_of(row) == Training(1500, 80 * 10 * 2_000_000, pytest.approx(65 / 60))
    told = "IDVAE was scored at step 80 of 100: what training took is told up to step 80, and"
    assert remarks([row]) == [f"{told} pictures are of the newest."]
    for step in (60, 80):
        (made.run.path / "checkpoints" / str(step)).mkdir(parents=True)
    assert remarks([row]) == []  # the line of metrics after it is of no weights that are left
    assert remarks(rows_of([entry(tmp_path / "new", step=100)])) == []


def test_a_first_phase_that_is_not_counted_is_told(tmp_path):
    made = [entry(tmp_path / "a", "rfgan", pretrained="x/dae-seed0"), entry(tmp_path / "b", "vae")]
    told = "RFGAN: multiply-adds and minutes leave out the training of its first phase."
    assert remarks(rows_of(made)) == [told]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (2e9, "0.002 T"),
        (3e5, "3e-07 T"),
        (1.234e12, "1.23 T"),
        (45.67e12, "45.7 T"),
        (999e12, "999 T"),
        (1.5e15, "1.50 P"),
        (2345e15, "2345 P"),
    ],
)
def test_multiply_adds_have_a_unit(count, text):
    assert with_unit(count) == text


def test_the_parameters_that_idvae_saves_are_told(tmp_path):
    idvae = entry(tmp_path / "a", "idvae", parameters={"shared": 600, "dec": 300})
    rival = entry(tmp_path / "b", "vae-gan", parameters={"trunk": 600, "dis": 600, "dec": 300})
    (told,) = remarks(rows_of([idvae, rival]))
    assert told == (
        "IDVAE has no separate discriminator: 600 parameters fewer than VAE-GAN (40% of 1,500)."
    )
    assert remarks(rows_of([idvae])) == []
    wider = entry(tmp_path / "c", "vae-gan", width=64)
    (told,) = remarks(rows_of([idvae, wider]))
    assert told == "Not the same in all rows: width (IDVAE 32, VAE-GAN 64)."

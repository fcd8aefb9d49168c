"""Parameters, multiply-adds and minutes of rows, and what is said of them."""

import pytest

from idvae.report.rows import Entry, rows_of
from idvae.report.training import Training, remarks, training_of, with_unit
from report.made import entry, scored


def test_the_cost_is_steps_times_batch_times_the_count(tmp_path):
    (row,) = rows_of([entry(tmp_path / "r")])
    # 600 images at 10 a second, 400 at 40.
    assert training_of(row) == Training(1500, 100 * 10 * 2_000_000, pytest.approx(70 / 60))
    (other,) = rows_of([Entry(scored("x", (1.0,)))])
    assert training_of(other) == Training()


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

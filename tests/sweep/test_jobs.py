"""The runs that a plan means, what is left to do for each, and which runs are not the plan's."""

import pytest
import yaml

from idvae import data
from idvae.cli import main
from idvae.errors import UserError
from idvae.sweep.jobs import jobs
from idvae.sweep.plan import Plan
from sweep.small import OPTIONS, steps_of, sweep


def test_its_commands_bring_a_job_to_its_end_wherever_they_run(plan, tmp_path):
    """All that a launcher needs: it may run them by processes, by a cluster, or as here."""
    out = tmp_path / "out"
    scoring = {"perceptual": True, "repeats": 1, "no_true_data": False}
    for steps in (3, 5):
        asked = plan(options={**OPTIONS, "steps": steps}, evaluate=scoring)
        (job,) = jobs(Plan.read(asked), out)
        assert job.left == "train"
        assert ("--resume" in job.command("cpu", 1)) == (steps == 5)
        assert main(job.command("cpu", 1)[3:]) == 0
        assert steps_of(job.path) == job.reached == steps
        assert job.left == "evaluate"
    assert job.command("cpu", 1)[3:] == [
        "evaluate", str(job.path), "--perceptual", "--repeats", "1"
    ]  # fmt: skip
    (job.path / "scores.json").write_text("{}")
    assert (job.left, job.command("cpu", 1)) == (None, [])


def test_a_run_made_with_other_options_is_not_taken_for_this_one(plan, tmp_path):
    out = tmp_path / "out"
    sweep(plan(), out)
    with pytest.raises(UserError, match="vae-seed0 was made with other lr than the plan's"):
        jobs(Plan.read(plan(options={**OPTIONS, "lr": 0.5})), out)
    data.prepare("gaussians-ring", n=300, overwrite=True)
    with pytest.raises(UserError, match="made with other data"):
        jobs(Plan.read(plan()), out)


def test_an_option_of_none_is_not_one_of_0(plan, tmp_path):
    out = tmp_path / "out"
    none, zero = ({"alpha-gan": {"lambda_dec": value}} for value in (None, 0.0))
    sweep(plan(methods=none), out)
    with pytest.raises(UserError, match="was made with other lambda_dec than the plan's"):
        jobs(Plan.read(plan(methods=zero)), out)
    config = out / "gaussians-ring" / "alpha-gan-seed0" / "config.yaml"
    older = yaml.safe_load(config.read_text())
    for name in ("lambda_dec", "clip"):  # as a version wrote it that did not have them
        del older["options"][name]
    config.write_text(yaml.safe_dump(older))
    assert len(jobs(Plan.read(plan(methods=none)), out)) == 1
    with pytest.raises(UserError, match="other lambda_dec"):
        jobs(Plan.read(plan(methods=zero)), out)


def test_the_fair_preset_is_one_for_all(plan):
    data.prepare("digits", size=16, n=60)
    file = plan(methods=["vae", "gan", "idvae"], data=["digits-16"], config="fair", options=None)
    made = jobs(Plan.read(file), file.parent)
    assert len({str(job.settings.networks) for job in made}) == 1
    assert len({str(job.settings.train) for job in made}) == 1
    assert made[0].settings.train.lr_final == 0.1

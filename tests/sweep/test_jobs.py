"""The runs that a plan means, what is left to do for each, and which runs are not the plan's."""

import json
import shutil

import pytest
import yaml

from idvae import data
from idvae.cli import evaluate, judge, main
from idvae.errors import UserError
from idvae.evaluate.scores import Scores
from idvae.sweep.jobs import jobs
from idvae.sweep.plan import Plan
from idvae.training.run import Run
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
    with pytest.raises(UserError, match="is at step 3, beyond the plan's 2"):
        jobs(Plan.read(plan(options={**OPTIONS, "steps": 2})), out)
    data.prepare("gaussians-ring", n=300, overwrite=True)
    with pytest.raises(UserError, match="made with other data"):
        jobs(Plan.read(plan()), out)


def test_a_run_of_another_method_is_not_taken_for_this_one(plan, tmp_path):
    """Even where all options that the two have in common are the same."""
    out = tmp_path / "out"
    sweep(plan(methods={"mine": {"method": "vae"}}), out)
    with pytest.raises(UserError, match="mine-seed0 was made by vae, not by the plan's gan"):
        jobs(Plan.read(plan(methods={"mine": {"method": "gan"}})), out)


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


def test_a_budget_is_spent_in_multiply_adds_not_in_steps(plan, tmp_path):
    """By what each run itself says of a step, and never beyond."""
    options = {key: value for key, value in OPTIONS.items() if key != "steps"}
    methods = {"vae": None, "gan": {"batch_size": 16}, "alpha-gan": None}
    budget = 3 * 8 * 333_320 + 1.0  # of an α-GAN at width 4, z 3 three steps, and a little more
    asked = {"methods": methods, "options": {**options, "width": 4, "z_dim": 3}, "seeds": [0, 1]}
    file = plan(**asked, budget=budget)
    made = jobs(Plan.read(file), tmp_path / "out")
    steps = {job.path.name: job.steps for job in made}
    assert steps["vae-seed0"] == steps["vae-seed1"] > steps["gan-seed0"] > steps["alpha-gan-seed0"]
    (short,) = (job for job in made if job.path.name == "alpha-gan-seed0")
    assert main(short.command("cpu", 1)[3:]) == 0
    config = Run.open(short.path).config
    assert (config["options"]["steps"], config["step_macs"]) == (3, 333_320)
    least = jobs(Plan.read(plan(**asked, budget=1)), tmp_path / "least")
    assert {job.steps for job in least} == {1}


def test_a_recipes_steps_give_way_to_a_budget(plan, tmp_path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(yaml.safe_dump(OPTIONS))
    file = plan(config=str(recipe), options=None, budget=1)
    assert [job.steps for job in jobs(Plan.read(file), tmp_path / "out")] == [1]


def test_a_larger_budget_asks_for_more_steps_of_the_same_runs(plan, tmp_path):
    out = tmp_path / "out"
    options = {**OPTIONS, "lr_final": 0.1}
    del options["steps"]
    (job,) = jobs(Plan.read(plan(options=options, budget=1e5)), out)
    assert main(job.command("cpu", 1)[3:]) == 0
    (more,) = jobs(Plan.read(plan(options=options, budget=2e5)), out)
    assert (more.left, more.path) == ("train", job.path)
    assert more.steps > job.steps
    assert main(more.command("cpu", 1)[3:]) == 0
    assert (steps_of(job.path), more.left) == (more.steps, None)
    assert Run.open(job.path).config["options"]["lr_steps"] == job.steps


def test_the_steps_of_a_conditional_run_are_those_of_its_own_networks(plan, tmp_path):
    data.prepare("digits", size=16, n=60)
    asked = {"data": ["digits-16"], "config": "fair", "budget": 1e9}
    own = {"width": 4, "batch_size": 8}
    plain, told = (
        jobs(Plan.read(plan(**asked, options=options)), tmp_path / "out")[0].steps
        for options in (own, {**own, "condition": "labels"})
    )
    assert told < plain


def test_scores_of_fewer_steps_are_made_again(plan, tmp_path):
    """A plan with more steps, or a larger budget, would else compare what has gone."""
    out = tmp_path / "out"
    (job,) = jobs(Plan.read(plan(evaluate={"split": "validation"})), out)
    assert main(job.command("cpu", 1)[3:]) == 0
    assert job.scores == job.path / "scores-validation.json"
    Scores("x", {}, {}, about={"step": 3}).save(job.scores)
    assert job.left is None
    longer = plan(options={**OPTIONS, "steps": 5}, evaluate={"split": "validation"})
    (job,) = jobs(Plan.read(longer), out)
    assert main(job.command("cpu", 1)[3:]) == 0
    assert job.left == "evaluate"
    assert job.command("cpu", 1)[3:] == [
        "evaluate", str(job.path), "--split", "validation", "--overwrite"
    ]  # fmt: skip
    Scores("x", {}, {}).save(job.scores)  # as a version wrote them that did not note the step
    assert job.left is None


def test_scores_of_other_flags_are_told_and_left_alone(plan, tmp_path, capsys):
    """Someone may have scored the run by hand, by more experts than the plan has."""
    out, flags = tmp_path / "out", {"n": 20, "experts": "wavelet"}
    (job,) = jobs(Plan.read(plan(evaluate=flags)), out)
    assert main(job.command("cpu", 1)[3:]) == 0
    parsed = evaluate.parser().parse_args(["x", "-n", "20", "--experts", "wavelet"])
    about = {"step": 3, "asked": evaluate.asked_of(parsed)}
    Scores("x", {}, {}, about=about).save(job.scores)
    assert main(["sweep", str(plan(evaluate=flags)), "--out", str(out)]) == 0
    assert "warning" not in capsys.readouterr().err
    before = job.scores.read_bytes()
    changed = plan(evaluate={"n": 30, "experts": "wavelet", "repeats": 2})
    assert main(["sweep", str(changed), "--out", str(out)]) == 0
    told = capsys.readouterr().err
    assert "vae-seed0: scored before with another n, repeats than the plan has" in told
    assert job.scores.read_bytes() == before


def test_a_conditional_run_is_judged_once_it_is_trained_and_scored(plan, tmp_path):
    options = {**OPTIONS, "condition": "labels", "width": 4}
    asked = plan(data=["digits"], options=options, evaluate={}, judge={"n": 10, "repeats": 1})
    (job,) = jobs(Plan.read(asked), tmp_path / "out")
    assert main(job.command("cpu", 1)[3:]) == 0
    assert job.left == "evaluate"
    Scores("x", {}, {}, about={"step": 3}).save(job.scores)
    assert job.left == "judge"
    expected = ["judge", str(job.path), "-n", "10", "--repeats", "1"]
    assert job.command("cpu", 1)[3:] == expected
    (job.path / "conditions.json").write_text('{"facts": {"step": 2}}')  # of an older checkpoint
    assert job.command("cpu", 1)[3:] == [*expected, "--overwrite"]
    (job.path / "conditions.json").write_text('{"facts": {"step": 3}}')
    assert (job.left, job.goal.state) == (None, "scored")


def test_a_judgement_of_other_flags_is_told_and_left_alone(plan, tmp_path, capsys):
    flags = {"n": 10, "repeats": 1}
    options = {**OPTIONS, "condition": "labels", "width": 4}
    asked = plan(data=["digits"], options=options, judge=flags)
    (job,) = jobs(Plan.read(asked), tmp_path / "out")
    assert main(job.command("cpu", 1)[3:]) == 0
    parsed = judge.parser().parse_args(["x", "-n", "10", "--repeats", "1"])
    file, facts = job.path / "conditions.json", {"step": 3, "asked": judge.asked_of(parsed)}

    def warnings():
        assert main(["sweep", str(asked), "--out", str(tmp_path / "out")]) == 0
        return capsys.readouterr().err

    for known in (facts, {"step": 3}, {"step": 3, "asked": 7}):
        file.write_text(json.dumps({"facts": known}))
        assert "warning" not in warnings()
    file.write_text("[]")
    assert "warning" not in warnings()
    asked = plan(data=["digits"], options=options, judge={"n": 20, "expert": "wavelet"})
    file.write_text(json.dumps({"facts": facts}))
    told = warnings()
    assert "vae-seed0: judged before with another n, repeats, expert than the plan has" in told
    assert json.loads(file.read_text()) == {"facts": facts}


def test_only_what_has_a_condition_can_be_judged(plan, tmp_path, capsys):
    file = str(plan(judge={"n": 10}))
    assert main(["sweep", file, "--out", str(tmp_path / "out")]) == 2
    assert "vae-seed0 has no condition to be judged by" in capsys.readouterr().err
    file = str(plan(judge={"m": 10}, options={**OPTIONS, "condition": "labels"}, data=["digits"]))
    assert main(["sweep", file, "--out", str(tmp_path / "out")]) == 2
    assert "-m" in capsys.readouterr().err


def test_a_second_phase_starts_from_its_own_seeds_first(plan, tmp_path):
    out = tmp_path / "out"
    first = str(out / "{data}" / "dae-seed{seed}")
    file = plan(methods={"dae": None, "rfgan": {"pretrained": first}}, seeds=[3, 4])
    sweep(file, out)
    for seed in (3, 4):
        made = Run.open(out / "gaussians-ring" / f"rfgan-seed{seed}")
        assert made.config["options"]["pretrained"] == str(made.path.parent / f"dae-seed{seed}")
    assert all(job.left is None for job in jobs(Plan.read(file), out))
    longer = Plan.read(plan(methods={"dae": {"steps": 5}, "rfgan": {"pretrained": first}}))
    longer.seeds = [3]
    (job,) = jobs(longer.part(["dae"]), out)
    assert main(job.command("cpu", 1)[3:]) == 0
    with pytest.raises(UserError, match=r"started from step 3 of .*, which is at step 5 now"):
        jobs(longer, out)


def test_a_first_phase_that_is_to_go_on_is_told_before_it_does(plan, tmp_path):
    out = tmp_path / "out"
    methods = {"dae": None, "rfgan": {"pretrained": str(out / "{data}" / "dae-seed{seed}")}}
    sweep(plan(methods=methods), out)
    longer = Plan.read(plan(methods=methods, options={**OPTIONS, "steps": 5}))
    with pytest.raises(UserError, match=r"rfgan-seed0 started from .*dae-seed0, which this plan"):
        jobs(longer, out)


def test_what_was_found_of_a_run_is_not_lost_with_its_checkpoints(plan, tmp_path, capsys):
    out, file = tmp_path / "out", plan()
    sweep(file, out)
    (job,) = jobs(Plan.read(file), out)
    shutil.rmtree(job.path / "checkpoints")
    assert main(["sweep", str(file), "--out", str(out)]) == 2
    assert "vae-seed0 has modes.json and no checkpoint" in capsys.readouterr().err
    (job.path / "modes.json").unlink()  # as a run that was killed before its first checkpoint
    assert main(["sweep", str(file), "--out", str(out)]) == 0


def test_a_run_that_stays_otherwise_than_the_plan_has_it_is_told(plan, tmp_path, capsys):
    out, falling = tmp_path / "out", {**OPTIONS, "lr_final": 0.1}
    sweep(plan(options={**falling, "lr_steps": 2}), out)
    assert main(["sweep", str(plan(options=falling)), "--out", str(out)]) == 0
    told = capsys.readouterr().err
    assert "vae-seed0: its learning rates fell over 2 steps, and those of a new run fall" in told
    longer = plan(options={**OPTIONS, "lr_final": 0.1, "lr_steps": 2, "steps": 4, "keep": 7})
    assert main(["sweep", str(longer), "--out", str(out)]) == 0
    assert "vae-seed0: it goes on with its own --keep 3, not with" in capsys.readouterr().err
    assert main(["sweep", str(longer), "--out", str(out)]) == 0
    assert "warning" not in capsys.readouterr().err


def test_flags_of_an_evaluation_are_as_one_would_type_them(plan, tmp_path):
    asked = {
        "experts": ["fid15", "wavelet"], "infinity": True, "n": 20, "reference": None,
        "reference-n": 30, "trust": False, "weights": ["fid15=a", "frd=b"],
    }  # fmt: skip
    (job,) = jobs(Plan.read(plan(data=["digits"], evaluate=asked)), tmp_path)
    assert job.scoring() == [
        "--experts", "fid15,wavelet", "--infinity", "-n", "20", "--reference-n", "30",
        "--weights", "fid15=a", "--weights", "frd=b",
    ]  # fmt: skip


def test_a_run_that_was_recorded_on_a_gpu_goes_on_without_one(plan, tmp_path):
    out = tmp_path / "out"
    sweep(plan(), out)
    config = out / "gaussians-ring" / "vae-seed0" / "config.yaml"
    config.write_text(config.read_text().replace("graphs: false", "graphs: true"))
    longer = plan(options={**OPTIONS, "steps": 5})
    assert sweep(longer, out) == ([], [])
    assert steps_of(config.parent) == 5

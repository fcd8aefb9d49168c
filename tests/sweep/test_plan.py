"""What a plan may hold; a mistake in it is told before anything is made."""

import pytest

from idvae import data
from idvae.cli import main
from idvae.errors import UserError
from idvae.sweep.jobs import jobs
from idvae.sweep.plan import Plan


def test_options_of_a_method_go_over_those_of_every_run_and_of_the_recipe(plan):
    own = {"vae": {"steps": 7}, "gan": None}
    read = Plan.read(plan(methods=own, config="fair", options={"steps": 5, "batch_size": 8}))
    assert (read.options_of("vae")["steps"], read.options_of("gan")["steps"]) == (7, 5)
    assert read.options_of("vae")["batch_size"] == 8
    assert read.options_of("gan")["lr_final"] == 0.1  # the recipe's


def test_what_a_plan_leaves_out_has_a_default(plan):
    read = Plan.read(plan(options=None))
    assert (read.seeds, read.options, read.config, read.evaluate) == ([0], {}, None, None)
    assert read.budget is None


@pytest.mark.parametrize("written", ["7e12", "7.0e+12", "'7e12'", "7000000000000"])
def test_a_budget_is_a_number_however_it_is_written(tmp_path, written):
    file = tmp_path / "plan.yaml"
    file.write_text(f"methods: [vae]\ndata: [digits]\nbudget: {written}\n")
    assert Plan.read(file).budget == 7e12


def test_options_of_a_method_are_a_mapping(plan):
    with pytest.raises(UserError, match="methods, vae: options are a mapping, not 3"):
        Plan.read(plan(methods={"vae": 3}))


def test_several_runs_of_a_method_have_names_of_their_own(plan, tmp_path):
    own = {"vae": None, "sharp": {"method": "vae", "beta": 0.3}}
    read = Plan.read(plan(methods=own))
    assert [read.method_of(name) for name in own] == ["vae", "vae"]
    runs = {job.path.name: job for job in jobs(read, tmp_path)}
    assert [runs[f"{name}-seed0"].method for name in own] == ["vae", "vae"]
    betas = [runs[f"{name}-seed0"].settings.method_config.beta for name in own]
    assert betas[0] != betas[1] == 0.3


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"methods": ["vea"]}, "did you mean vae"),
        ({"methods": None}, "methods is missing"),
        ({"data": ["digit"]}, "did you mean digits"),
        ({"seeds": [-1]}, "the seed -1 is out of range"),
        ({"seeds": [2**63]}, "the seed 9223372036854775808 is out of range"),
        ({"seeds": []}, "seeds are whole numbers"),
        ({"seeds": [1, 1]}, "named twice"),
        ({"methods": ["vae", "vae"]}, "named twice"),
        ({"options": {"seed": 7}}, "methods, vae: seed is no option of a plan; say seeds:"),
        ({"methods": {"vae": {"device": "cuda"}}}, "device is no option of a plan; pass --devices"),
        ({"seeds": 3}, "seeds cannot be 3"),
        ({"methods": [3]}, "methods are names"),
        ({"methods": [{"vae": None}]}, "methods are names"),
        ({"data": [{"a": 1}]}, "data are names"),
        ({"config": 3}, "config cannot be 3"),
        ({"evaluate": "lite0"}, "evaluate cannot be 'lite0'"),
        ({"sedes": [1]}, "unknown key 'sedes'"),
        ({"options": {"stepz": 3}}, "stepz"),
        ({"methods": {"vae": {"gamma": 3}}}, "gamma"),
        ({"methods": {"vae": 3}}, "options are a mapping"),
        ({"methods": {"sharp": {"method": "vea"}}}, "did you mean vae"),
        ({"methods": {"sharp": {"beta": 1}}}, "sharp"),
        ({"config": "nowhere.yaml"}, "nowhere.yaml"),
        ({"budget": 7e9}, "methods, vae: budget and steps say the same in two ways"),
        ({"budget": 7e9, "options": {}, "methods": {"vae": {"steps": 3}}}, "budget and steps"),
        ({"budget": 0}, "the budget 0.0 is out of range; it is above 0"),
        ({"budget": "nan"}, "the budget nan is out of range"),
        ({"budget": "much"}, "option budget: expected a number, not 'much'"),
        ({"budget": [7e12]}, "option budget: expected a number"),
        ({"evaluate": {"expert": "lite0"}}, "unrecognized arguments: --expert"),
        ({"options": {"steps": 0}}, "--steps 0 is out of range"),
        ({"options": {"batch-size": 1, "batch_size": 2}}, "the option batch_size is there twice"),
        ({"methods": {"../x": {"method": "vae"}}}, "'../x' cannot name a row"),
        ({"methods": {"/x": {"method": "vae"}}}, "'/x' cannot name a row"),
        ({"methods": {"": {"method": "vae"}}}, "'' cannot name a row"),
        ({"evaluate": {"out": "x.json"}}, "evaluate, out: a sweep decides it"),
        ({"evaluate": {"probe": True}}, "evaluate, probe: a sweep decides it"),
        ({"evaluate": {"help": True}}, "evaluate, help: a sweep decides it"),
        ({"evaluate": {1: 2}}, "evaluate, 1: a sweep decides it"),
        ({"judge": {"overwrite": True}}, "judge, overwrite: a sweep decides it"),
        ({"evaluate": {"step": "last"}}, "option evaluate, step: expected a whole number"),
        ({"evaluate": {"out_": "x.json"}}, "evaluate, out_: a sweep decides it"),
        ({"evaluate": {"n": 5, "n_": 6}}, "the option n is there twice"),
        ({"evaluate": {"experts": ["wavelet", "lite9"]}}, "unknown expert 'lite9'"),
        ({"evaluate": {"experts": "wavelet", "metrics": "fdd"}}, "unknown metric 'fdd'"),
        ({"evaluate": {"n": 1}}, "--n 1 is out of range; it is at least 2"),
        ({"evaluate": {"repeats": 0}}, "--repeats 0 is out of range; it is at least 1"),
        ({"evaluate": {"experts": "wavelet"}}, "gaussians-ring holds points"),
        ({"data": ["digits"], "evaluate": {"step": 500}}, "evaluate, step 500: vae-seed0 has 3"),
        ({"methods": {"α" * 130: {"method": "vae"}}}, "cannot name a row"),
    ],
)
def test_a_mistake_in_the_plan_is_one_line(plan, tmp_path, capsys, values, words):
    out = tmp_path / "out"
    assert main(["sweep", str(plan(**values)), "--out", str(out), "--devices", "cpu"]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_an_option_wins_over_itself_in_another_spelling(plan):
    read = Plan.read(plan(methods={"vae": {"batch-size": 32}}, options={"batch_size": 64}))
    assert read.options_of("vae")["batch_size"] == 32


def test_a_step_to_score_is_a_number_however_it_is_written(plan, tmp_path):
    (job,) = jobs(Plan.read(plan(evaluate={"step": "2"})), tmp_path)
    assert job.goal.step == 2


def test_two_names_of_one_set_are_not_two_sets(plan, tmp_path, monkeypatch):
    read = Plan.read(plan())
    read.data = ["gaussians-ring", str(data.open_set("gaussians-ring").path)]
    with pytest.raises(UserError, match="are both named gaussians-ring; leave one out"):
        jobs(read, tmp_path)


def test_a_row_may_start_from_a_recipe_of_its_own(plan, tmp_path):
    own = {"vae": {"config": "fair"}, "gan": {"config": "paper-32-gan", "steps": 9}, "age": None}
    read = Plan.read(plan(methods=own, config="points"))
    assert [read.config_of(name) for name in own] == ["fair", "paper-32-gan", "points"]
    assert read.options_of("vae")["lr_final"] == 0.1  # of fair
    assert read.options_of("gan")["preset"] == "paper"
    assert (read.options_of("gan")["steps"], "config" in read.options_of("gan")) == (9, False)
    with pytest.raises(UserError, match="methods, vae: config cannot be 3"):
        Plan.read(plan(methods={"vae": {"config": 3}})).options_of("vae")


def test_a_part_of_a_plan_has_the_rows_and_seeds_that_are_named(plan, tmp_path, capsys):
    file = plan(methods=["vae", "gan", "age"], seeds=[0, 1, 2])
    read = Plan.read(file)
    assert read.part() == read
    part = read.part(["gan", "vae"], [2])
    assert [job.path.name for job in jobs(part, tmp_path)] == ["vae-seed2", "gan-seed2"]
    named = Plan.read(plan(methods={"vae": {"beta": [0.1, 0.2]}})).part(["vae-beta0.2"])
    assert list(named.methods) == ["vae-beta0.2"]
    for flags, told in (
        (["--rows", "vea"], "the plan has no row vea; there are vae"),
        (["--seeds", "3"], "the plan has no seed 3; there are 0"),
        (["--seeds", "one"], "--seeds one are no whole numbers"),
        (["--seeds", "²"], "--seeds ² are no whole numbers"),
    ):
        assert main(["sweep", str(file), "--out", str(tmp_path / "out"), *flags]) == 2
        assert told in capsys.readouterr().err

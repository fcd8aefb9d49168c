"""A row with several values of an option is several rows; a list that is a value is none."""

import pytest

from idvae.errors import UserError
from idvae.sweep.grid import rows
from idvae.sweep.jobs import jobs
from idvae.sweep.plan import Plan


def test_each_value_is_a_row_with_a_name_of_its_own(plan, tmp_path):
    own = {"vae": {"beta": [0.5, 1, "2e-3"], "lr": 1e-3}, "gan": None}
    made = {job.path.name: job for job in jobs(Plan.read(plan(methods=own)), tmp_path)}
    assert list(made) == ["gan-seed0", "vae-beta0.5-seed0", "vae-beta1-seed0",
                          "vae-beta0.002-seed0"]  # fmt: skip
    assert [job.method for job in made.values()] == ["gan", "vae", "vae", "vae"]
    vaes = list(made.values())[1:]
    assert [job.settings.method_config.beta for job in vaes] == [0.5, 1.0, 0.002]
    assert {job.settings.train.lr for job in vaes} == {1e-3}


def test_several_options_are_all_their_combinations(plan):
    own = {"joint": {"method": "vae", "beta": [1, 2], "flip": [True], "preset": ["small", "mlp"]}}
    read = Plan.read(plan(methods=own))
    assert list(read.methods) == [
        f"joint-beta{beta}-flip-true-preset-{preset}"
        for beta in (1, 2)
        for preset in ("small", "mlp")
    ]
    assert {read.method_of(name) for name in read.methods} == {"vae"}
    assert read.options_of("joint-beta2-flip-true-preset-small")["preset"] == "small"


@pytest.mark.parametrize(
    ("option", "value", "names"),
    [
        ("betas", [0.5, 0.999], ["vae"]),
        ("betas", [[0.5, 0.999], [0.0, 0.9]], ["vae-betas0.5_0.999", "vae-betas0_0.9"]),
        ("lr_of", {"dec": 1e-4}, ["vae"]),
        ("lr_of", [{}, {"dec": 1e-4}], ["vae-lr_of-none", "vae-lr_of-dec0.0001"]),
        ("schedules", {"lr": [1e-4, 100]}, ["vae"]),
        (
            "schedules",
            [{"lr": [1e-4, 100]}, {}],
            ["vae-schedules-lr0.0001_100", "vae-schedules-none"],
        ),
        ("betas_of", [{"dec": [0, 0.9]}, {}], ["vae-betas_of-dec0_0.9", "vae-betas_of-none"]),
        ("lr-steps", [None, 100], ["vae-lr_steps-none", "vae-lr_steps100"]),
        ("condition", ["labels", "a/b"], ["vae-condition-labels", "vae-condition-a_b"]),
        ("beta", 2, ["vae"]),
    ],
)
def test_whether_a_list_is_a_value_follows_from_the_options_type(option, value, names):
    found = rows("vae", "vae", {option: value})
    assert list(found) == names
    chosen = value if len(names) > 1 else [value]
    assert [own[option] for own in found.values()] == chosen


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"vae": {"beta": []}}, "methods, vae, beta: there is no value"),
        ({"vae": {"beta": [1, 1.0]}}, "two values are alike"),
        ({"vae": {"beta": [1, "much"]}}, "methods, vae, beta: expected a number"),
        ({"vae": {"betas": [[0.5], 0.9]}}, "expected 2 numbers"),
        ({"vae": {"gamma": [1, 2]}}, "gamma"),
        ({"vae": {"beta": [1, 2]}, "vae-beta2": {"method": "vae"}}, "is named vae-beta2 too"),
        ({"vae": {o: list(range(1, 40)) for o in ("beta", "z_dim")}}, "that is 1,521 rows"),
    ],
)
def test_a_mistake_is_told(plan, tmp_path, own, words):
    with pytest.raises(UserError, match=words):
        jobs(Plan.read(plan(methods=own)), tmp_path)

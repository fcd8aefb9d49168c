"""Options come from flags over a file over a recipe over the dataclass, and are checked."""

from dataclasses import dataclass
from typing import get_args

import numpy as np
import pytest
import yaml

from idvae import methods
from idvae.errors import UserError
from idvae.options import check_ranges, types_of
from idvae.training import settings, start


def test_a_flag_wins_over_a_file_wins_over_the_default(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("lambda: 3\nbatch_size: 7\n")
    for flags in (["--config", str(file), "--lambda", "2"], ["--lambda", "2", f"--config={file}"]):
        chosen = settings.from_flags("idvae", flags)
        assert chosen.method_config.lambda_ == 2.0
        assert chosen.train.batch_size == 7
        assert chosen.method_config.alpha == methods.get("idvae").Config().alpha


@pytest.mark.parametrize("name", settings.recipe_names())
def test_every_recipe_is_valid_for_its_methods(name):
    families = {methods.get(m).family for m in methods.names()}
    family = max((f for f in families if name.endswith(f"-{f}")), key=len, default=None)
    for method in methods.names():
        if family in (None, methods.get(method).family):
            chosen = settings.from_flags(method, [], [name])
            for key, value in settings.recipe(name).items():
                assert chosen.options()[key] == value


def test_recipes_go_from_the_general_to_the_special():
    found = settings.recipes_for("idvae-r", "gaussians-grid", "points")
    assert found == ["points", "points-idvae"]
    chosen = settings.from_flags("idvae", [], found)
    assert chosen.train.batch_size == settings.recipe("points")["batch_size"]
    assert chosen.method_config.beta == settings.recipe("points-idvae")["beta"]


def test_options_survive_yaml_and_come_back_the_same():
    flags = ["--lr-of.dis", "1e-4", "--betas-of.enc", "[0.1,0.2]", "--schedule", "joint"]
    chosen = settings.from_flags("idvae", flags)
    again = settings.from_mapping("idvae", yaml.safe_load(yaml.safe_dump(chosen.options())))
    assert again == chosen
    assert chosen.train.lr_of == {"dis": 1e-4}
    assert chosen.train.betas_of == {"enc": (0.1, 0.2)}


def test_python_takes_lambda_with_an_underscore():
    assert settings.from_mapping("idvae", {"lambda_": 4}).method_config.lambda_ == 4.0


@pytest.mark.parametrize("name", methods.names())
def test_every_option_is_explained(name):
    for part in (methods.get(name).Config, settings.TrainConfig, settings.NetworkConfig):
        texts = settings.attribute_texts(part)
        for field in part.__dataclass_fields__:
            assert len(texts[field]) > 10


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--alpah", "1"], r"did you mean --alpha\?"),
        (["--gamma_", "1"], r"did you mean --gamma\?"),
        (["--z_dim", "1"], r"did you mean --z-dim\?"),
        (["--alpha", "much"], "option alpha: Expected a float. Got value: much"),
        (["--schedule", "random"], "dis-first"),
        (["--betas", "0.5"], "option betas"),
        (["--config", "nowhere.yaml"], "does not exist"),
        (["stray"], "unrecognized arguments"),
    ],
)
def test_bad_flags_are_told_in_one_line(flags, words):
    with pytest.raises(UserError, match=words) as caught:
        settings.from_flags("idvae", flags)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gama: 1", "did you mean gamma"),
        ("alpha: x", "option alpha"),
        ("alpha: [", "c.yaml cannot be read as YAML: line 1"),
        ("7", "no mapping"),
        ("alpha: 1\nbeta: 2\nalpha: 3", "line 3: the key 'alpha' is there twice"),
        ("lambda: 1\nlambda_: 3", "lambda is there twice"),
        ("config: other.yaml", "no option 'config'"),
        ("lr: null", "option lr: expected a number"),
        ("beta: -1", "--beta -1.0 is out of range; it is at least 0"),
    ],
)
def test_bad_files_are_told_in_one_line(tmp_path, text, words):
    file = tmp_path / "c.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=words) as caught:
        settings.from_flags("idvae", ["--config", str(file)])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": 0}, "--steps 0"),
        ({"batch_size": -1}, "--batch-size -1"),
        ({"ema": 1.0}, "--ema 1.0"),
        ({"precision": "16"}, "unknown --precision 16"),
        ({"lr": 0.0}, "--lr 0.0"),
        ({"lr": float("nan")}, "--lr nan"),
        ({"lr_of": {"generator": 1.0}}, "names no group 'generator'"),
        ({"betas": (0.5, 1.0)}, "--betas"),
        ({"lr_final": 2.0}, "--lr-final 2.0"),
        ({"lr_steps": 0}, "--lr-steps 0"),
        ({"lr_final": 0.0, "steps": 9, "lr_steps": 8}, "would teach nothing; pass --lr-steps 9"),
        ({"clip": -1.0}, "--clip -1.0"),
        ({"steps": 2**31}, "--steps 2147483648 is out of range; .* at most 2,147,483,647"),
        ({"log_every": 10**400}, "--log-every 10{400} is out of range"),
        ({"dec_steps": 10**20}, "--dec-steps 10{20} is out of range"),
        ({"schedules": {"beta2": [1.0, 10]}}, "--schedules.beta2 ends at 1; β2 is at least 0"),
        ({"schedules": {"beta2.enc": [1.5, 10]}}, "--schedules.beta2.enc ends at 1.5"),
        ({"schedules": {"lr": [0.0, 5]}, "steps": 30}, r"0 from step 5 on.* 30, in a new run"),
        ({"batch_size": 1}, "--batch-size 1 is out of range; it is at least 2"),
        ({"beta": -1}, "--beta -1.0"),
        ({"gamma": -5.0}, "--gamma -5.0"),
        ({"omega": float("inf")}, "--omega inf"),
        ({"lr_of": {"dis": 0}}, "--lr-of.dis 0.0 is out of range; it is above 0"),
        ({"width": 100_000}, "--width 100000 is out of range; it is at least 1 and at most 65,536"),
        ({"z_dim": 99_999_999}, "--z-dim 99999999"),
        ({"z_dim": 0}, "--z-dim 0"),
    ],
)
def test_values_out_of_range_are_told(options, words):
    with pytest.raises(UserError, match=words):
        settings.from_mapping("idvae", options).train.check(("dis", "enc", "dec"))


@pytest.mark.parametrize("name", methods.names())
def test_no_weight_of_a_loss_is_below_zero(name):
    config = methods.get(name).Config()
    for field, value in vars(config).items():
        if isinstance(value, float):
            flag = "--" + field.rstrip("_").replace("_", "-")
            with pytest.raises(UserError, match=f"{flag} -1.0 is out of range"):
                settings.from_flags(name, [f"{flag}=-1"])


@pytest.mark.parametrize("name", methods.names())
def test_every_number_of_an_option_has_a_range(name):
    """inf lies in no range, so that a field without one would take it."""
    numbers = []
    for part in (methods.get(name).Config, settings.TrainConfig, settings.NetworkConfig):
        for field, kind in types_of(part).items():
            if kind in (int, float) or int in get_args(kind) or float in get_args(kind):
                numbers.append((part, field))
    assert len(numbers) > 12
    for part, field in numbers:
        options = part()
        default = getattr(options, field)
        bad = float("inf")
        if isinstance(default, dict):
            bad = {"dis": bad}
        elif isinstance(default, tuple):
            bad = (0.5, bad)
        setattr(options, field, bad)
        with pytest.raises(UserError, match="inf is out of range"):
            check_ranges(options)


def test_a_generator_has_updates():
    with pytest.raises(UserError, match="--g-steps 0"):
        settings.from_mapping("age", {"g_steps": 0})


def test_numbers_of_a_run_that_is_there_may_lie_where_new_ones_may_not():
    assert settings.of_run("idvae", {"batch_size": 1, "gamma": -1.0}).train.batch_size == 1


def test_a_share_is_not_scheduled_to_be_more_than_all(data_root, tmp_path):
    options = {"condition": "labels", "mismatch_share": 0.5, "width": 4, "steps": 1, "threads": 1}
    with pytest.raises(UserError, match=r"--schedules\.mismatch_share 2\.0 is out of range"):
        start.train(
            "gan", "digits", tmp_path / "run", schedules={"mismatch_share": [2.0, 10]}, **options
        )


def test_numbers_of_numpy_are_numbers():
    found = settings.from_mapping(
        "idvae", {"steps": np.int64(7), "gamma": np.float32(0.5), "beta": np.int8(3)}
    )
    assert (found.train.steps, type(found.train.steps)) == (7, int)
    assert (found.method_config.gamma, found.method_config.beta) == (0.5, 3.0)
    with pytest.raises(UserError, match="steps: expected a whole number"):
        settings.from_mapping("idvae", {"steps": np.float64(7.5)})


def test_options_from_python_read_no_file(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("alpha: 7")
    for options in ({"config": str(file)}, {"config": [str(file)]}, {"alpha": str(file)}):
        with pytest.raises(UserError, match=r"config|alpha"):
            settings.from_mapping("idvae", options)
        with pytest.raises(UserError, match=r"config|alpha"):
            settings.of_run("idvae", options)


def test_an_option_without_an_explanation_is_named():
    @dataclass
    class MineConfig:
        """Mine.

        Attributes:
            told: explained.
        """

        told: float = 1.0
        untold: float = 1.0

    with pytest.raises(UserError, match=r"MineConfig\.untold is not explained"):
        settings.attribute_texts(MineConfig)


def test_a_file_may_write_numbers_as_one_does(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("lr: 1e-3\nprecision: 32\nlr-of: {dis: 2e-4}\nbetas: [0.1, 0.2]\nsteps: '5'\n")
    train = settings.from_flags("idvae", ["--config", str(file), "--lr-of.enc", "1"]).train
    assert (train.lr, train.precision, train.betas, train.steps) == (1e-3, "32", (0.1, 0.2), 5)
    assert train.lr_of == {"dis": 2e-4, "enc": 1.0}


@pytest.mark.parametrize(
    ("method", "option"),
    [
        ("age", "g_steps"),
        ("idvae", "dec_steps"),
        ("idvae", "relativistic"),
        ("idvae", "edits"),
        ("idvae", "turned"),
    ],
)
def test_what_is_no_weight_is_not_scheduled(method, option, data_root, tmp_path):
    options = {"width": 4, "threads": 1, "steps": 1, "schedules": {option: [4.0, 3]}}
    if option.endswith("steps"):
        options[option] = 2
    if option in ("edits", "turned"):
        options |= {"condition": "labels", "mismatch": 1.0, option: 0.5}
    with pytest.raises(UserError, match=f"{option} is no number that could change"):
        start.train(method, "digits", tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()

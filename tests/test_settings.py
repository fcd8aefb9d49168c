"""Options come from flags over a file over a recipe over the dataclass, and are checked."""

import pytest
import yaml

from idvae import methods, settings
from idvae.errors import UserError


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
        (["--alpah", "1"], "did you mean alpha"),
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
        ("alpha: [", "config"),
        ("7", "onfig"),
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
        ({"lr": 0.0}, "learning rate of 0.0"),
        ({"lr": float("nan")}, "learning rate of nan"),
        ({"lr_of": {"generator": 1.0}}, "names no group 'generator'"),
        ({"betas": (0.5, 1.0)}, "--betas"),
        ({"lr_final": 2.0}, "--lr-final 2.0"),
        ({"lr_steps": 0}, "--lr-steps 0"),
        ({"lr_final": 0.0, "steps": 9, "lr_steps": 8}, "would teach nothing; pass --lr-steps 9"),
        ({"clip": -1.0}, "--clip -1.0"),
    ],
)
def test_values_out_of_range_are_told(options, words):
    with pytest.raises(UserError, match=words):
        settings.from_mapping("idvae", options).train.check(("dis", "enc", "dec"))

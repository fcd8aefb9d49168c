"""The trials that a search means: as many for each method, the first its defaults, none twice."""

import pytest
import yaml

from idvae import data
from idvae.errors import UserError
from idvae.sweep.search import Search, trials

BETA = {"low": 0.01, "high": 1, "log": True}


@pytest.fixture
def search(tmp_path):
    """Writes a search on a few digits and reads it."""
    if not (data.root() / "digits-16").exists():
        data.prepare("digits", size=16, n=200)

    def read(**values):
        asked = {
            "methods": {"vae": {"beta": BETA, "width": 4}, "gan": {"lr": [1e-3, 5e-4, 2e-3]}},
            "data": ["digits-16"],
            "trials": 3,
            "options": {"steps": 3, "batch_size": 8, "width": 8},
            **values,
        }
        path = tmp_path / "search.yaml"
        path.write_text(
            yaml.safe_dump({k: v for k, v in asked.items() if v is not None}, sort_keys=False)
        )
        return Search.read(path)

    return read


def tried(found):
    return {trial.name: trial.options for trial in found}


def test_every_method_has_as_many_trials_and_the_first_is_its_defaults(search, tmp_path):
    found = trials(search(seeds=[0, 4]), tmp_path)
    assert [trial.name for trial in found] == [
        "vae-t0", "gan-t0", "vae-t1", "gan-t1", "vae-t2", "gan-t2"
    ]  # fmt: skip
    assert tried(found)["vae-t0"] == tried(found)["gan-t0"] == {}
    assert len({repr(trial.options) for trial in found if trial.method == "vae"}) == 3
    first, *_, last = found
    assert [job.path for job in first.jobs] == [
        tmp_path / "digits-16" / f"vae-t0-seed{seed}" for seed in (0, 4)
    ]
    assert [job.seed for job in first.jobs] == [0, 4]
    # Fixed options are those of the first too, choices over those of every run.
    assert first.jobs[0].settings.networks.width == 4
    assert last.jobs[0].settings.train.lr == last.options["lr"]
    assert last.jobs[0].scoring() == ["--experts", "lite0", "--split", "validation"]


@pytest.mark.parametrize(
    ("metric", "flags", "metrics"),
    [
        ("kid", {}, None),
        ("mind", {}, "fd,kid,precision,recall,density,coverage,is,mind"),
        ("fd_infinity", {}, "fd,kid,precision,recall,density,coverage,is,fd_infinity"),
        ("fd_infinity", {"infinity": True}, None),
        ("fd_infinity", {"infinity": True, "metrics": "fd"}, "fd"),
        ("mind", {"metrics": "mind,fd"}, "mind,fd"),
    ],
)
def test_the_objective_is_always_scored(search, metric, flags, metrics):
    plan = search(objective={"metric": metric}, evaluate=flags).plan
    assert plan.evaluate.get("metrics") == metrics


def test_more_trials_and_other_methods_leave_the_trials_before_as_they_are(search, tmp_path):
    few = tried(trials(search(), tmp_path))
    space = {"methods": {"age": {"lr": [1e-4, 2e-4, 3e-4, 4e-4]}, "vae": {"beta": BETA}}}
    more = tried(trials(search(**space, trials=4), tmp_path))
    assert more.items() >= {name: few[name] for name in few if name.startswith("vae")}.items()
    assert tried(trials(search(search_seed=1), tmp_path)) != few


def test_no_trial_is_made_twice_not_even_the_defaults(search, tmp_path):
    """The default rate is among the choices: two trials are left to be drawn."""
    space = {"gan": {"lr": [5e-4, 1e-3, 2e-3]}}
    found = trials(search(methods=space), tmp_path)
    assert sorted(t.options.get("lr", 5e-4) for t in found) == [5e-4, 1e-3, 2e-3]
    networks = {"gan": {"preset": ["small"], "width": [4, 8]}}  # small is what is taken unasked
    with pytest.raises(UserError, match="methods, gan: fewer than 4 trials can be told apart"):
        trials(search(methods=networks, trials=4), tmp_path / "networks")
    with pytest.raises(UserError, match="methods, gan: fewer than 4 trials can be told apart"):
        trials(search(methods=space, trials=4), tmp_path)


def test_a_budget_gives_each_trial_steps_of_its_own(search, tmp_path):
    space = {"vae": {"width": [4, 8]}}
    found = trials(search(methods=space, budget=2e8, options={"batch_size": 8}), tmp_path)
    by_width = {t.jobs[0].settings.networks.width: t.jobs[0].steps for t in found}
    assert by_width[4] > by_width[8] > by_width[32] >= 1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"trials": None}, "trials is missing"),
        ({"trials": 0}, "trials 0 is out of range"),
        ({"trials": "many"}, "option trials: expected a whole number"),
        ({"methods": ["vae"]}, "methods of a search are a mapping"),
        ({"methods": {"vae": 3}}, "methods, vae: options are a mapping, not 3"),
        ({"methods": {"vae": {"beta": [1, "much"]}}}, "option beta: expected a number"),
        ({"methods": {"vae": {"bata": [1, 2]}}}, "no option 'bata'; did you mean beta"),
        ({"methods": {"vae": {"beta": [1, -1]}}}, "--beta -1.0 is out of range"),
        ({"budget": 1e9}, "budget and steps say the same"),
        ({"budget": 1e9, "options": {}, "methods": {"vae": {"steps": [1, 2]}}}, "budget and steps"),
        ({"data": ["digits-16", "avatars"]}, "on one data set, not 2"),
        ({"data": ["gaussians-ring"]}, "holds points"),
        ({"trial": 3}, "unknown key 'trial'; there are methods"),
        ({"objective": "fd"}, "objective is {expert: lite0, metric: fd}, not 'fd'"),
        ({"objective": {"metric": "fid"}}, "unknown metric 'fid'"),
        ({"objective": {"expert": "lita"}}, "unknown expert 'lita'"),
        ({"evaluate": {"experts": "lite1"}}, "the objective's expert lite0 is none of lite1"),
        ({"evaluate": {"metrics": "kid"}}, "the objective fd is none of kid"),
        ({"evaluate": {"split": "test"}}, "evaluate, split: a search decides it"),
        ({"search_seed": -1}, "search_seed -1 is out of range"),
    ],
)
def test_a_mistake_is_told_before_anything_is_made(search, tmp_path, values, words):
    with pytest.raises(UserError) as told:
        trials(search(**values), tmp_path / "out")
    assert words in str(told.value)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "out").exists()


def test_a_set_without_a_validation_split_is_refused(search, tmp_path):
    data.prepare("digits", size=16, n=9, set_name="few")
    with pytest.raises(UserError, match="few has no validation split"):
        trials(search(data=["few"]), tmp_path)

"""What a search says of its trials: the best, the failed, and what cannot be compared."""

import json

import pytest
import yaml

from idvae import data
from idvae.errors import UserError
from idvae.evaluate.scores import Scores, Value
from idvae.report import search as report
from idvae.sweep import goal
from idvae.sweep.search import Search, trials
from idvae.training import settings
from idvae.training.run import Run

STEP_MACS = 1000


@pytest.fixture
def search(tmp_path):
    if not (data.root() / "digits-16").exists():
        data.prepare("digits", size=16, n=200)
    asked = {
        "methods": {"vae": {"beta": [0.1, 0.2, 0.3]}, "gan": {"lr": [1e-3, 2e-3]}},
        "data": ["digits-16"],
        "trials": 3,
        "seeds": [0, 1],
        "options": {"steps": 5, "batch_size": 8, "width": 4},
        "objective": {"expert": "lite0@64", "metric": "fd"},
    }

    def read(**values):
        path = tmp_path / "search.yaml"
        path.write_text(yaml.safe_dump(asked | values, sort_keys=False))
        return Search.read(path)

    return read


@pytest.fixture
def done(monkeypatch):
    """Make a job's run and scores as training and evaluation leave them."""
    monkeypatch.setattr(goal, "checkpoint_steps", lambda folder: [5])

    def make(job, score=None, error=None, metric="fd", n=100, lr_steps=None):
        facts = {"name": "digits-16", "path": "gone", "checksum": data.resolve("digits").checksum}
        options = job.settings.options() | {"lr_steps": lr_steps}
        config = {"method": job.method, "data": facts, "options": options, "step_macs": STEP_MACS}
        Run.create(job.path, config)
        if score is not None:
            facts = {"n": 9, "indices": "x"}
            values = {"squared_error": {"mean": error}}
            found = {"facts": facts, "values": values} if error else None
            row = {"lite0@64": {metric: Value.of([score])}}
            Scores(job.path.name, {"n": n}, row, {}, found, {"step": 5}).save(job.scores)

    return make


def test_the_best_is_of_the_mean_over_seeds_and_the_failed_the_worst(search, done, tmp_path):
    asked, out = search(), tmp_path / "out"
    found = trials(asked, out)
    scores = {"vae-t0": (50, 60), "vae-t1": (30, 90), "vae-t2": (40, 52)}
    for trial in found:
        for job, score in zip(trial.jobs, scores.get(trial.name, (1, None)), strict=True):
            done(job, score, error=10 * score if trial.method == "vae" else None)
    failed = [trial.jobs[1] for trial in found if trial.name == "gan-t1"]
    told = report.results(asked, found, out, failed)
    by_name = {f"{r.method}-t{r.trial}": r for r in told}
    assert [by_name[f"vae-t{k}"].score for k in range(3)] == [55, 60, 46]
    assert by_name["vae-t2"].reconstruction == 460
    assert by_name["vae-t2"].macs == STEP_MACS * 5 * 8
    assert by_name["vae-t2"].runs == ["digits-16/vae-t2-seed0", "digits-16/vae-t2-seed1"]
    assert by_name["gan-t1"].state == "failed"
    assert by_name["gan-t2"].state == "unfinished"  # of two runs one is not scored
    assert report.best(asked, told, "vae").trial == 2
    assert report.best(asked, told, "gan") is None

    report.write(asked, found, told, out)
    kept = json.loads((out / "search.json").read_text())
    assert kept["best"] == {"vae": 2, "gan": None}
    assert kept["objective"] == {"expert": "lite0@64", "metric": "fd"}
    assert len(kept["results"]) == 6
    assert kept["results"][0]["scores"] == [50.0, 60.0]
    page = (out / "search.md").read_text()
    assert f"| vae | 3 | t2 | **46** | 55 | 460 | beta {found[4].options['beta']} |" in page
    assert "| gan | 1 of 3 | – | – | – | – | – |" in page
    assert "| t1 | failed |" in page
    assert not (out / "best" / "gan.yaml").exists()


def test_the_best_options_are_a_file_for_config(search, done, tmp_path):
    asked, out = search(seeds=[7]), tmp_path / "out"
    found = trials(asked, out)
    for trial in found:
        done(trial.jobs[0], 100.0 - trial.number, lr_steps=4)
    report.write(asked, found, report.results(asked, found, out), out)
    for trial in found[-2:]:
        file = out / "best" / f"{trial.method}.yaml"
        assert f"{trial.method}-t2,\n# fd 98 by lite0@64 on the validation" in file.read_text()
        flags = ["--config", str(file), "--seed", "7"]
        assert settings.from_flags(trial.method, flags).options() == (
            trial.jobs[0].settings.options() | {"lr_steps": 4}  # as it was trained
        )
        assert "seed" not in yaml.safe_load(file.read_text())


def test_the_first_phase_of_the_best_stays_that_of_each_seed(search, done, tmp_path):
    """A run has the path of its own seed's; its recipe is trained with other seeds."""
    where, out = "first/{data}/dae-seed{seed}", tmp_path / "out"
    options = {"steps": 5, "batch_size": 8, "width": 4, "pretrained": where}
    asked = search(methods={"rfgan": {"lr": [1e-3, 2e-3]}}, seeds=[3], trials=1, options=options)
    (trial,) = found = trials(asked, out)
    assert trial.jobs[0].settings.options()["pretrained"] == "first/digits-16/dae-seed3"
    done(trial.jobs[0], 1.0)
    report.write(asked, found, report.results(asked, found, out), out)
    assert yaml.safe_load((out / "best" / "rfgan.yaml").read_text())["pretrained"] == where


def test_where_more_is_better_the_best_has_most(search, done, tmp_path):
    asked = search(objective={"expert": "lite0@64", "metric": "recall"}, seeds=[0])
    found = trials(asked, tmp_path / "out")
    for trial in found:
        done(trial.jobs[0], 0.1 * trial.number, metric="recall")
    assert report.best(asked, report.results(asked, found, tmp_path / "out"), "vae").trial == 2


def test_scores_that_say_other_things_are_refused(search, done, tmp_path):
    asked, out = search(seeds=[0]), tmp_path / "out"
    found = trials(asked, out)
    done(found[0].jobs[0], 3.0)
    done(found[1].jobs[0], 3.0, n=50)
    with pytest.raises(UserError, match=r"vae-t0 and gan-t0 were scored in different ways \(n\)"):
        report.results(asked, found, out)
    other = search(seeds=[0], objective={"expert": "lite1", "metric": "fd"})
    with pytest.raises(UserError, match="hold no fd by lite1: fd by lite0@64"):
        report.results(other, trials(other, out)[:1], out)


@pytest.mark.parametrize("name", ["search.json", "search.md", "best"])
def test_a_file_of_that_name_that_is_not_ours_is_left_alone(search, tmp_path, name):
    asked, out = search(), tmp_path / "out"
    out.mkdir()
    (out / name).write_text("[1]")
    with pytest.raises(UserError, match="is not of a search"):
        report.write(asked, [], [], out)
    assert (out / name).read_text() == "[1]"

"""The status of a sweep is what its run folders, logs and locks tell."""

import pytest

import idvae
from idvae.cli import main
from idvae.errors import UserError
from idvae.evaluate.scores import Scores
from idvae.io.locks import alone
from idvae.sweep import status
from idvae.sweep.jobs import jobs
from idvae.sweep.plan import Plan

NAMES = ["vae-beta1-seed0", "vae-beta2-seed0", "vae-beta3-seed0", "vae-beta4-seed0"]


@pytest.fixture
def asked(plan, tmp_path):
    """Four runs, of which nothing is made, and where."""
    file = plan(methods={"vae": {"beta": [1, 2, 3, 4]}}, evaluate={})
    out = tmp_path / "out"
    out.mkdir()
    made = jobs(Plan.read(file), out)
    status.write((job.goal for job in made), out)
    return made, out


def states(out):
    return [line.split(maxsplit=3)[1:] for line in status.table(out)[1:]]


def test_a_run_goes_from_waiting_to_scored(asked, capsys):
    made, out = asked
    assert [goal.path.name for goal in status.read(out)] == NAMES
    assert states(out) == [["waiting", "0/3"]] * 4
    first, second, third, _ = made
    idvae.train("vae", "gaussians-ring", first.path, **first.settings.options())
    assert states(out)[0] == ["waiting", "3/3"]  # killed before its modes were counted
    assert main(first.command("cpu", 1)[3:]) == 0
    assert states(out)[0] == ["finished", "3/3"]
    with alone(first.goal.lock, "busy"), (first.path / "metrics.jsonl").open("a") as rows:
        rows.write('{"step": 7}\n{"st')
        rows.flush()
        assert states(out)[0] == ["running", "7/3"]
    Scores("x", {}, {}, about={"step": 3}).save(first.scores)
    assert states(out)[0] == ["scored", "3/3"]
    with second.goal.log.opened(["python", "-m", "idvae", "train", "vae"]) as log:
        log.write(b"idvae: error: it \x1b[31mdiverged\n\n")
    second.goal.log.failed(1)
    with alone(third.goal.lock, "busy"):
        third.path.mkdir()
        assert states(out)[1:3] == [
            ["failed", "0/3", "idvae: error: it  [31mdiverged"],
            ["running", "0/3"],
        ]
        capsys.readouterr()
        assert main(["sweep", "--status", str(out)]) == 0
        told = capsys.readouterr().out.splitlines()
    assert told[0] == (
        f"4 runs in {out}: 1 failed, 1 running, 1 waiting, 1 scored; no sweep works there"
    )
    assert told[1].split() == ["gaussians-ring/vae-beta1-seed0", "scored", "3/3"]
    assert states(out)[2] == ["waiting", "0/3"]
    with second.goal.log.opened(["python", "-m", "idvae", "train", "vae"]):
        assert states(out)[1] == ["waiting", "0/3"]  # begun again, and nobody works at it


def test_a_command_that_a_signal_ended_is_told_so(asked):
    log = asked[0][0].goal.log
    assert (log.failure, log.last_words) == (None, "")
    with log.opened(["python", "-m", "idvae", "train"]) as file:
        file.write(b"idvae: error: interrupted\n")
    assert log.failure is None  # it was stopped before its training, and waits
    with log.opened(["python", "-m", "idvae", "train"]):
        pass
    log.failed(-9)
    assert log.failure == "killed by SIGKILL"
    with log.opened(["python", "-m", "idvae", "train"]) as file:
        file.write(b"ValueError: 3\n")
    log.failed(1)
    assert log.failure == log.last_words == "exit status 1, after: ValueError: 3"


@pytest.mark.parametrize(
    "text",
    [
        "runs: 3",
        "runs: [{path: a}]",
        "runs: [{path: ../a, steps: 3}]",
        "runs: [{path: /a, steps: 3}]",
        "runs: [{path: a, steps: 3, scores: b/c}]",
        "runs: [{path: a, steps: many}]",
        "runs: [{path: a, steps: 3, counted: 2}]",
        "runs: [3]",
    ],
)
def test_a_damaged_file_is_told(asked, text):
    _, out = asked
    (out / status.FILE).write_text(text)
    with pytest.raises(UserError, match="is damaged"):
        status.read(out)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--status", "nowhere"], "nowhere: no sweep began there"),
        (["--status", "x", "--out", "y"], "--status DIR stands alone"),
        (["--out", "x"], "say which FILE.yaml and --out DIR, or --status DIR"),
    ],
)
def test_a_mistake_is_one_line(capsys, flags, words):
    assert main(["sweep", *flags]) == 2
    assert words in capsys.readouterr().err

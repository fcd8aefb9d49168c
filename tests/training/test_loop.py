"""The loop: bit-exact resume, what a kill leaves, divergence, signals, eval against train mode."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from idvae import data, methods
from idvae.errors import DivergedError, UserError
from idvae.model import load
from idvae.training import checkpoints, loop, start
from idvae.training.distributed import Processes
from idvae.training.run import Run
from training.first_phase import with_first
from training.killed import OPTIONS

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def digits(data_root):
    return str(data.resolve("digits").path)


@pytest.fixture(scope="module")
def uninterrupted(digits, tmp_path_factory):
    run = start.train("idvae", digits, tmp_path_factory.mktemp("whole") / "run", **OPTIONS)
    return checkpoints.load(run.path / "checkpoints", "idvae"), run


def begin(digits, out, **changes):
    """A trainer as `idvae train` makes it, before its first step."""
    prepared = start.open_data(digits)
    options = {**OPTIONS, **changes}
    chosen = start.settings.from_mapping("idvae", options, start.recipes_of("idvae", prepared))
    return start.start(chosen, prepared, out, overwrite=False)


def final_state(path):
    return checkpoints.load(path / "checkpoints", "idvae")


def assert_same(one, other):
    assert one.step == other.step
    for part in ("model", "average", "optimizers"):
        a, b = getattr(one, part), getattr(other, part)
        assert set(a) == set(b)
        for name in a:
            assert torch.equal(a[name], b[name]), name


MOMENTS = ["update:1", "update:50", "write:5", "write:9", "rename:3"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_run_goes_on_to_the_same_bits(moment, digits, uninterrupted, tmp_path):
    command = [sys.executable, HERE / "killed.py", tmp_path / "run", digits, moment]
    killed = subprocess.run(command, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    trainer = start.resume(tmp_path / "run", {})
    assert trainer.step < OPTIONS["steps"]
    trainer.fit()
    assert_same(final_state(tmp_path / "run"), uninterrupted[0])
    whole, resumed = uninterrupted[1].metrics(), Run.open(tmp_path / "run").metrics()
    assert [row["step"] for row in resumed] == [row["step"] for row in whole]
    assert [row["loss_dis"] for row in resumed] == [row["loss_dis"] for row in whole]
    assert not list((tmp_path / "run" / "checkpoints").glob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(4))
def test_a_run_killed_at_a_random_moment_goes_on(attempt, digits, uninterrupted, tmp_path):
    command = [sys.executable, HERE / "killed.py", tmp_path / "run", digits, "never:0"]
    process = subprocess.Popen(command)
    while not (tmp_path / "run" / "metrics.jsonl").exists():
        assert process.poll() is None, "it ended before its first line of metrics"
        time.sleep(0.01)
    time.sleep(random.Random(attempt).uniform(0, 0.5))
    process.kill()
    process.wait()
    if checkpoints.steps(tmp_path / "run" / "checkpoints")[-1:] != [OPTIONS["steps"]]:
        start.resume(tmp_path / "run", {}).fit()
    assert_same(final_state(tmp_path / "run"), uninterrupted[0])


def test_the_same_seed_gives_the_same_run_and_another_seed_another(digits, uninterrupted, tmp_path):
    run = start.train("idvae", digits, tmp_path / "same", **OPTIONS)
    assert_same(final_state(run.path), uninterrupted[0])
    run = start.train("idvae", digits, tmp_path / "other", **{**OPTIONS, "seed": 6})
    weights = final_state(run.path).model["dis.logit.weight"]
    assert not torch.equal(weights, uninterrupted[0].model["dis.logit.weight"])


def test_more_steps_go_on_from_the_end(digits, tmp_path):
    short = {**OPTIONS, "lr_final": 1.0, "steps": 16}
    start.train("idvae", digits, tmp_path / "a", **short)
    start.resume(tmp_path / "a", {"steps": 24}).fit()
    start.train("idvae", digits, tmp_path / "b", **{**short, "steps": 24})
    assert_same(final_state(tmp_path / "a"), final_state(tmp_path / "b"))


def rates_of(trainer, stop_after=None):
    """Train, and the share of its first learning rate that each step was made with."""
    found, work = [], trainer._train_step

    def step(inputs):
        work(inputs)
        found.append(trainer.updates.optimizers["dec"].param_groups[0]["lr"] / trainer.config.lr)
        if len(found) == stop_after:
            os.kill(os.getpid(), signal.SIGTERM)

    trainer._train_step = step
    trainer.fit()
    return found


def cosine(step, steps, last=0.1):
    return last + (1 - last) * 0.5 * (1 + np.cos(np.pi * step / steps))


FALLING = {"lr_of": {}, "lr_final": 0.1, "steps": 10, "save_every": 5}


def test_more_steps_stay_at_the_last_learning_rate(digits, tmp_path):
    planned = [cosine(step, 10) for step in range(10)]
    trainer = begin(digits, tmp_path / "run", **FALLING)
    assert rates_of(trainer) == pytest.approx(planned)
    longer = start.resume(tmp_path / "run", {"steps": 30})
    assert rates_of(longer, stop_after=5) == pytest.approx([0.1] * 5)
    assert Run.open(tmp_path / "run").config["options"]["lr_steps"] == 10
    again = start.resume(tmp_path / "run", {"steps": 40})  # still what it was started with
    assert rates_of(again, stop_after=5) == pytest.approx([0.1] * 5)
    stretched = start.resume(tmp_path / "run", {"lr_steps": 40})  # asked for
    assert rates_of(stretched) == pytest.approx([cosine(step, 40) for step in range(20, 40)])


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("stopped", [1, 4, 9])
def test_a_run_that_was_stopped_and_lengthened_never_raises_its_rate(
    old, stopped, digits, tmp_path
):
    """Also a run of before config.yaml had lr_steps: it was planned for the steps that it has."""
    rates = rates_of(begin(digits, tmp_path / "run", **FALLING), stop_after=stopped)
    run = Run.open(tmp_path / "run")
    if old:
        run.config["options"].pop("lr_steps", None)
        run.write_config()
    rates += rates_of(start.resume(tmp_path / "run", {"steps": 15}))
    assert rates == pytest.approx([cosine(min(step, 10), 10) for step in range(15)])
    assert all(later <= earlier for earlier, later in pairwise(rates))


def test_fewer_steps_end_the_fall_earlier(digits, tmp_path):
    rates_of(begin(digits, tmp_path / "run", **FALLING), stop_after=4)
    rest = rates_of(start.resume(tmp_path / "run", {"steps": 8}))
    assert rest == pytest.approx([cosine(step, 8) for step in range(4, 8)])


def test_rates_that_fell_to_nothing_are_not_gone_on_with(digits, tmp_path):
    start.train("gan", digits, tmp_path / "run", **{**OPTIONS, **FALLING, "lr_final": 0.0})
    before = (tmp_path / "run" / "config.yaml").read_text()
    with pytest.raises(UserError, match=r"0 from step 10 on.* pass --lr-steps 20"):
        start.resume(tmp_path / "run", {"steps": 20})
    assert (tmp_path / "run" / "config.yaml").read_text() == before
    assert start.resume(tmp_path / "run", {"steps": 20, "lr_steps": 20}).fit()


def test_another_number_of_processes_is_noted_and_what_it_changes_is_told(digits, tmp_path):
    run = start.train("idvae", digits, tmp_path / "run", **{**OPTIONS, "steps": 10})
    assert Run.open(run.path).config["processes"] == 1
    run.config["processes"] = 2  # as torchrun would have made it
    run.write_config()
    trainer = start.resume(run.path, {"steps": 12})
    (told,) = trainer.remarks
    assert "normalises its own part of a batch: from here on 8 images, not 4" in told
    assert trainer.fit()
    again = Run.open(run.path)
    assert [again.processes(step) for step in (1, 10, 11, 12)] == [2, 2, 1, 1]
    assert start.resume(run.path, {"steps": 14}).remarks == []
    again.config["options"]["sync_norm"] = True
    again.config["processes"] = 4
    again.write_config()
    assert start.resume(run.path, {"steps": 14}).remarks == []  # the whole batch, before and after


def test_a_run_whose_processes_had_batches_of_their_own_goes_on_with_one(digits, tmp_path):
    """As an older version left it: as many images a step, in the same order."""
    run = start.train("idvae", digits, tmp_path / "run", **{**OPTIONS, "steps": 4})
    del run.config["batch_of_all"]
    run.config["processes"] = 3
    run.write_config()
    assert Run.open(run.path).batch(4) == 3 * OPTIONS["batch_size"]
    trainer = start.resume(run.path, {"steps": 6})
    assert trainer.config.batch_size == 3 * OPTIONS["batch_size"]
    assert "it is one of 24 images, as many as before" in trainer.remarks[0]
    assert trainer.fit()
    again = Run.open(run.path)
    assert again.batch(1) == again.batch(6) == again.config["options"]["batch_size"] == 24
    assert len(start.resume(run.path, {"steps": 8}).remarks) == 0


def test_batches_of_changing_processes_of_an_older_version_are_not_gone_on_with(digits, tmp_path):
    run = start.train("idvae", digits, tmp_path / "run", **{**OPTIONS, "steps": 4})
    del run.config["batch_of_all"]
    run.config |= {"processes": 2, "processes_until": {2: 1}}
    run.write_config()
    before = {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()}
    with pytest.raises(UserError, match="its batches held 8 and 16 images"):
        start.resume(run.path, {"steps": 6})
    assert {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("batch", [4, 6, 10])
def test_what_is_thinned_needs_a_batch_that_it_divides(batch, digits, tmp_path):
    thin = {"batch_size": batch, "rec_fakes": 0.0, "rec_thin": 2, "r1": 0.1, "r1_thin": 4}
    with pytest.raises(UserError, match="one of 4 somewhere: choose a multiple of 4, from 8 on"):
        begin(digits, tmp_path / "run", **thin)
    begin(digits, tmp_path / "run", **(thin | {"batch_size": 8}))


def test_a_batch_is_shared_equally_or_not_at_all(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "join_processes", lambda *_: Processes(torch.device("cpu"), 0, 3))
    words = "--batch-size 8 is of all processes together, and 3 cannot .* start 1, 2 or 4 of them"
    with pytest.raises(UserError, match=words):
        start.train("idvae", digits, tmp_path / "run", **OPTIONS)
    monkeypatch.setattr(loop, "join_processes", lambda *_: Processes(torch.device("cpu"), 0, 8))
    with pytest.raises(UserError, match="one image for each of 8 processes, and batch norm"):
        start.train("idvae", digits, tmp_path / "run", **OPTIONS)
    assert not (tmp_path / "run").exists()


def test_a_run_of_before_processes_were_noted_goes_on(digits, tmp_path):
    run = start.train("idvae", digits, tmp_path / "run", **{**OPTIONS, "steps": 3})
    del run.config["processes"]
    run.write_config()
    assert start.resume(run.path, {"steps": 4}).fit()
    assert Run.open(run.path).config["processes"] == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_finishes_the_step_and_saves(number, hangup, digits, uninterrupted, tmp_path):
    trainer = begin(digits, tmp_path / "run")

    def interrupt(step, row):
        if step == 12:
            os.kill(os.getpid(), number)

    handler = signal.getsignal(number)
    assert trainer.fit(interrupt) is False
    assert signal.getsignal(number) is handler
    assert final_state(tmp_path / "run").step == trainer.step < OPTIONS["steps"]
    assert start.resume(tmp_path / "run", {}).fit() is True
    assert_same(final_state(tmp_path / "run"), uninterrupted[0])


def test_a_signal_at_a_step_that_is_saved_anyway_saves_once(digits, tmp_path, monkeypatch):
    written, save = [], checkpoints.save
    monkeypatch.setattr(
        checkpoints, "save", lambda *args: (written.append(args[1].step), save(*args))
    )
    trainer = begin(digits, tmp_path / "run", keep=1)
    trainer.fit(lambda step, row: os.kill(os.getpid(), signal.SIGTERM) if step == 8 else None)
    assert (trainer.step, written) == (8, [8])


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(digits, tmp_path):
    trainer = begin(digits, tmp_path / "run")

    def poison(step, row):
        if step == 20:
            with torch.no_grad():
                trainer.method.dec.project.weight[0, 0] = float("nan")

    with pytest.raises(DivergedError, match=r"loss_\w+ is nan; the checkpoint of step 16 is kept"):
        trainer.fit(poison)
    assert checkpoints.steps(tmp_path / "run" / "checkpoints") == [8, 16]
    assert np.isfinite(
        load(tmp_path / "run").encode(start.open_data(digits).split("test").gather([0]))
    ).all()


def test_a_batch_never_holds_weights_of_nan(digits, tmp_path):
    """Weights that broke after the last loss was seen are not saved either."""
    trainer = begin(digits, tmp_path / "run", steps=4, save_every=2)
    original = trainer.save

    def save():
        if trainer.step == 4:
            with torch.no_grad():
                trainer.method.enc.mu.bias[0] = float("inf")
        original()

    trainer.save = save
    with pytest.raises(DivergedError, match=r"weights enc\.mu\.bias are not finite"):
        trainer.fit()
    assert checkpoints.steps(tmp_path / "run" / "checkpoints") == [2]


@pytest.mark.parametrize("name", methods.names())
def test_every_method_trains_saves_and_loads(name, digits, tmp_path):
    small = {**OPTIONS, "steps": 3, "grid_every": 2, "save_every": 2}
    small = with_first(name, digits, tmp_path, small)
    run = start.train(name, digits, tmp_path / "run", **small)
    model = load(run.path)
    assert model.sample(5).shape == (5, 16, 16, 1)
    assert model.sample(5).dtype == np.uint8
    if model.method.reconstructs:
        real = start.open_data(digits).split("test").gather(np.arange(4))
        assert model.reconstruct(real).shape == real.shape
    assert sorted(p.name for p in (run.path / "samples").iterdir()) == [
        "00000002.png",
        "00000003.png",
    ]


@pytest.mark.parametrize("name", methods.names())
def test_every_method_goes_on_to_the_same_bits(name, digits, tmp_path):
    """Stopped after 3 of 6 steps and gone on with in another trainer, as after a kill."""
    small = {**OPTIONS, "steps": 6, "save_every": 2, "grid_every": 0, "lr_final": 1.0}
    small = with_first(name, digits, tmp_path, small)
    start.train(name, digits, tmp_path / "whole", **small)
    part = start.train(name, digits, tmp_path / "part", **{**small, "steps": 3})
    assert start.resume(part.path, {"steps": 6}).fit()
    folders = (tmp_path / place / "checkpoints" for place in ("whole", "part"))
    assert_same(*(checkpoints.load(folder, name) for folder in folders))


def apart(by_mode):
    """How far eval mode is from training, over how far images are from each other."""
    train, evaluated = by_mode["train"], by_mode["eval"]
    return (evaluated - train).square().mean() / (train - train.mean(0)).square().mean()


@pytest.mark.parametrize("preset", ["small", "paper"])
def test_eval_mode_encodes_reconstructs_and_samples_as_training_does(preset, digits, tmp_path):
    """Networks that no update moves, with codes far from the prior: 60 steps of statistics alone.

    0.005 or less was measured; 0.1 and more with statistics of fakes, of the other kind of codes,
    or of a hundred batches back.
    """
    options = {"steps": 60, "batch_size": 32, "width": 8, "z_dim": 16, "preset": preset}
    trainer = begin(digits, tmp_path / "run", ema=0.0, lr_final=1.0, **options)
    method = trainer.method
    with torch.no_grad():
        for p in method.parameters():
            if p.dim() > 1:  # activations of about one, as the statistics are at first
                p.mul_(8.0)
        method.enc.mu.bias.fill_(1.0)
    for optimizer in trainer.updates.optimizers.values():
        optimizer.step = lambda: None
    trainer.fit()
    rows = np.random.default_rng(0).permutation(len(trainer.data.split("train")))[:1000]
    images = torch.from_numpy(trainer.data.split("train").gather(rows))
    x = trainer.inputs.as_data(images, trainer.dtype)
    eps, z = torch.randn(2, len(x), 16, generator=torch.Generator().manual_seed(0))
    codes, reconstructions, samples = {}, {}, {}
    with torch.no_grad():
        mu, logvar = method.train().enc(method.shared(x))
        for mode in ("train", "eval"):
            method.train(mode == "train")
            codes[mode] = method.encode(x)
            reconstructions[mode] = method.decode(mu + (0.5 * logvar).exp() * eps, posterior=True)
            samples[mode] = method.decode(z)
    assert apart(codes) < 0.03
    assert apart(reconstructions) < 0.03
    assert apart(samples) < 0.03


def test_what_is_logged_at_some_steps_is_averaged_over_them_alone(digits, tmp_path):
    trainer = begin(digits, tmp_path / "run", steps=12, log_every=6)
    work, rare = trainer.method.step, iter([2.0, 4.0, 8.0])

    def step(*arguments, **noise):
        work(*arguments, **noise)
        if trainer.step in (1, 2, 7):
            trainer.method.log(rare=torch.tensor(next(rare)))

    trainer.method.step = step
    rows = []
    trainer.fit(lambda step, row: rows.append(row["rare"]))
    assert rows == [3.0, 8.0]


@pytest.mark.parametrize(
    ("options", "decay"),
    [
        ({}, 2 / 11),
        ({"ema_share": 0.5}, 2 / 3),
        ({"ema_share": 0.01}, 2 / 101),
        ({"ema_share": 0.5, "ema": 0.6}, 0.6),
    ],
)
def test_average_follows_the_decoder(digits, tmp_path, options, decay):
    trainer = begin(digits, tmp_path / "run", steps=1, **options)
    before = [p.clone() for p in trainer.averages.networks["dec"].parameters()]
    trainer.fit()
    for old, mean, now in zip(
        before,
        trainer.averages.networks["dec"].parameters(),
        trainer.method.dec.parameters(),
        strict=True,
    ):
        torch.testing.assert_close(mean, decay * old + (1 - decay) * now)


def test_clip_bounds_a_groups_gradient(digits, tmp_path):
    trainer = begin(digits, tmp_path / "run", steps=2, clip=1e-3)
    norms = []
    for group, optimizer in trainer.updates.optimizers.items():

        def step(group=group):
            grads = [p.grad.flatten() for p in trainer.updates.parameters[group]]
            norms.append(torch.cat(grads).norm().item())

        optimizer.step = step
    trainer.fit()
    assert len(norms) == 6
    assert max(norms) <= 1.001e-3


def test_what_a_kill_left_in_a_run_goes_when_it_is_gone_on_with(digits, tmp_path):
    run = start.train("idvae", digits, tmp_path / "run", **{**OPTIONS, "steps": 2})
    rests = [
        run.path / name for name in (".curves.idvae-abcd12_9.png", ".scores.idvae-0123abcd.json")
    ]
    kept = run.path / ".curves-20240101.png"
    for path in (*rests, kept):
        path.touch()
    with pytest.raises(UserError, match="has reached its 2 steps"):
        start.resume(run.path, {})
    assert not any(path.exists() for path in rests)
    assert kept.exists()


def test_the_loop_gives_no_gradient_to_others(digits, tmp_path):
    trainer = begin(digits, tmp_path / "run", steps=1)
    for group, optimizer in trainer.updates.optimizers.items():

        def step(group=group, real=optimizer.step):
            own = {id(p) for p in trainer.updates.parameters[group]}
            for p in trainer.method.parameters():
                assert (p.grad is not None) == (id(p) in own)
            real()

        optimizer.step = step
    trainer.fit()


def test_bf16_keeps_weights_and_losses_in_float32(digits, tmp_path):
    run = start.train("idvae", digits, tmp_path / "run", **{**OPTIONS, "precision": "bf16"})
    state = final_state(run.path)
    assert all(t.dtype == torch.float32 for t in state.model.values())
    assert all(np.isfinite(row["loss_enc"]) for row in run.metrics())


def updates_of_a_step(name, digits, out, precision, path=None):
    """(group, gradient, weights after it) of every update of two steps.

    `path`: such a list, whose weights take the place of those that each update leaves.
    """
    prepared = start.open_data(digits)
    options = OPTIONS | {"steps": 2, "precision": precision, "lr": 0.01, "batch_size": 64}
    options = with_first(name, digits, out.parent, options)
    trainer = start.start(start.settings.from_mapping(name, options), prepared, out, False)
    found = []
    for group, optimizer in trainer.updates.optimizers.items():

        def step(group=group, real=optimizer.step):
            parameters = trainer.updates.parameters[group]
            gradient = torch.cat([p.grad.double().flatten() for p in parameters])
            real()
            if path:
                with torch.no_grad():
                    for p, weights in zip(parameters, path[len(found)][2], strict=True):
                        p.copy_(weights)
            found.append((group, gradient, [p.detach().clone() for p in parameters]))

        optimizer.step = step
    trainer.fit()
    return found


@pytest.mark.parametrize("name", methods.names())
def test_gradients_in_bf16_are_those_of_float32_after_each_update(name, digits, tmp_path):
    """Each loss sees the weights that the update before it left, and all of them have gradients."""
    wide = updates_of_a_step(name, digits, tmp_path / "32", "32")
    narrow = updates_of_a_step(name, digits, tmp_path / "bf16", "bf16", wide)
    for (group, a, _), (same, b, _) in zip(wide, narrow, strict=True):
        assert group == same
        assert torch.nn.functional.cosine_similarity(a, b, 0) > 0.99, group


def test_tensorboard_gets_the_metrics(digits, tmp_path):
    pytest.importorskip("tensorboard")
    run = start.train("idvae", digits, tmp_path / "run", **{**OPTIONS, "tensorboard": True})
    assert list((run.path / "tensorboard").glob("events*"))


def test_one_process_trains_in_a_folder(digits, tmp_path):
    """Two would mix their weights and metrics, one under the options of the other."""
    out, busy = tmp_path / "run", "another process trains"
    trainer = begin(digits, out, steps=6, log_every=2, save_every=2)

    def intrude(step, row):
        with pytest.raises(UserError, match=busy):
            start.resume(out, {"steps": 9})
        with pytest.raises(UserError, match=busy):
            start.train("idvae", digits, out, overwrite=True, **OPTIONS)

    trainer.fit(intrude)
    assert [row["step"] for row in trainer.run.metrics()] == [2, 4, 6]
    start.resume(out, {"steps": 8}).fit()
    late, early = (start.resume(out, {"steps": 10}) for _ in range(2))
    early.fit()
    with pytest.raises(UserError, match="has gone on to step 10 meanwhile"):
        late.fit()
    assert [row["step"] for row in early.run.metrics()] == [2, 4, 6, 8, 10]


def test_a_run_has_all_its_files_from_its_first_moment(digits, tmp_path, monkeypatch):
    def full(run, rows):
        raise OSError(28, "No space left on device")

    empty = tmp_path / "empty"
    empty.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(Run, "write_conditions", full)
        for out in (tmp_path / "run", empty):
            with pytest.raises(OSError, match="No space"):
                begin(digits, out, condition="labels")
            assert not (out / "config.yaml").exists()
    begin(digits, empty, condition="labels")
    assert Run.open(empty).conditions().shape[1] == 10


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lr_final": 1.0, "lr_steps": 2}, "--lr-steps is how long .* pass another --lr-final"),
        ({"optimizer": "sgd", "betas_of": {"dec": (0.1, 0.2)}}, "--betas-of.dec: sgd, .* no betas"),
        ({"optimizer": "rprop", "lr_final": 0.5}, "rate of dis changes .* rprop, looks at it once"),
        (
            {"optimizer_of": {"dec": "rprop"}, "schedules": {"lr.dec": [0.0, 50]}},
            "rate of dec changes",
        ),
        (
            {"condition": "labels", "edits": 0.02},
            r"--edits 0\.02 of --batch-size 16 is no image; one is 0\.0625",
        ),
        (
            {"condition": "labels", "mismatch": 1.0, "turned": 0.03},
            r"--turned 0\.03 of --batch-size 16 is no image",
        ),
    ],
)
def test_what_would_do_nothing_is_refused(digits, tmp_path, options, words):
    with pytest.raises(UserError, match=words):
        begin(digits, tmp_path / "run", batch_size=16, **options)
    assert not (tmp_path / "run").exists()


def test_a_run_tells_how_its_set_was_prepared_and_where_it_lay(data_root, tmp_path):
    made = data.prepare("digits", n=80, seed=0, set_name="gone")
    run = start.train("gan", made, tmp_path / "run", **{**OPTIONS, "steps": 1})
    assert run.config["data"]["asked"]["n"] == 80
    shutil.rmtree(made.path)
    with pytest.raises(UserError, match=r"gone, the set that .* is not at .*gone"):
        start.resume(tmp_path / "run", {"steps": 2})


def test_points_are_not_mirrored(data_root, tmp_path):
    with pytest.raises(UserError, match="--flip mirrors images, and gaussians-ring has points"):
        start.train("vae", "gaussians-ring", tmp_path / "run", flip=True, steps=1)

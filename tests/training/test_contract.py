"""What the loop offers: penalties, joint updates, optimizers, averages, frozen networks."""

from pathlib import Path

import numpy as np
import pytest
import torch

from idvae import data, methods
from idvae.errors import UserError
from idvae.model import load
from idvae.training import checkpoints, cuda_graphs, flops, frozen, start
from torchrun import start_all
from training.test_cuda_graphs import Again, Tape

TRAIN = {
    "steps": 6, "batch_size": 8, "width": 4, "z_dim": 3, "log_every": 2, "save_every": 3,
    "grid_every": 0, "threads": 1, "seed": 5, "lr_of": {},
}  # fmt: skip
OPTIONS = TRAIN | {
    "optimizer": "rmsprop", "optimizer_of": {"dis": "adam"}, "ema_images": 40.0,
    "schedules": {"gamma": [0.1, 4], "lr.dis": [1e-5, 4], "beta2.dis": [0.9, 4]},
}  # fmt: skip
START = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from idvae import methods
methods.register("toy", "training.toy:Toy")
from idvae.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    monkeypatch.setattr(methods, "_METHODS", dict(methods._METHODS))
    methods.register("toy", "training.toy:Toy")


@pytest.fixture(scope="module")
def digits(data_root):
    return str(data.resolve("digits").path)


@pytest.fixture(scope="module")
def vae(digits, tmp_path_factory):
    """The run that lends its trunk."""
    options = {**TRAIN, "steps": 2}
    return str(start.train("vae", digits, tmp_path_factory.mktemp("vae") / "run", **options).path)


def final(path):
    return checkpoints.load(Path(path) / "checkpoints", "toy")


def assert_same(a, b):
    for part in ("model", "average", "optimizers"):
        one, other = getattr(a, part), getattr(b, part)
        assert set(one) == set(other)
        assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("precision", ["32", "bf16"])
def test_it_trains_and_goes_on_to_the_same_bits(precision, digits, vae, tmp_path):
    options = {**OPTIONS, "pretrained": vae, "precision": precision}
    whole = start.train("toy", digits, tmp_path / "whole", **options)
    part = start.train("toy", digits, tmp_path / "part", **{**options, "steps": 3})
    assert start.resume(part.path, {"steps": 6}).fit()
    assert_same(final(whole.path), final(part.path))
    assert all(np.isfinite(row["loss_dis"]) for row in whole.metrics())


def test_frozen_networks_never_move_and_are_stored_once(digits, vae, tmp_path):
    run = start.train("toy", digits, tmp_path / "run", **OPTIONS, pretrained=vae)
    theirs = load(vae).method.trunk.state_dict()
    for key, value in load(run.path).method.features.state_dict().items():
        assert torch.equal(value, theirs[key]), key
    assert not any(key.startswith("features.") for key in final(run.path).model)
    (Path(vae) / "config.yaml").rename(Path(vae) / "away")  # the run is whole without the other
    try:
        assert load(run.path).sample(2).shape == (2, 16, 16, 1)
    finally:
        (Path(vae) / "away").rename(Path(vae) / "config.yaml")


def test_frozen_weights_of_another_shape_are_told_from_their_header(
    digits, vae, tmp_path, monkeypatch
):
    run = start.train("toy", digits, tmp_path / "run", **OPTIONS, pretrained=vae)
    frozen.save_file({"features.blocks.0.0.weight": torch.zeros(9, 9)}, run.path / frozen.FILE)
    method = begun(digits, vae, tmp_path / "other").method
    monkeypatch.setattr(checkpoints, "read_tensors", lambda path: pytest.fail(f"{path} was read"))
    with pytest.raises(UserError, match=r"frozen\.safetensors does not fit"):
        frozen.load(method, run)


def test_a_frozen_network_needs_its_run(digits, tmp_path):
    with pytest.raises(UserError, match="--pretrained RUN"):
        start.train("toy", digits, tmp_path / "run", **OPTIONS)
    assert not (tmp_path / "run").exists()


def test_sampling_and_encoding_use_the_averages(digits, vae, tmp_path):
    run = start.train("toy", digits, tmp_path / "run", **OPTIONS, pretrained=vae)
    saved, method = final(run.path), load(run.path).method
    for name in ("code", "dec"):
        for key, value in getattr(method, name).state_dict().items():
            assert torch.equal(value, saved.average[f"{name}.{key}"])
    live = {k: v for k, v in saved.model.items() if k.startswith("code.")}
    assert not any(torch.equal(saved.average[key], value) for key, value in live.items())


def test_averages_follow_by_a_half_life_in_images(digits, vae, tmp_path):
    trainer = begun(digits, vae, tmp_path / "run")
    assert trainer.averages.decay == pytest.approx(0.5 ** (8 / 40))


def begun(digits, vae, out, **options):
    prepared = start.open_data(digits)
    chosen = start.settings.from_mapping("toy", {**OPTIONS, "pretrained": vae, **options})
    return start.start(chosen, prepared, out, overwrite=False)


def test_schedules_reach_their_end_and_stay(digits, vae, tmp_path):
    trainer = begun(digits, vae, tmp_path / "run")
    seen = []
    step = trainer.updates.optimizers["dis"].step

    def noted():
        group = trainer.updates.optimizers["dis"].param_groups[0]
        seen.append((float(trainer.method.config.gamma), group["lr"], group["betas"][1]))
        step()

    trainer.updates.optimizers["dis"].step = noted
    trainer.fit()
    first, middle, *_, last = seen[0], seen[2], seen[5]
    assert first == pytest.approx((1.0, 5e-4, 0.999))
    assert middle == pytest.approx((0.55, (5e-4 + 1e-5) / 2, (0.999 + 0.9) / 2))
    assert last == seen[4] == pytest.approx((0.1, 1e-5, 0.9))


def test_the_count_holds_the_penalty(digits, vae, tmp_path):
    """R1 costs a forward pass, its gradient, and the way back through both."""
    trainer = begun(digits, vae, tmp_path / "run")
    with_it = trainer.run.config["step_macs"]
    assert with_it == flops.step_macs(trainer.method)
    trainer.method.penalty = lambda x, code, y: x.new_zeros(())
    assert with_it > 1.2 * flops.step_macs(trainer.method)


@pytest.mark.parametrize("precision", ["32", "bf16"])
def test_a_penalty_is_recorded(precision, digits, vae, tmp_path, monkeypatch):
    options = {**OPTIONS, "optimizer": "adam", "pretrained": vae, "schedules": {"gamma": [0.1, 4]}}
    for recording in (Again, Tape):
        monkeypatch.setattr(cuda_graphs, "CudaRecording", recording)
        out = tmp_path / recording.__name__
        start.train("toy", digits, out, **options, graphs=True, precision=precision)
    assert_same(final(tmp_path / "Again"), final(tmp_path / "Tape"))


def test_together_takes_all_gradients_before_any_step(digits, vae, tmp_path):
    """Of one forward pass, to the bit: by hand, with no step between."""
    trainer = begun(digits, vae, tmp_path / "run", precision="64", device="cpu")
    trainer.method.train()
    twin = begun(digits, vae, tmp_path / "twin", precision="64", device="cpu")
    twin.method.train()
    inputs = {name: t.double() for name, t in trainer.inputs(0).items() if name != "images"}
    x = trainer.inputs.as_data(trainer.inputs(0)["images"], torch.float64)
    found, expected = {}, {}

    class Hand:
        def together(self, losses):
            for group, loss in losses.items():
                parameters = twin.method.group_parameters(group)
                expected[group] = torch.autograd.grad(loss, parameters, retain_graph=True)

    for group, optimizer in trainer.updates.optimizers.items():

        def step(group=group, real=optimizer.step):
            found[group] = [p.grad.clone() for p in trainer.updates.parameters[group]]
            real()

        optimizer.step = step
    twin.method.step(x, None, Hand(), **inputs)
    trainer.method.step(x, None, trainer.updates, **inputs)
    for group, gradients in expected.items():
        for ours, theirs in zip(found[group], gradients, strict=True):
            assert torch.equal(ours, theirs)


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch has no distributed here")
def test_two_processes_train_it(digits, vae, tmp_path):
    out = tmp_path / "two"
    flags = ["--batch-size=4", "--width=4", "--z-dim=3", "--steps=3", "--threads=1", "--no-recipe"]
    flags += ["--grid-every=0", "--optimizer=rmsprop", "--ema-images=40", "--sync-norm=true"]
    command = ["train", "toy", "--data", digits, "--out", str(out), f"--pretrained={vae}", *flags]
    tests = str(Path(__file__).parent.parent)
    processes = start_all(command, ("-c", START, tests))
    outputs = ["".join(process.communicate(timeout=300)) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert final(out).step == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"optimizer": "lbfgs"}, "unknown --optimizer lbfgs"),
        ({"optimizer_of": {"other": "sgd"}}, "names no group 'other'"),
        ({"optimizer_options": {"momentum": 0.9}}, "adam has no option 'momentum'"),
        ({"optimizer_options": {"lr": 0.9}}, "'lr'"),
        ({"schedules": {"delta": [0.1, 4]}}, "'delta' is none of"),
        ({"schedules": {"lr": [0.1, 0]}}, "0 is out of range"),
        ({"schedules": {"lr.other": [0.1, 5]}}, "names no group 'other'"),
        ({"optimizer": "rmsprop", "schedules": {"beta2": [0.9, 5]}}, "rmsprop, .* has no beta2"),
        ({"ema": 0.9, "ema_images": 50.0}, "--ema-images"),
        ({"ema_share": 0.6}, "--ema-share.*0.6 is out of range"),
    ],
)
def test_mistakes_are_told(options, words, digits, vae, tmp_path):
    clean = {k: v for k, v in OPTIONS.items() if k in TRAIN}
    with pytest.raises(UserError, match=words):
        start.train("toy", digits, tmp_path / "run", **{**clean, **options}, pretrained=vae)
    assert not (tmp_path / "run").exists()

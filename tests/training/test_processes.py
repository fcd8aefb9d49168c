"""Several processes train as one with the whole batch would."""

import json
from pathlib import Path

import pytest
import torch

from idvae import data, methods
from idvae.training import checkpoints, start
from torchrun import start_all
from training.first_phase import with_first

OPTIONS = {
    "steps": 8, "width": 16, "z_dim": 3, "log_every": 2, "save_every": 4, "grid_every": 0,
    "ema": 0.9, "threads": 1, "precision": "64",
}  # fmt: skip


def train_in_two(arguments):
    """Train in two processes on this machine; what each printed, errors and all."""
    outputs, codes = [], []
    for process in start_all(arguments):
        outputs.append("".join(process.communicate(timeout=300)))
        codes.append(process.returncode)
    assert codes == [0, 0], outputs
    return outputs


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch has no distributed here")
@pytest.mark.parametrize(
    ("name", "more"), [("ring-two", []), ("digits-two", ["--sync-norm=true", "--width=4"])]
)
def test_two_processes_equal_one_with_the_whole_batch(name, more, data_root, tmp_path):
    """Images too, where the batch is normalised over both processes."""
    if name == "ring-two":
        data.prepare("gaussians-ring", n=500, set_name=name)
    else:
        data.prepare("digits", n=200, set_name=name)
    options = OPTIONS | ({} if name == "ring-two" else {"width": 4})
    one = start.train("idvae", name, tmp_path / "one", **options, batch_size=16)
    flags = [f"--{k.replace('_', '-')}={v}" for k, v in OPTIONS.items()]
    # The recipes do not count: start.train above started from them too.
    out = str(tmp_path / "two")
    command = ["train", "idvae", "--data", name, "--out", out, "--batch-size=16", *flags, *more]
    outputs = train_in_two(command)
    assert "steps 0 to 8" in outputs[0]
    assert outputs[1] == "" or "steps 0" not in outputs[1]
    a, b = (
        checkpoints.load(Path(p) / "checkpoints", "idvae") for p in (one.path, tmp_path / "two")
    )
    for name, value in a.model.items():
        torch.testing.assert_close(b.model[name], value, rtol=0, atol=1e-9)
    assert start.Run.open(tmp_path / "two").config["processes"] == 2
    rows = (one.metrics(), start.Run.open(tmp_path / "two").metrics())
    assert [r["step"] for r in rows[0]] == [r["step"] for r in rows[1]] == [2, 4, 6, 8]
    assert rows[1][-1]["loss_dis"] == pytest.approx(rows[0][-1]["loss_dis"], abs=1e-9)


PARTS = """
import json, sys, torch
from idvae.training import start
from idvae.training.updates import average_gradients

rank = int(__import__("os").environ["RANK"])
prepared = start.open_data(sys.argv[1])
options = {"threads": 1, "width": 4, "z_dim": 3, "equilibrium": 0.68}
chosen = start.settings.from_mapping("vae-gan", options)
trainer = start.start(chosen, prepared, start.Path(sys.argv[2]), False)
found = {"mean": trainer.method.mean_of_all(torch.tensor([1.0, 3.0 * rank])).tolist()}

# Each parameter: reached by the loss of both processes, of the second alone, of none.
weights = [torch.nn.Parameter(torch.ones(2, 2)) for _ in range(3)]
reached = weights[: rank + 1]
sum((rank + 1) * p.sum() for p in reached).backward(inputs=weights[:2])
average_gradients(weights)
found["gradients"] = [None if p.grad is None else p.grad.tolist() for p in weights]
print(json.dumps(found))
"""


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch has no distributed here")
def test_what_processes_share_is_the_mean_of_all_also_where_one_has_nothing(data_root, tmp_path):
    """A parameter that one loss did not reach gets zeros from it; one that none did, nothing."""
    data.prepare("gaussians-ring", n=100, set_name="ring-shared")
    processes = start_all(["ring-shared", str(tmp_path / "run")], ("-c", PARTS))
    outputs = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    for output, _ in outputs:
        found = json.loads(output.splitlines()[-1])
        assert found["mean"] == [1.0, 1.5]
        assert found["gradients"] == [[[1.5, 1.5]] * 2, [[1.0, 1.0]] * 2, None]


@pytest.mark.slow
@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch has no distributed here")
def test_a_run_of_four_processes_goes_on_by_two_and_then_by_three(data_root, tmp_path):
    made = data.prepare("digits", n=200, set_name="digits-changing")
    options = {
        **OPTIONS, "width": 4, "batch_size": 12, "sync_norm": True, "ema": 0.0, "ema_images": 200,
        "deviation": True, "augment": "colour,translation,cutout", "flip": True, "save_every": 8,
        "lr_final": 1.0,  # else they would fall over the steps of the first part
    }  # fmt: skip
    flags = [f"--{k.replace('_', '-')}={v}".replace("True", "true") for k, v in options.items()]
    out = tmp_path / "run"
    command = ["train", "idvae", "--data", made.name, "--out", str(out), *flags, "--steps=4"]
    for world, steps in ((4, 4), (2, 8), (3, 12)):
        processes = start_all(command, world=world)
        outputs = [process.communicate(timeout=500) for process in processes]
        assert [process.returncode for process in processes] == [0] * world, outputs
        command = ["train", "--resume", str(out), f"--steps={steps + 4}"]
    alone = start.train("idvae", made.name, tmp_path / "alone", **options | {"steps": 12})
    a, b = (checkpoints.load(place / "checkpoints", "idvae") for place in (alone.path, out))
    assert a.step == b.step == 12
    for name, value in (a.model | a.average).items():
        torch.testing.assert_close((b.model | b.average)[name], value, rtol=0, atol=1e-8)
    run = start.Run.open(out)
    assert run.config["processes_until"] == {4: 4, 8: 2}
    assert run.config["options"]["batch_size"] == run.batch(4) == run.batch(12) == 12


EVERY = """
import json, sys
from idvae.training import start

for name, data, out, options in json.loads(sys.argv[1]):
    start.train(name, data, out, **options)
"""
HELD = {"augment": "colour,translation,cutout", "r1": 0.1}
WITH = {  # what looks at more than one row of a batch
    "idvae": {
        **HELD, "r2": 0.1, "relativistic": True, "deviation": True, "dec_steps": 2,
        "condition": "labels", "mismatch": 0.5, "edits": 0.4, "turned": 0.4, "auxiliary": 0.3,
        "auxiliary_noise": 0.3, "flip": True,
    },
    "gan": {**HELD, "condition": "labels", "mismatch_share": 0.5},
    "intro-vae": {"margin": 10.0, "vae_steps": 1},
    "r3gan": HELD,
    "vae-gan": {**HELD, "r2": 0.1, "equilibrium": 0.68},
    "idvae-plus": {**HELD, "rec_thin": 2, "r1_thin": 2},
    **{name: HELD for name in ("alpha-gan", "mr-gan")},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch has no distributed here")
def test_three_processes_train_every_method_as_one_does(data_root, tmp_path):
    """Draws of a batch, rows beside one another, and what a batch is as a whole."""
    made = data.prepare("digits", n=200, set_name="digits-every")
    common = OPTIONS | {"steps": 3, "width": 4, "batch_size": 12, "ema": 0.0, "save_every": 3,
                        "sync_norm": True, "lr": 1e-3}  # fmt: skip
    todo = []
    for name in methods.names():
        options = with_first(name, made.name, tmp_path, common | WITH.get(name, {}))
        todo.append((name, made.name, str(tmp_path / f"{name}-three"), options))
        start.train(name, made.name, tmp_path / name, **options)
    processes = start_all([json.dumps(todo)], ("-c", EVERY), world=3)
    outputs = [process.communicate(timeout=500) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    for name, *_ in todo:
        a, b = (checkpoints.load(tmp_path / f"{name}{end}" / "checkpoints", name)
                for end in ("", "-three"))  # fmt: skip
        for key, value in a.model.items():
            torch.testing.assert_close(
                b.model[key], value, rtol=0, atol=1e-8, msg=lambda m, at=(name, key): f"{at}: {m}"
            )

"""Several processes train as one with the whole batch would."""

import json
from pathlib import Path

import pytest
import torch

from idvae import data
from idvae.training import checkpoints, start
from torchrun import start_all

OPTIONS = {
    "steps": 8, "width": 16, "z_dim": 3, "log_every": 2, "save_every": 4, "grid_every": 0,
    "ema": 0.9, "threads": 1, "precision": "64",
}  # fmt: skip

START = """
import os, sys
from idvae.training import batches
from idvae.methods.method import Method

# The noise of the whole batch, of which each process takes its part: what one process would draw.
own, whole = batches.generator_for, Method.draw_noise
def shared(seed, stream, *position):
    return own(seed, stream, *((position[0], 0) if stream == batches.NOISE else position))
def part(self, n, generator):
    rank = int(os.environ["RANK"])
    return {k: t[rank * n : (rank + 1) * n] for k, t in whole(self, 2 * n, generator).items()}
batches.generator_for, Method.draw_noise = shared, part
from idvae.cli import main
sys.exit(main(sys.argv[1:]))
"""


def train_in_two(arguments):
    """Train in two processes on this machine; what each printed, errors and all."""
    outputs, codes = [], []
    for process in start_all(arguments, ("-c", START)):
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
    command = ["train", "idvae", "--data", name, "--out", out, "--batch-size=8", *flags, *more]
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

"""The library's training step gives the numbers of Algorithm 1 written plainly."""

import re

import pytest
import torch

from idvae import data
from idvae.bench.plain import PlainIDVAE, plain_layers
from idvae.data.pixels import to_float
from idvae.methods.idvae import IDVAEConfig
from idvae.networks import NetworkConfig, Networks
from idvae.training import batches, checkpoints, start
from idvae.training.build import data_shape

STEPS, BATCH, SEED = 6, 8, 3  # few: what differs grows from step to step
OPTIONS = {
    "steps": STEPS, "batch_size": BATCH, "seed": SEED, "lr": 2e-3, "betas": (0.5, 0.99),
    "lr_of": {}, "lr_final": 1.0, "ema": 0.0, "precision": "64", "threads": 1, "log_every": 1,
    "grid_every": 0,
}  # fmt: skip


def plain_curve(prepared, networks, weights):
    """The losses of each step, and the model after the last."""
    with torch.random.fork_rng():
        torch.manual_seed(batches.seed_for(SEED, batches.INITIAL))
        nets = Networks(data_shape(prepared), networks)
        model = PlainIDVAE(nets, IDVAEConfig(**weights), OPTIONS["lr"], OPTIONS["betas"]).double()
    plain_layers(model.dec)
    split, rows = prepared.split("train"), []
    for step in range(STEPS):
        x = to_float(torch.from_numpy(split.gather(batches.indices(len(split), BATCH, SEED, step))))
        generator = batches.generator_for(SEED, batches.NOISE, step, 0)
        eps, z = (torch.randn(BATCH, nets.z_dim, generator=generator) for _ in range(2))
        rows.append(model.step(x.contiguous().double(), eps.double(), z.double()))
    return rows, model


@pytest.mark.parametrize("preset", ["small", "deep", "paper", "residual"])
@pytest.mark.parametrize("weights", [{}, {"alpha": 0.7, "lambda_": 30.0, "gamma": 0.1}])
def test_the_loss_curve_is_that_of_the_plain_version(preset, weights, data_root, tmp_path):
    prepared = data.resolve("digits-16")
    networks = {"preset": preset, "width": 4, "z_dim": 5}
    run = start.train("idvae", prepared.path, tmp_path / "run", **OPTIONS, **networks, **weights)
    used = run.config["options"]
    expected, model = plain_curve(prepared, NetworkConfig(**networks), _weights(used))
    rows = run.metrics()
    assert len(rows) == len(expected) == STEPS
    for row, plain in zip(rows, expected, strict=True):
        for group, value in plain.items():
            assert row[f"loss_{group}"] == pytest.approx(value, rel=1e-9), (row["step"], group)
    # Adam divides by √v: what rounding leaves of a gradient near zero shows in the weights.
    state = checkpoints.load(run.path / "checkpoints", "idvae").model
    for name, value in model.state_dict().items():
        # plain_layers puts a layer before it
        name = re.sub(r"(dec\.(?:blocks|doublings)\.\d+)\.1\.weight", r"\1.weight", name)
        torch.testing.assert_close(state[name], value, rtol=1e-6, atol=1e-8, msg=name)


def _weights(options):
    """The weights of the losses, which start from a recipe that the plain version does not read."""
    names = ("alpha", "beta", "omega", "lambda", "gamma")
    return {("lambda_" if n == "lambda" else n): options[n] for n in names}

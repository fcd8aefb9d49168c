"""RFGAN's updates against an oracle, in float64; its frozen features, and what passes them."""

import pytest
import torch
from torch.nn.functional import logsigmoid

from idvae import data
from idvae.cli import main
from idvae.errors import UserError
from idvae.model import load
from idvae.networks import DataShape
from idvae.training import start
from methods.oracle import SHAPES, assert_equal, gradients, still_gradients
from methods.recorder import clone, run_step

FEW = {
    "steps": 2, "batch_size": 8, "width": 4, "z_dim": 3, "log_every": 2, "grid_every": 0,
    "threads": 1,
}  # fmt: skip


def logit(net, x, y):
    """The last layer on two feature maps, as the sum of what it makes of each."""
    own, found = net.trunk(x, y), net.features(x, y)
    weight = net.dis.logit.weight[0]
    return own @ weight[: own.shape[1]] + found @ weight[own.shape[1] :] + net.dis.logit.bias


@pytest.mark.parametrize(("shape", "preset"), SHAPES)
def test_gradients_equal_the_oracle(shape, preset):
    step = run_step("rfgan", shape, preset)
    dis, dec = step.seen
    assert (dis.group, dec.group) == ("dis", "dec")
    fake = dis.before.dec(step.noise["z"], step.y).detach()
    loss = -logsigmoid(logit(dis.before, step.x, step.y)).mean()
    loss = loss - logsigmoid(-logit(dis.before, fake, step.y)).mean()
    assert_equal(dis, gradients(dis.before, loss, ("trunk", "dis")))
    loss = -logsigmoid(logit(dec.before, dec.before.dec(step.noise["z"], step.y), step.y)).mean()
    assert_equal(dec, gradients(dec.before, loss, ("dec",)))


def test_the_gradient_reaches_the_generator_through_the_frozen_features():
    step = run_step("rfgan", DataShape(0, 2))
    blind = clone(step.method)
    width = blind.dis.logit.weight.shape[1] // 2
    with torch.no_grad():
        blind.dis.logit.weight[:, :width] = 0  # of the discriminator's own features
    found = still_gradients(blind, step)["dec"]
    assert all(gradient.abs().max() > 0 for gradient in found.values())


def test_features_are_in_eval_mode_while_the_rest_trains():
    method = run_step("rfgan").method.train()
    assert method.trunk.training
    assert not method.features.training
    assert not any(module.training for module in method.features.modules())


def test_two_commands_make_a_run(data_root, tmp_path):
    digits = str(data.resolve("digits").path)
    with pytest.raises(UserError, match="idvae train dae: name it with --pretrained RUN"):
        start.train("rfgan", digits, tmp_path / "none", **FEW)
    first = start.train("dae", digits, tmp_path / "dae", **FEW)
    run = start.train("rfgan", digits, tmp_path / "run", pretrained=str(first.path), **FEW)
    theirs = load(first.path).method.trunk.state_dict()
    for key, value in load(run.path).method.features.state_dict().items():
        assert torch.equal(value, theirs[key]), key
    assert load(run.path).sample(2).shape == (2, 16, 16, 1)
    assert run.config["first_phase_step"] == 2


def test_a_first_run_that_is_not_at_its_end_is_not_taken(data_root, tmp_path):
    digits = str(data.resolve("digits").path)
    first = start.train("dae", digits, tmp_path / "dae", **FEW).path
    config = first / "config.yaml"
    config.write_text(config.read_text().replace("steps: 2", "steps: 4"))  # as Ctrl-C leaves it
    with pytest.raises(UserError, match=r"is at step 2 of 4: let it end .* --steps 2\)"):
        start.train("rfgan", digits, tmp_path / "run", pretrained=str(first), **FEW)
    assert main(["train", "--resume", str(first), "--steps", "2"]) == 0
    start.train("rfgan", digits, tmp_path / "run", pretrained=str(first), **FEW)
    assert main(["train", "--resume", str(first), "--steps", "2"]) == 2  # it has ended

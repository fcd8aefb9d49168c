"""Checkpoints come back bit for bit, and nothing but a whole checkpoint is ever loaded."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from idvae.errors import UserError
from idvae.training import checkpoints
from idvae.training.checkpoints import Checkpoint


def make(step, method="idvae"):
    torch.manual_seed(step)
    network = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    state = checkpoints.optimizer_state({"dec": optimizer})
    weights = checkpoints.on_cpu(network.state_dict())
    return network, optimizer, Checkpoint(step, method, weights, None, state)


def test_weights_and_moments_come_back_to_the_bit(tmp_path):
    network, optimizer, checkpoint = make(7)
    checkpoints.save(tmp_path, checkpoint, keep=3)
    loaded = checkpoints.load(tmp_path, "idvae")
    other, fresh, _ = make(8)
    checkpoints.load_weights(other, loaded.model, tmp_path)
    checkpoints.load_optimizer_state({"dec": fresh}, loaded.optimizers, tmp_path)
    assert loaded.step == 7
    for one in (network, other):
        one.zero_grad()
        one(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    fresh.step()
    for p, q in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(p, q)


def test_moments_lie_in_memory_as_their_weights_do(tmp_path):
    """A fused Adam pairs weights and moments by address, whatever their strides say."""

    def network():
        torch.manual_seed(0)
        return torch.nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)

    def steps(conv, adam, n):
        for _ in range(n):
            conv(torch.ones(1, 3, 5, 5)).square().sum().backward()
            adam.step()
            adam.zero_grad()

    whole, half = network(), network()
    adams = [torch.optim.Adam(c.parameters(), fused=True) for c in (whole, half)]
    steps(whole, adams[0], 4)
    steps(half, adams[1], 2)
    flat = checkpoints.optimizer_state({"dec": adams[1]})
    fresh = torch.optim.Adam(half.parameters(), fused=True)
    checkpoints.load_optimizer_state({"dec": fresh}, flat, tmp_path)
    steps(half, fresh, 2)
    assert torch.equal(whole.weight, half.weight)


def test_only_the_newest_are_kept(tmp_path):
    for step in (5, 10, 15, 20):
        checkpoints.save(tmp_path, make(step)[2], keep=2)
    assert checkpoints.steps(tmp_path) == [15, 20]
    assert checkpoints.load(tmp_path, "idvae").step == 20
    assert checkpoints.load(tmp_path, "idvae", step=15).step == 15


class Bomb:
    exploded = False

    def __reduce__(self):
        return (setattr, (Bomb, "exploded", True))


def truncate(path):
    path.write_bytes(path.read_bytes()[:-10])


def disguise(path):
    path.write_bytes(pickle.dumps(Bomb()))


def torch_pickle(path):
    torch.save({"x": Bomb()}, path)


@pytest.mark.parametrize("file", ["model.safetensors", "optimizers.safetensors", "state.json"])
@pytest.mark.parametrize("damage", [truncate, disguise, torch_pickle])
def test_a_damaged_checkpoint_is_refused_unread(tmp_path, file, damage):
    folder = checkpoints.save(tmp_path, make(5)[2], keep=2)
    damage(folder / file)
    with pytest.raises(UserError, match=f"{file} is damaged or no checkpoint"):
        checkpoints.load(tmp_path, "idvae")
    assert not Bomb.exploded


def test_other_mistakes_are_told(tmp_path):
    with pytest.raises(UserError, match="holds no checkpoint yet"):
        checkpoints.load(tmp_path, "idvae")
    checkpoints.save(tmp_path, make(5, "vae")[2], keep=2)
    with pytest.raises(UserError, match="is a checkpoint of vae, not of idvae"):
        checkpoints.load(tmp_path, "idvae")
    with pytest.raises(UserError, match="no checkpoint of step 6"):
        checkpoints.load(tmp_path, "vae", step=6)
    with pytest.raises(UserError, match="does not fit the networks"):
        checkpoints.load_weights(torch.nn.Linear(3, 5), make(1)[2].model, tmp_path)


def test_what_a_kill_left_half_written_is_no_checkpoint(tmp_path):
    checkpoints.save(tmp_path, make(5)[2], keep=2)
    for name in (".00000010.idvae-abcd_012", ".00000010.idvae-removed-abcd_012", ".of-a-user"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(b"half")
    assert checkpoints.steps(tmp_path) == [5]
    checkpoints.remove_unfinished(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".of-a-user", "00000005"]


@pytest.fixture(scope="module")
def moments(tmp_path_factory):
    """What a process leaves that is killed before each of its operations on files."""
    script = Path(__file__).parent / "killed_writing.py"
    command = [sys.executable, script, tmp_path_factory.mktemp("moments")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("scene", "how"),
    [
        ("another step", "exchange"),
        ("the same step", "exchange"),
        ("a damaged step", "exchange"),
        ("a damaged step", "renames"),
        ("a set", "exchange"),
        ("a set", "renames"),
    ],
)
def test_a_kill_at_any_moment_leaves_the_old_or_the_new_whole(scene, how, moments):
    """With --keep 1 too; what replaces a checkpoint of the same step, and any other folder."""
    found = [m for m in moments if (m["scene"], m["how"]) == (scene, how)]
    assert len(found) >= 4
    if scene == "a set":
        assert {tuple(m["set"]) for m in found} == {("old", "old"), ("new", "new")}
        return
    for moment in found:
        assert moment["whole"], moment
        assert not moment["left"], moment
        if scene != "a damaged step":
            assert moment["whole"] == moment["steps"], moment
    assert found[-1]["whole"] == [10]


def test_a_checkpoint_that_is_whole_is_not_written_again(tmp_path):
    path = checkpoints.save(tmp_path, make(5)[2], keep=2)
    place = (path / "model.safetensors").stat().st_ino
    assert checkpoints.is_whole(path)
    checkpoints.save(tmp_path, make(5)[2], keep=2)
    assert (path / "model.safetensors").stat().st_ino == place
    truncate(path / "optimizers.safetensors")
    assert not checkpoints.is_whole(path)
    checkpoints.save(tmp_path, make(5)[2], keep=2)
    assert checkpoints.is_whole(path)
    assert checkpoints.load(tmp_path, "idvae").step == 5

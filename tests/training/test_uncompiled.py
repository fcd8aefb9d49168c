"""torch's optimizers without its compiler: the same bits, and the compiler is not loaded."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from idvae.training import optimizers
from idvae.training.uncompiled import uncompiled

OLD = tuple(map(int, torch.__version__.split(".")[:2])) < (2, 13)


def trained(cls, **options):
    """Weights and state after some steps, one of them with a group that was added late."""
    torch.manual_seed(0)
    layer, late = nn.Linear(6, 4), nn.Parameter(torch.ones(4))
    made = cls(layer.parameters(), lr=0.01, **options)
    for step in range(5):
        if step == 2 and not (cls.__name__ == "Adagrad" and OLD):  # its own step fails there
            made.add_param_group({"params": [late]})
        (layer(torch.randn(8, 6)) * late).square().sum().backward()
        made.step()
        made.zero_grad()
    state = made.state_dict()["state"].values()
    kept = [v for of_one in state for v in of_one.values() if torch.is_tensor(v)]
    return [layer.weight, layer.bias, late, *kept]


@pytest.mark.parametrize("name", sorted(optimizers.known()))
def test_steps_are_those_of_torch_to_the_bit(name):
    cls = optimizers.known()[name]
    options = {"fused": True} if name == "adam" else {}
    for one, other in zip(
        trained(cls, **options), trained(uncompiled(cls), **options), strict=True
    ):
        assert torch.equal(one, other)


def test_a_closure_is_called_with_gradients():
    weight = nn.Parameter(torch.ones(3))
    made = uncompiled(torch.optim.SGD)([weight], lr=0.5)

    def closure():
        made.zero_grad()
        loss = weight.sum()
        loss.backward()
        return loss

    assert made.step(closure) == 3
    assert weight.tolist() == [0.5] * 3


@pytest.mark.skipif(
    OLD, reason="torch before 2.13 loads it elsewhere too; only the start is slower"
)
def test_a_training_does_not_load_the_compiler(data_root, tmp_path):
    code = (
        "import sys\n"
        "from idvae.training import start\n"
        "start.train('idvae', 'digits-16', sys.argv[1], steps=2, batch_size=8, width=4,"
        " grid_every=0, threads=1)\n"
        "print([name for name in ('torch._dynamo', 'sympy', 'matplotlib') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "run")]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed.splitlines()[-1] == "[]"

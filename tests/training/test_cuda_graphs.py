"""A recorded step, on a tape that repeats operations as a CUDA graph does; and on a GPU."""

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from idvae import data, methods
from idvae.errors import UserError
from idvae.networks import DataShape, NetworkConfig, Networks
from idvae.training import checkpoints, cuda_graphs, start
from methods.test_contract import early_options, variants, with_early_steps
from training.first_phase import with_first

OPTIONS = {
    "steps": 12, "batch_size": 8, "width": 4, "z_dim": 3, "log_every": 3, "save_every": 5,
    "grid_every": 0, "ema": 0.9, "threads": 1, "seed": 5, "lr": 5e-3, "lr_final": 0.1,
    "clip": 50.0, "lr_of": {},
}  # fmt: skip
CONDITIONAL = [
    pytest.param(name, {"condition": "labels"}, id=f"c-{name}") for name in ("idvae", "icgan")
]
PARTS = pytest.param("idvae", {
    "r1": 0.1, "r2": 0.1, "relativistic": True, "rec_fakes": 0.5, "deviation": True,
    "augment": "colour,translation,cutout", "dec_steps": 2, "gamma": 0.1,
    "schedules": {n: [0.2, 4] for n in ("r1", "r2", "rec_fakes", "gamma", "alpha", "lambda")},
}, id="idvae-with-all-parts")  # fmt: skip
HELD = [
    pytest.param(name, {"r1": 0.1, "r2": 0.1, "augment": "colour,translation,cutout",
                        "schedules": {n: [0.2, 4] for n in ("r1", "r2")}}, id=f"{name}-held")
    for name in ("gan", "vae-gan", "alpha-gan", "mr-gan", "r3gan")
]  # fmt: skip


SPECTRAL = [
    pytest.param(name, {"spectral": True}, id=f"{name}-spectral")
    for name in ("idvae-plus", "alpha-gan", "r3gan")
]


EARLY = [  # the switch is after a step that was replayed
    pytest.param(name, early_options(name, 6), id=f"{name}-early") for name in with_early_steps()
]


class Tape(TorchDispatchMode):
    """Repeats every operation of a step on the addresses that it had, without Python's choices.

    That is what a CUDA graph does: numbers that Python passed stay as they were, results are
    written where the first ones lie, and to look at a number is an error.
    """

    def __init__(self, device):
        super().__init__()
        self.played, self.operations = True, []

    def warm_up(self, work):
        work()

    def record(self, work):
        with self:
            work()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if function is torch.ops.aten._local_scalar_dense.default:
            raise AssertionError("a recorded step looks at a number")
        self.operations.append((function, args, kwargs or {}, result))
        return result

    def replay(self):
        if self.played:  # recording ran the operations once; a CUDA graph's does not
            self.played = False
            return
        with torch.no_grad():
            for function, args, kwargs, result in self.operations:
                again = tree_flatten(function(*args, **kwargs))[0]
                for old, new in zip(tree_flatten(result)[0], again, strict=True):
                    if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                        old.copy_(new)


class Again:
    """Does the work anew where a recording would be replayed."""

    def __init__(self, device):
        self.work = None

    def warm_up(self, work):
        work()

    def record(self, work):
        self.work = work

    def replay(self):
        self.work()


@pytest.fixture(scope="module")
def digits(data_root):
    return str(data.resolve("digits").path)


def train(name, digits, out, **options):
    options = with_first(name, digits, out.parent, {**OPTIONS, **options})
    run = start.train(name, digits, out, **options)
    return run.metrics(), checkpoints.load(run.path / "checkpoints", name)


@pytest.mark.parametrize(
    ("name", "options"), [*variants(), *CONDITIONAL, PARTS, *HELD, *SPECTRAL, *EARLY]
)
@pytest.mark.parametrize("precision", ["32", pytest.param("bf16", marks=pytest.mark.slow)])
def test_a_replayed_step_is_the_step(name, options, precision, digits, tmp_path, monkeypatch):
    trained = []
    for recording in (Again, Tape):
        monkeypatch.setattr(cuda_graphs, "CudaRecording", recording)
        out = tmp_path / recording.__name__
        trained.append(train(name, digits, out, graphs=True, precision=precision, **options))
    (rows, state), (replayed, again) = trained
    for row, other in zip(rows, replayed, strict=True):
        assert row | {"images_per_s": 0} == other | {"images_per_s": 0}
    for part in ("model", "average", "optimizers"):
        for key, value in getattr(state, part).items():
            assert torch.equal(getattr(again, part)[key], value), key


def test_what_a_recording_needs_changes_a_step_by_rounding_alone(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(cuda_graphs, "CudaRecording", Again)
    few = {"steps": 4, "log_every": 1, "precision": "64"}  # what differs grows from step to step
    rows, _ = train("idvae", digits, tmp_path / "plain", **few)
    others, _ = train("idvae", digits, tmp_path / "again", **few, graphs=True)
    for row, other in zip(rows, others, strict=True):
        for key in set(row) - {"images_per_s"}:
            assert row[key] == pytest.approx(other[key], rel=1e-5), (row["step"], key)


class Backward:
    """An update that differentiates, and notes which groups it was asked for."""

    def __init__(self, method):
        self.method, self.groups = method, []

    def __call__(self, group, loss, retain=False):
        loss.backward(inputs=self.method.group_parameters(group), retain_graph=retain)
        self.groups.append(group)

    def together(self, losses):
        for group, loss in losses.items():
            self(group, loss, retain=True)


def from_the_processor(*args, **kwargs):
    raise AssertionError("a recording cannot copy a number from the processor's memory")


@pytest.mark.parametrize(("name", "options"), variants())
@pytest.mark.parametrize("condition", [0, 3])
def test_no_method_looks_at_a_number_in_its_step(name, options, condition, monkeypatch):
    cls = methods.get(name)
    nets = Networks(DataShape(16, 3, condition), NetworkConfig(width=4, z_dim=5))
    method = cls(nets, cls.Config(**options)).train()
    noise = method.draw_noise(8, torch.Generator())
    method.to("meta")  # tensors without numbers: to ask one for its number is an error
    for maker in ("tensor", "as_tensor", "from_numpy", "Tensor.new_tensor"):
        monkeypatch.setattr(f"torch.{maker}", from_the_processor)
    update = Backward(method)
    x = torch.empty(nets.shape.batch(8), device="meta")
    y = torch.empty(8, condition, device="meta") if condition else None
    method.step(x, y, update, **{n: t.to("meta") for n, t in noise.items()})
    assert set(update.groups) == set(method.groups)
    if name in with_early_steps():
        method.early_step(x, y, update, **{n: t.to("meta") for n, t in noise.items()})
    assert not method.data_dependent


def test_data_dependent_updates_are_not_recorded(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(cuda_graphs, "CudaRecording", Tape)
    with pytest.raises(UserError, match="data-dependent updates"):
        train("vae-gan", digits, tmp_path / "run", graphs=True, equilibrium=0.68)


def test_a_run_that_was_recorded_goes_on_without(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(cuda_graphs, "CudaRecording", Again)
    plain, _ = train("idvae", digits, tmp_path / "plain", precision="64")
    train("idvae", digits, tmp_path / "run", precision="64", graphs=True, steps=9, lr_steps=12)
    monkeypatch.undo()
    with pytest.raises(UserError, match="--graphs true needs a CUDA GPU, not cpu; pass --graphs f"):
        start.resume_run(tmp_path / "run", steps=12, device="cpu")
    run = start.resume_run(tmp_path / "run", steps=12, device="cpu", graphs=False)
    assert run.config["options"]["graphs"] is False
    last, other = plain[-1], run.metrics()[-1]
    for key in set(last) - {"images_per_s"}:
        assert last[key] == pytest.approx(other[key], rel=1e-5), key


def test_a_recording_needs_a_gpu(digits, tmp_path):
    with pytest.raises(UserError, match="--graphs true needs a CUDA GPU, not cpu; pass --graphs f"):
        train("idvae", digits, tmp_path / "run", graphs=True, device="cpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize(("name", "options"), [*variants(), PARTS, *HELD, *SPECTRAL, *EARLY])
def test_a_cuda_graph_trains_as_the_loop_does(name, options, digits, tmp_path):
    options = {**options, "device": "cuda"}
    rows, _ = train(name, digits, tmp_path / "eager", **options)
    replayed, _ = train(name, digits, tmp_path / "graph", graphs=True, **options)
    for row, other in zip(rows, replayed, strict=True):
        for key in set(row) - {"images_per_s"}:
            assert np.isclose(row[key], other[key], rtol=0.02, atol=1e-3), (row["step"], key)

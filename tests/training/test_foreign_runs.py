"""A run folder that a stranger made: what it says is checked before anything is allocated."""

import json
import shutil

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from idvae import data, load
from idvae.data.conditions import Condition
from idvae.errors import UserError
from idvae.networks import DataShape
from idvae.report.training import macs, minutes
from idvae.training import build, checkpoints, memory, run_config, settings, start
from idvae.training.run import Run


@pytest.fixture(scope="module")
def trained(data_root, tmp_path_factory):
    """A run of two steps with an averaged decoder and a condition."""
    path = tmp_path_factory.mktemp("runs") / "run"
    data.resolve("digits-16")
    options = {"steps": 2, "width": 4, "z_dim": 3, "batch_size": 4, "grid_every": 0, "ema": 0.9}
    start.train("idvae", "digits-16", path, condition="labels", **options)
    return path


@pytest.fixture
def run(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "run")


def change(run, *place, to):
    """Write something else into a config.yaml."""
    file = run / "config.yaml"
    config = yaml.safe_load(file.read_text())
    inner = config
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = to
    file.write_text(yaml.safe_dump(config))


def refuse(run, words):
    with pytest.raises(UserError, match=words) as caught:
        load(run)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("place", "to", "words"),
    [
        (("options",), "steps: 2", "options is missing, or cannot"),
        (("options",), ["steps"], "options is missing, or cannot"),
        (("options", "steps"), "2", "options.steps"),
        (("options", "steps"), 1 << 80, "options.steps"),
        (("options", "config"), "other.yaml", "there is no option 'config'"),
        (("options", "lr_of"), "{dis: &a [*a]}", "option lr_of: expected a mapping"),
        (("options", "width"), 100_000, "--width 100000 is out of range"),
        (("options", "z_dim"), 99_999_999, "--z-dim 99999999 is out of range"),
        (("method",), ["idvae"], "method is missing, or cannot"),
        (("method",), "idvea", "did you mean idvae"),
        (("format",), 2, "this version reads 1"),
        (("data",), "digits", "data is missing, or cannot"),
        (("data", "path"), "/somewhere/../etc", "data.path"),
        (("data", "path"), "a\0b", "data.path"),
        (("data", "name"), "../digits-16", "data.name"),
        (("data", "name"), ".hidden", "data.name"),
        (("data", "shape"), None, "data.shape"),
        (("data", "shape", "size"), 48, "no network fits images of 48 px"),
        (("data", "shape", "size"), -1, "data.shape.size"),
        (("data", "shape", "channels"), 10**9, "data.shape.channels"),
        (("data", "shape", "channels"), 0, "data.shape.channels"),
        (("data", "shape", "condition"), 9, "data.shape.condition is not the number of names"),
        (("condition",), None, "data.shape.condition is not the number of names"),
        (("condition", "kind"), "colours", "condition.kind"),
        (("condition", "names"), "0123456789", "condition.names"),
        (("condition", "names"), ["W" * 12_000, *"123456789"], "condition.names"),
        (("options", "share"), "9" * 5_000, "--share 99999999999999999999: it is trunk, none or"),
        (("condition", "groups"), [{"0": 2}], "condition.groups is missing, or cannot"),
        (("condition", "groups"), [{"x": 0}], "condition.groups holds what condition.names"),
        (("condition", "groups"), [["x"]], "condition.groups holds what condition.names does not"),
        (("parameters",), {"dec": "many"}, "parameters"),
        (("step_macs",), "many", "step_macs"),
        (("early_steps",), -1, "early_steps"),
        (("early_macs",), "few", "early_macs"),
    ],
)
def test_a_config_of_what_no_run_is_is_refused(run, place, to, words):
    change(run, *place, to=to)
    refuse(run, words)


PLAIN = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
    | st.sampled_from([-1, 0, 1, 2**63, 10**400, "", "..", "/", "mlp", "vae", [], {}, [[]]])
)  # fmt: skip
ANYTHING = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)


def places(values, before=()):
    """Every place in a mapping, and one that is not there in each of its mappings."""
    found = [(*before, "more")]
    for key, value in values.items():
        found.append((*before, key))
        if isinstance(value, dict):
            found += places(value, (*before, key))
    return found


@settings_of_hypothesis(deadline=None, max_examples=150)
@given(choices=st.data())
def test_anything_at_any_place_is_taken_or_told(trained, choices):
    """All that is done with a config.yaml before its checkpoint is read."""
    config = yaml.safe_load((trained / "config.yaml").read_text())
    place = choices.draw(st.sampled_from(places(config)))
    inner = config
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = choices.draw(ANYTHING)
    told = ""
    try:
        run_config.check(config, trained)
        run = Run(trained, config)
        chosen = settings.of_run(config["method"], config["options"])
        assert build.planned_method(chosen, build.shape_of_run(run)).z_dim > 0
        Condition.from_config(config.get("condition"))
        minutes(run)
        macs(run)
    except UserError as error:
        told = str(error)
    assert told == "" or (told.isprintable() and len(told) < 1000)


def test_a_shape_may_say_more_than_this_version_knows(run):
    change(run, "data", "shape", "depth", to=3)
    assert load(run).shape == DataShape(16, 1, 10)


def test_what_we_write_is_taken(trained):
    model = load(trained)
    assert model.sample(3).shape == (3, 16, 16, 1)


@pytest.fixture
def nothing_is_read_or_built(monkeypatch):
    def never(*_):
        raise AssertionError("it was about to be read or built")

    monkeypatch.setattr("idvae.model.build_method", never)
    monkeypatch.setattr("idvae.training.checkpoints.load_file", never)


@pytest.mark.parametrize(("key", "to"), [("width", 4096), ("z_dim", 60_000), ("preset", "paper")])
def test_a_config_that_is_not_its_checkpoints_allocates_nothing(
    run, key, to, nothing_is_read_or_built
):
    change(run, "options", key, to=to)
    refuse(run, "does not fit the networks of its config.yaml")


def test_an_average_that_is_not_the_configs_allocates_nothing(run, nothing_is_read_or_built):
    change(run, "options", "width", to=5)
    config = settings.of_run("idvae", Run.open(run).config["options"])
    weights = build.build_method(config, DataShape(16, 1, 10), 0).state_dict()
    save_file(dict(weights), run / "checkpoints/00000002/model.safetensors")
    refuse(run, "does not fit the networks of its config.yaml")


def test_a_header_is_bounded_before_it_is_read(run):
    file = run / "checkpoints/00000002/model.safetensors"
    with file.open("r+b") as opened:
        opened.write((1 << 30).to_bytes(8, "little"))
        opened.truncate(1 << 31)
    refuse(run, "a header of 1,073,741,824 bytes")


def test_shapes_are_those_of_the_tensors(trained):
    file = trained / "checkpoints/00000002/model.safetensors"
    found = checkpoints.shapes(file)
    assert found == {n: (t.dtype, tuple(t.shape)) for n, t in load_file(file).items()}


@pytest.mark.parametrize(
    "text",
    [
        "[]", "{}", "[" * 50_000, '{"format": 1}', '{"format": 1, "method": 3, "step": 2}',
        '{"format": 1, "method": "idvae", "step": "2"}', "9" * 5000,
        '{"format": 1, "method": "idvae", "step": -2}', '{"format": 2, "method": "idvae"}',
        '{"format": 1, "method": "idvae", "step": true}', "\xff",
    ],
)  # fmt: skip
def test_a_state_that_no_training_writes_is_refused(run, text):
    (run / "checkpoints/00000002/state.json").write_bytes(text.encode("latin-1"))
    refuse(run, "state.json is damaged")


def test_a_state_is_bounded_before_it_is_read(run):
    with (run / "checkpoints/00000002/state.json").open("ab") as file:
        file.truncate(1 << 40)  # sparse
    refuse(run, "is larger than 65,536 bytes")


@pytest.mark.parametrize(
    "name",
    ["dec.0.step.x", "dec", "dec.-1.step", "dec.x.step", "nobody.0.step", "dec.²", "dec.0.x"],
)
def test_optimizer_state_of_what_is_not_there_is_refused(run, name):
    file = run / "checkpoints/00000002/optimizers.safetensors"
    save_file({**load_file(file), name: torch.zeros(())}, file)
    with pytest.raises(UserError, match="optimizer state of what is not there"):
        start.resume(run, {"steps": 4})


@pytest.mark.parametrize("moment", ["step", "exp_avg", "exp_avg_sq"])
@pytest.mark.parametrize("to", [None, (7, 7)])
def test_moments_of_other_shapes_are_refused(run, moment, to):
    file = run / "checkpoints/00000002/optimizers.safetensors"
    state = load_file(file)
    del state[f"dec.0.{moment}"]
    if to:
        state[f"dec.0.{moment}"] = torch.zeros(to)
    save_file(state, file)
    with pytest.raises(UserError, match="does not fit its parameters"):
        start.resume(run, {"steps": 4})


def test_folders_with_odd_names_are_no_checkpoints(run):
    for name in ("²", "٣", "1e3", "-1"):
        (run / "checkpoints" / name).mkdir()
    assert checkpoints.steps(run / "checkpoints") == [2]


def lying(shape):
    """An .npy whose header promises more than it holds."""
    text = f"{{'descr': '|i1', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + b"\1" * 20


@pytest.mark.parametrize(
    "data",
    [lying((10**15, 10)), lying((2, 11)), lying((0, 10)), lying((20,)), b"", b"PK\3\4", b"x" * 99],
)
def test_conditions_are_compared_with_their_file_first(run, data):
    (run / "conditions.npy").write_bytes(data)
    refuse(run, "conditions.npy cannot be read")


def test_conditions_of_another_type_are_refused(run):
    np.save(run / "conditions.npy", np.zeros((3, 10), np.float64))
    refuse(run, "conditions.npy cannot be read")


@pytest.mark.parametrize(
    "line",
    ["[]", "5", '{"loss": 1}', '{"step": "1"}', '{"step": 1, "loss": "low"}', '{"step": -1}',
     '{"step": true}', '{"step": 1, "loss": [1]}', f'{{"step": {10**30}}}'],
)  # fmt: skip
def test_a_row_that_no_training_writes_is_told_with_its_line(run, line):
    file = run / "metrics.jsonl"
    file.write_text('{"step": 1, "loss": 2.5}\n' + line + "\n")
    with pytest.raises(UserError, match=r"metrics\.jsonl, line 2"):
        Run.open(run).metrics()


@pytest.mark.parametrize("cut", ['{"step": 2, "lo', "9" * 5000, "[" * 100_000, "\0\0\0"])
def test_a_line_that_was_cut_is_left_out(run, cut):
    (run / "metrics.jsonl").write_text(json.dumps({"step": 1, "loss": 2.5}) + "\n" + cut)
    assert Run.open(run).metrics() == [{"step": 1, "loss": 2.5}]


def test_metrics_are_bounded_before_they_are_read(run):
    with (run / "metrics.jsonl").open("ab") as file:
        file.truncate(1 << 40)  # sparse
    with pytest.raises(UserError, match=r"metrics\.jsonl is larger than"):
        Run.open(run).metrics()


def test_room_is_counted_for_every_copy():
    layer = torch.nn.Linear(1000, 1000, bias=False, device="meta")
    memory.check_room(layer, 4, 16_000_000)
    for copies, batch, words in ((5, 0, "smaller --width"), (1, 10**8, "smaller --batch-size")):
        with pytest.raises(UserError, match=f"1,000,000 parameters .* {words}"):
            memory.check_room(layer, copies, 16_000_000, batch)


def test_this_machine_has_some_memory():
    assert 1 << 28 < memory.memory_of(torch.device("cpu")) < 1 << 50


def test_a_planned_method_is_the_one_that_is_built():
    chosen, shape = settings.from_mapping("alpha-gan", {"width": 4}), DataShape(16, 1)
    before = torch.random.get_rng_state()
    planned = build.planned_method(chosen, shape)
    assert torch.equal(before, torch.random.get_rng_state())
    built = build.build_method(chosen, shape, 0)
    assert planned.groups == built.groups
    assert all(t.is_meta for t in planned.state_dict().values())
    assert {n: (t.shape, t.dtype) for n, t in planned.state_dict().items()} == {
        n: (t.shape, t.dtype) for n, t in built.state_dict().items()
    }

"""What every registered method must keep, whichever it is."""

import ast
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
import torch

from idvae import methods
from idvae.methods.adversarial import Adversarial
from idvae.methods.method import Method
from idvae.networks import DataShape, NetworkConfig, Networks
from idvae.options import types_of
from methods.recorder import run_step

SHAPES = [DataShape(16, 1), DataShape(32, 3), DataShape(64, 1), DataShape(0, 2)]


def variants():
    """Every method, and with each choice of an option that has some, such as a schedule."""
    found = []
    for name in methods.names():
        kinds = types_of(methods.get(name).Config)
        choices = [(key, c) for key, kind in kinds.items() if get_origin(kind) is Literal
                   for c in get_args(kind)]  # fmt: skip
        for key, choice in choices:
            found.append(pytest.param(name, {key: choice}, id=f"{name}-{choice}"))
        if not choices:
            found.append(pytest.param(name, {}, id=name))
    return found


def with_early_steps():
    """Every method that has another step for the beginning."""
    return [n for n in methods.names() if methods.get(n).early_step is not Method.early_step]


def early_options(name, steps):
    """What makes the first steps of one of them early ones."""
    if issubclass(methods.get(name), Adversarial):
        return {"augment": "shift", "augment_from": steps}
    return {"vae_steps": steps}


EACH = [
    *variants(),
    *(pytest.param(n, {"early": True}, id=f"{n}-early") for n in with_early_steps()),
]


@pytest.mark.parametrize(("name", "options"), EACH)
@pytest.mark.parametrize("shape", [DataShape(16, 1), DataShape(0, 2)])
def test_each_update_moves_exactly_its_group(name, options, shape):
    step = run_step(name, shape, seed=1, **options)
    order = [g for g in step.method.groups for _ in range(step.method.repeats.get(g, 1))]
    assert sorted(s.group for s in step.seen) == sorted(order)
    for seen in step.seen:
        before, after = dict(seen.before.named_parameters()), dict(seen.after.named_parameters())
        moved = {n.split(".")[0] for n in before if not torch.equal(before[n], after[n])}
        assert moved == set(step.method.groups[seen.group])


@pytest.mark.parametrize(("name", "options"), variants())
def test_every_network_belongs_to_a_group_and_every_group_has_an_equation(name, options):
    method = run_step(name, **options).method
    assert isinstance(method, Method)
    owned = {network for networks in method.groups.values() for network in networks}
    assert not owned & set(method.frozen)
    assert owned | set(method.frozen) == {n for n, _ in method.named_children()}
    assert set(method.groups) <= set(method.equations)


@pytest.mark.parametrize(("name", "options"), variants())
def test_it_holds_nothing_that_cannot_be_copied(name, options):
    """Python 3.14 copies nothing of itertools, and a training copies its method to count work."""
    for module in run_step(name, **options).method.modules():
        kept = {key: type(value).__module__ for key, value in vars(module).items()}
        assert "itertools" not in kept.values(), kept


@pytest.mark.parametrize(("name", "options"), EACH)
def test_nothing_moves_between_updates(name, options):
    """A method changes parameters through `update` alone."""
    step = run_step(name, **options)
    for earlier, later in zip(step.seen, step.seen[1:], strict=False):
        if earlier.before is later.before:  # made together: each is seen as if it alone had moved
            continue
        for p, q in zip(earlier.after.parameters(), later.before.parameters(), strict=True):
            assert torch.equal(p, q)


@pytest.mark.parametrize(("name", "options"), EACH)
def test_a_step_is_determined_by_its_arguments(name, options):
    one, other = run_step(name, seed=3, **options), run_step(name, seed=3, **options)
    for p, q in zip(one.method.parameters(), other.method.parameters(), strict=True):
        assert torch.equal(p, q)


@pytest.mark.parametrize("name", methods.names())
def test_noise_has_a_row_for_each_image_where_the_method_says(name):
    """And nowhere else: of all that is drawn a process takes the rows of its own images."""
    cls, shape = methods.get(name), DataShape(16, 1, condition=3)
    kinds = types_of(cls.Config)
    more = {
        "augment": "colour",
        "mismatch": 0.5,
        "turned": 0.5,
        "auxiliary": 0.5,
        "auxiliary_noise": 0.5,
        "dec_steps": 3,
        "edits": 0.5,
        "mismatch_share": 0.5,
        "g_steps": 3,
        "vae_steps": 1,
        "d_steps": 2,
    }
    config = cls.Config(**{key: value for key, value in more.items() if key in kinds})
    method = cls(Networks(shape, NetworkConfig(width=4, z_dim=6)), config)
    five, seven = (method.draw_noise(n, torch.Generator().manual_seed(0)) for n in (5, 7))
    assert list(five) == list(seven)
    assert set(method.rows_at) <= {*five, "views"}
    for key, drawn in five.items():
        differing = [i for i, (a, b) in enumerate(zip(drawn.shape, seven[key].shape, strict=True))
                     if a != b]  # fmt: skip
        assert differing == [method.rows_at.get(key, 0)]
        assert drawn.shape[differing[0]] == 5


def test_no_method_knows_of_processes():
    """What they must agree on comes from the loop: `batch`, and `mean_of_all` of it."""
    for file in Path(methods.__file__).parent.glob("*.py"):
        nodes = ast.walk(ast.parse(file.read_text("utf-8")))
        names = {node.id for node in nodes if isinstance(node, ast.Name)}
        assert not names & {"distributed", "all_reduce"}, file.name


@pytest.mark.parametrize("name", methods.names())
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shapes(name, shape):
    cls = methods.get(name)
    method = cls(Networks(shape, NetworkConfig(width=4, z_dim=6)), cls.Config()).eval()
    z = method.draw_prior(3, torch.Generator().manual_seed(0))
    assert z.shape == (3, 6)
    x = method.decode(z)
    assert x.shape == shape.batch(3)
    if method.reconstructs:
        assert method.encode(x).shape == (3, 6)
    if method.judges:
        assert method.logit(x, None).shape == (3,)
    else:
        assert type(method).logit is Method.logit


@pytest.mark.parametrize("name", ["gan", "alpha-gan", "mr-gan", "r3gan", "vae-gan", "idvae-plus"])
def test_a_discriminator_that_is_asked_sees_images_as_they_are(name):
    step = run_step(name, augment="colour")
    method, plain = step.method.eval(), run_step(name).method.eval()
    plain.load_state_dict(method.state_dict())
    torch.testing.assert_close(method.logit(step.x, None), plain.logit(step.x, None))


@pytest.mark.parametrize("name", [n for n in methods.names() if methods.get(n).reconstructs])
def test_the_trunk_that_a_method_names_is_what_its_encoder_reads(name):
    """A code is a function of these features alone: others in their place give another image's."""
    cls, shape = methods.get(name), DataShape(16, 1, condition=3)
    method = cls(Networks(shape, NetworkConfig(width=4, z_dim=6)), cls.Config()).eval()
    trunk, y, seen = getattr(method, cls.reads), torch.eye(3), []
    x, other = torch.rand(2, *shape.batch(3)) * 2 - 1
    with torch.no_grad():
        expected, features = method.encode(other, y), trunk(other, y)
        assert features.ndim == 2
        trunk.register_forward_hook(lambda *given: seen.append(given) or features)
        assert torch.equal(method.encode(x, y), expected)
    assert len(seen) == 1


@pytest.mark.parametrize("name", methods.names())
def test_weights_are_those_of_the_seed(name):
    cls = methods.get(name)

    def weights(seed):
        torch.manual_seed(seed)
        return cls(Networks(DataShape(16, 1), NetworkConfig(width=4)), cls.Config()).state_dict()

    assert all(
        torch.equal(a, b) for a, b in zip(weights(1).values(), weights(1).values(), strict=True)
    )
    assert not all(
        torch.equal(a, b) for a, b in zip(weights(1).values(), weights(2).values(), strict=True)
    )

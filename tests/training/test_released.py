"""What a released model has to hold: found for every method by what it passes through."""

import pytest
import torch

from idvae import methods
from idvae.errors import UserError
from idvae.networks import DataShape
from idvae.training import build, checkpoints, released, settings

SHAPE = DataShape(16, 1, 3)


def outputs(method):
    """All that a user can have of a method, in eval mode."""
    x, z, y = torch.rand(2, 1, 16, 16), torch.randn(2, method.z_dim), torch.ones(2, 3)
    found = [method.decode(z, y)]
    if method.reconstructs:
        found += [method.encode(x, y), method.decode(z, y, posterior=True)]
    if method.tells_conditions:
        found.append(method.attributes(x))
    return found


def built(name):
    options = {"width": 4, "z_dim": 3}
    chosen = settings.from_mapping(name, options)
    return (
        build.build_method(chosen, SHAPE, 0).eval(),
        build.planned_method(chosen, SHAPE),
    )


@pytest.mark.parametrize("name", methods.names())
def test_exactly_the_networks_in_use_are_found(name):
    method, planned = built(name)
    used = released.networks_in_use(planned)
    assert used == released.networks_in_use(method)
    generator = torch.random.get_rng_state()
    before = outputs(method)
    for network, module in method.named_children():
        with torch.no_grad():
            kept = {key: value.clone() for key, value in module.state_dict().items()}
            for p in module.parameters():
                p.fill_(float("nan"))
        torch.random.set_rng_state(generator)
        same = all(map(torch.equal, before, outputs(method)))
        assert same == (network not in used), network
        module.load_state_dict(kept)


@pytest.mark.parametrize("name", methods.names())
def test_a_reduced_method_makes_the_same(name):
    method, planned = built(name)
    used = released.networks_in_use(planned)
    generator = torch.random.get_rng_state()
    before = outputs(method)
    released.reduce(planned, used)
    released.reduce(method, used)
    torch.random.set_rng_state(generator)
    assert all(map(torch.equal, before, outputs(method)))
    checkpoints.load_method(method, method.state_dict(), "here")
    assert {n: t.shape for n, t in planned.state_dict().items()} == {
        n: t.shape for n, t in method.state_dict().items()
    }


def test_what_float16_cannot_hold_stays_and_what_is_no_number_is_refused():
    method, _ = built("vae")
    with torch.no_grad():
        method.dec.state_dict()[_buffer(method)][:] = 1e6
    found = released.narrowed(method)
    wide = {name for name, t in found.items() if t.dtype == torch.float32}
    assert wide == {f"dec.{_buffer(method)}"}
    assert all(t.dtype == torch.float16 for n, t in found.items() if n not in wide)
    with torch.no_grad():
        next(method.dec.parameters()).view(-1)[0] = float("inf")
    with pytest.raises(UserError, match="no finite number"):
        released.narrowed(method)


def _buffer(method):
    return next(name for name, _ in method.dec.named_buffers() if name.endswith("running_var"))

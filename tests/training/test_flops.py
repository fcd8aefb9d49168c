"""The count of multiply-adds: by hand on points, the same both ways, and without side effects."""

from dataclasses import replace

import pytest
import torch

from idvae import data, methods
from idvae.networks import DataShape, resolved
from idvae.training import flops, settings
from idvae.training.build import build_method, planned_method
from idvae.training.start import start


def built(method, shape, **options):
    chosen = settings.from_mapping(method, options)
    return build_method(replace(chosen, networks=resolved(chosen.networks, shape)), shape, 0)


def test_the_vae_on_points_is_what_a_hand_counts():
    width, z, points = 8, 3, 2
    vae = built("vae", DataShape(0, points), width=width, z_dim=z)
    trunk, enc, dec = (
        [m.weight.numel() for m in net.modules() if isinstance(m, torch.nn.Linear)]
        for net in (vae.trunk, vae.enc, vae.dec)
    )
    everything = sum(trunk) + sum(enc) + sum(dec)
    # Forward once; backward once for the weights and once for the inputs, which x needs not.
    assert flops.step_macs(vae) == 3 * everything - trunk[0]


@pytest.mark.parametrize("kind", [torch.nn.Conv2d, torch.nn.ConvTranspose2d])
@pytest.mark.parametrize("groups", [1, 4])
def test_a_weight_of_a_group_meets_the_channels_of_its_group_alone(kind, groups):
    conv = kind(8, 12, 4, stride=2, padding=1, groups=groups, bias=False)
    x = torch.zeros(3, 8, 6, 6, requires_grad=True)
    with flops.Counter() as counter:
        conv(x).sum().backward()
    places = 3 * 3 if kind is torch.nn.Conv2d else 6 * 6  # where the kernel is put
    forward = 3 * places * 4 * 4 * 8 * 12 // groups
    assert counter.operations == 2 * 3 * forward  # forward, and backward to x and to the weights


@pytest.mark.parametrize("name", methods.names())
@pytest.mark.parametrize("shape", [DataShape(16, 1), DataShape(0, 2), DataShape(16, 3, 5)])
def test_the_count_is_of_one_image_whatever_the_batch(name, shape, monkeypatch):
    method = built(name, shape, width=4, z_dim=3)
    count = flops.step_macs(method)
    monkeypatch.setattr(flops, "BATCH", 5)
    assert flops.step_macs(method) == count > 0


@pytest.mark.parametrize("option", ["rec_thin", "r1_thin"])
def test_what_is_of_one_image_of_so_many_counts_for_as_much(option):
    two, four, eight = (
        flops.step_macs(built("idvae-plus", DataShape(16, 1), width=4, **{option: k}))
        for k in (2, 4, 8)
    )
    assert two - four == pytest.approx(2 * (four - eight), abs=3)  # of numbers rounded down
    assert two > eight


def test_the_count_grows_with_the_images_and_with_what_is_updated():
    small, large = (flops.step_macs(built("gan", DataShape(s, 1), width=4)) for s in (16, 32))
    assert 3 * small < large
    once, thrice = (
        flops.step_macs(built("age", DataShape(16, 1), width=4, g_steps=g)) for g in (1, 3)
    )
    assert once < thrice


@pytest.mark.parametrize("name", ["idvae", "alpha-gan"])
def test_counting_leaves_no_trace(name):
    method = built(name, DataShape(16, 1), width=4, z_dim=3)
    before = {key: value.clone() for key, value in method.state_dict().items()}
    random, training, logged = torch.get_rng_state(), method.training, dict(method.logged)
    flops.step_macs(method)
    after = method.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    assert torch.equal(torch.get_rng_state(), random)
    assert (method.training, method.logged) == (training, logged)
    assert all(p.grad is None for p in method.parameters())


@pytest.mark.parametrize("seed", [0, 3])
def test_updates_that_depend_on_numbers_are_counted_all_of_them(seed):
    """As one batch chose them and another did not, their difference was below 0."""
    shape, narrow = DataShape(16, 1), {"equilibrium": 0.69, "margin": 0.01}
    own = built("vae-gan", shape, width=8, z_dim=4, seed=seed, **narrow)
    plain = built("vae-gan", shape, width=8, z_dim=4)
    assert own.data_dependent
    assert flops.step_macs(own) == flops.step_macs(plain)
    assert own.data_dependent


def test_a_run_stores_its_count(tmp_path):
    prepared = data.resolve("digits-16")
    chosen = settings.from_mapping("vae", {"width": 4, "z_dim": 3, "threads": 1})
    trainer = start(chosen, prepared, tmp_path / "run", overwrite=False)
    assert trainer.run.config["step_macs"] == flops.step_macs(trainer.method)


@pytest.mark.parametrize("name", methods.names())
@pytest.mark.parametrize("shape", [DataShape(16, 1), DataShape(0, 2), DataShape(16, 3, 5)])
def test_a_planned_method_is_counted_as_a_built_one(name, shape):
    chosen = settings.from_mapping(name, {"width": 4, "z_dim": 3})
    chosen = replace(chosen, networks=resolved(chosen.networks, shape))
    assert flops.step_macs(planned_method(chosen, shape)) == flops.step_macs(
        build_method(chosen, shape, 0)
    )


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("idvae-plus", {"r2": 0.1, "dec_steps": 2, "augment": "colour,translation,cutout"}),
        ("idvae", {"preset": "residual", "schedule": "joint"}),
        ("vae-gan", {"equilibrium": 0.3}),  # looks at its numbers: built for it
    ],
)
def test_so_is_one_with_other_options(name, options):
    shape = DataShape(16, 1)
    chosen = settings.from_mapping(name, {"width": 8, "z_dim": 3, **options})
    assert flops.step_macs(planned_method(chosen, shape)) == flops.step_macs(
        build_method(chosen, shape, 0)
    )


# ---------------------------------------------------------------------------------- its beginning


@pytest.mark.parametrize(
    ("name", "options", "plain"),
    [
        # What is encoded is not what the discriminator sees, once that is altered.
        ("idvae-plus", {"augment": "shift", "augment_from": 5}, {}),
        ("gan", {"augment": "shift", "augment_from": 5}, {}),
        ("soft-intro-vae", {"vae_steps": 5}, None),
    ],
)
def test_early_steps_cost_what_they_do(name, options, plain):
    shape, width = DataShape(16, 1), {"width": 4, "z_dim": 3}
    method = built(name, shape, **width, **options)
    early, each = flops.early_macs(method), flops.step_macs(method)
    if plain is None:
        assert 0 < early < each
    else:
        assert early == flops.step_macs(built(name, shape, **width, **plain)) <= each

    def steps(budget):
        chosen = settings.from_mapping(name, {**width, **options})
        chosen = replace(chosen, networks=resolved(chosen.networks, shape))
        return flops.steps_within(8 * budget, planned_method(chosen, shape), 8)

    assert steps(0) == 1
    assert (steps(3 * early - 1), steps(3 * early)) == (2, 3)
    assert (steps(5 * early), steps(5 * early + each - 1), steps(5 * early + each)) == (5, 5, 6)
    assert steps(5 * early + 9 * each) == 14


def test_a_run_stores_the_count_of_its_early_steps_where_it_has_some(tmp_path):
    prepared = data.resolve("digits-16")
    tiny = {"width": 4, "z_dim": 3, "threads": 1}
    for out, options in {"with": {"augment": "shift", "augment_from": 2}, "without": {}}.items():
        chosen = settings.from_mapping("gan", tiny | options)
        trainer = start(chosen, prepared, tmp_path / out, overwrite=False)
        config, stored = trainer.run.config, ("early_steps", "early_macs")
        wanted = (2, flops.early_macs(trainer.method)) if options else (None, None)
        assert tuple(map(config.get, stored)) == wanted

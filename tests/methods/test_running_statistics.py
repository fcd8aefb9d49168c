"""Of which batches every method keeps running statistics, against one pass over each, in float64.

No weight moves and nothing is drawn anew, so the numbers are equal up to rounding.
"""

import pytest
import torch

from idvae import methods
from idvae.networks import BatchNorm, DataShape, statistics_of
from methods.oracle import normal_code, still_gradients
from methods.recorder import clone, run_step
from methods.test_contract import EACH

PRIOR_ALONE = ("ali", "bigan")  # they encode, but decode no code of the encoder in training
SHAPES = [
    (DataShape(16, 1), "small"),
    (DataShape(16, 3), "paper"),
    (DataShape(16, 1, condition=3), "small"),
]


def norms(net):
    return {n: m for n, m in net.named_modules() if isinstance(m, BatchNorm)}


def forgotten(method):
    """A copy whose running statistics are those of the beginning."""
    net = clone(method)
    for norm in norms(net).values():
        norm.running_mean.zero_()
        norm.running_var.fill_(1.0)
    return net


def shown(net, step, trunk="trunk"):
    """What a trunk is given where its running statistics are of that."""
    if hasattr(net, "shared") and trunk != "shared":  # the rest of one, which is not shared
        return net.shared(step.x, step.y)
    if trunk == "z_trunk":  # IcGAN's encoder of codes knows generated images only
        return net.decode(step.noise["z"], step.y)
    return net.noisy(step.x, step.noise["n"]) if hasattr(net, "noisy") else step.x


def posterior_code(net, step):
    if hasattr(getattr(net, "code", None), "noise_shape"):  # q(z|x) without a density
        return net.posterior(step.x, step.y, step.noise["eps"])[0]
    if not hasattr(net, "enc"):
        return net.encode(shown(net, step), step.y)
    if hasattr(net, "shared"):
        features = net.enc_trunk(net.shared(step.x, step.y), step.y)
    else:
        features = net.trunk(step.x, step.y)
    return normal_code(*net.enc(features), step.noise["eps"])


@torch.no_grad()
def expected(net, step):
    """Real images once through each trunk; each kind of codes that is decoded, once."""
    decodes = net.reconstructs and net.name not in PRIOR_ALONE
    code = posterior_code(net, step) if decodes else None
    for name, child in net.named_children():
        if name.endswith(("trunk", "shared")):
            seen = shown(net, step, name)
            with statistics_of("real"):
                child(seen, step.y)
    for kind, z in (("prior", step.noise.get("z")), ("posterior", code)):
        if z is not None:
            with statistics_of(kind):
                net.dec(z, step.y)
    return norms(net)


@pytest.mark.parametrize(("name", "options"), EACH)
@pytest.mark.parametrize(("shape", "preset"), SHAPES)
def test_they_are_of_real_images_and_of_each_kind_of_codes(name, options, shape, preset):
    step = run_step(name, shape, preset, **options)
    net = forgotten(step.method)
    still_gradients(net, step, options.get("early", False))
    found = norms(net)
    for place, norm in expected(forgotten(step.method), step).items():
        for buffer in ("running_mean", "running_var"):
            theirs = getattr(norm, buffer)
            torch.testing.assert_close(
                getattr(found[place], buffer), theirs, rtol=1e-9, atol=1e-12, msg=place
            )


@pytest.mark.parametrize("name", [n for n in methods.names() if "dec" not in methods.get(n).frozen])
def test_who_shows_its_decoder_codes_of_the_prior_says_so(name):
    """IcGAN takes no decoder of the others, and not every preset has statistics that would tell."""
    method = run_step(name, DataShape(16, 1), "small").method
    moved = [bool(norm.running_mean[0].any()) for norm in norms(method.dec).values()]
    assert moved
    assert set(moved) == {methods.get(name).decodes_prior}

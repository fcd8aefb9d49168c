"""AGE's updates against an oracle written from its objective, in float64."""

import pytest
import torch

from idvae.networks import DataShape
from methods.oracle import SHAPES, assert_equal, gradients, still_gradients
from methods.recorder import clone, run_step


def encode(net, x, y):
    code = net.code(net.trunk(x, y))
    return code / torch.sqrt((code**2).sum(1, keepdim=True))


def divergence(code):
    """Of the normal that fits the batch from N(0, 1), dimension by dimension."""
    m, s = code.mean(0), code.std(0, correction=0)
    return ((s**2 + m**2) / 2 - torch.log(s) - 1 / 2).sum() / code.shape[1]


def enc_loss(net, x, y, z):
    code = encode(net, x, y)
    fake = net.dec(z, y).detach()
    pixels = (x - net.dec(code, y)).abs().sum() / x.numel()
    return divergence(code) - divergence(encode(net, fake, y)) + net.config.lambda_ * pixels


def dec_loss(net, y, z):
    code = encode(net, net.dec(z, y), y)
    z = z / torch.sqrt((z**2).sum(1, keepdim=True))  # it was drawn in single precision
    match = (1 - (z * code).sum(1)).sum() / z.numel()
    return divergence(code) + net.config.mu * match


@pytest.mark.parametrize("g_steps", [2, 3])
@pytest.mark.parametrize(("shape", "preset"), SHAPES)
def test_gradients_equal_the_oracle(shape, preset, g_steps):
    # Of weights that do not map all fakes to one code: log s would lose half of its digits there.
    step = run_step("age", shape, preset, seed=1, g_steps=g_steps, lambda_=7.0, mu=30.0)
    first, *rest = step.seen
    assert [s.group for s in step.seen] == ["enc"] + ["dec"] * g_steps
    net = first.before
    loss = enc_loss(net, step.x, step.y, step.noise["z"])
    assert_equal(first, gradients(net, loss, ("trunk", "code")))
    for seen, z in zip(rest, step.noise["z_dec"], strict=True):
        assert_equal(seen, gradients(seen.before, dec_loss(seen.before, step.y, z), ("dec",)))


def test_every_code_is_on_the_sphere():
    step = run_step("age")
    noise = [step.noise["z"], *step.noise["z_dec"]]
    codes = [*noise, step.method.encode(step.x), step.method.draw_prior(6, torch.Generator())]
    ulp = torch.finfo(torch.float32).eps  # codes of the prior are drawn in single precision
    for code in codes:
        assert (code.norm(dim=1) - 1).abs().max() < 8 * ulp
    assert step.method.prior == "sphere"


def test_each_update_of_the_generator_has_fresh_codes():
    noise = run_step("age", g_steps=3).noise
    codes = [noise["z"], *noise["z_dec"]]
    assert all(not torch.equal(a, b) for i, a in enumerate(codes) for b in codes[:i])


def test_the_encoder_and_the_generator_pull_the_codes_of_fakes_apart():
    """KL(e(g(z))) rises by a step of e on its share of the loss, and falls by a step of g."""
    step = run_step("age", DataShape(0, 2), lambda_=0.0, mu=0.0)
    start = step.seen[0].before
    still = still_gradients(clone(start), step)

    def of_fakes(net, z):
        return divergence(encode(net, net.dec(z), None))

    of_data = gradients(start, divergence(encode(start, step.x, None)), ("trunk", "code"))
    adversarial = {name: g - of_data[name] for name, g in still["enc"].items()}
    for found, z, sign in (
        (adversarial, step.noise["z"], 1),
        (still["dec"], step.noise["z_dec"][-1], -1),
    ):
        moved = clone(start)
        with torch.no_grad():
            for name, p in moved.named_parameters():
                if name in found:
                    p.sub_(1e-4 * found[name])
        assert sign * (of_fakes(moved, z) - of_fakes(start, z)) > 0

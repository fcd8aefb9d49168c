"""Each loss against its equation, worked out in float64 with NumPy or torch.distributions."""

import numpy as np
import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from idvae import losses

GENERATOR = torch.Generator().manual_seed(0)


def randn(*shape):
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


def sigmoid(d):
    return 1.0 / (1.0 + np.exp(-d.numpy()))


def test_recons_is_the_gaussian_log_likelihood_up_to_its_constant():
    x, x_rec = randn(5, 3, 4, 4), randn(5, 3, 4, 4)
    likelihood = Independent(Normal(x_rec, 1.0), 3)
    constant = 0.5 * 48 * np.log(2 * np.pi)
    expected = (-likelihood.log_prob(x) - constant).mean()
    torch.testing.assert_close(losses.recons(x, x_rec), expected, rtol=1e-12, atol=0)


def test_prior_is_the_divergence_from_the_unit_normal():
    mu, logvar = randn(6, 7), randn(6, 7)
    q, p = Normal(mu, (0.5 * logvar).exp()), Normal(torch.zeros_like(mu), torch.ones_like(mu))
    expected = kl_divergence(q, p).sum(1).mean()
    torch.testing.assert_close(losses.prior(mu, logvar), expected, rtol=1e-12, atol=0)
    assert losses.prior(torch.zeros(3, 2), torch.zeros(3, 2)) == 0


def test_vae_is_the_sum_of_both():
    x, x_rec, mu, logvar = randn(4, 2), randn(4, 2), randn(4, 3), randn(4, 3)
    expected = losses.recons(x, x_rec) + losses.prior(mu, logvar)
    assert losses.vae(x, x_rec, mu, logvar) == expected


def test_dis_is_equation_9():
    real, gen, rec = randn(8), randn(8), randn(8)
    expected = -(
        np.log(sigmoid(real)).mean()
        + np.log(1 - sigmoid(gen)).mean()
        + np.log(1 - sigmoid(rec)).mean()
    )
    assert losses.dis(real, gen, rec).item() == pytest.approx(expected, rel=1e-12)


def test_gan_is_equation_12():
    gen, rec = randn(8), randn(8)
    expected = -np.log(sigmoid(gen)).mean() - np.log(sigmoid(rec)).mean()
    assert losses.gan(gen, rec).item() == pytest.approx(expected, rel=1e-12)


def test_recons_dis_is_a_unit_gaussian_on_features_averaged_over_them():
    h, h_rec = randn(5, 11), randn(5, 11)
    log_prob = Independent(Normal(h_rec, 1.0), 1).log_prob(h) + 0.5 * 11 * np.log(2 * np.pi)
    expected = (-log_prob / 11).mean()
    torch.testing.assert_close(losses.recons_dis(h, h_rec), expected, rtol=1e-12, atol=0)


def test_weighted_sums_are_equations_8_and_13():
    a, b = torch.tensor(2.0), torch.tensor(3.0)
    assert losses.enc(a, b, alpha=5.0, beta=0.5) == 11.5
    assert losses.dec(a, b, omega=5.0, lambda_=0.5) == 11.5


@pytest.mark.parametrize("logit", [-1e4, -100.0, 100.0, 1e4])
def test_adversarial_losses_stay_finite_and_keep_a_gradient_at_any_logit(logit):
    d = torch.full((3,), logit, requires_grad=True)
    loss = losses.dis(d, d, d) + losses.gan(d, d)
    (gradient,) = torch.autograd.grad(loss, d)
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient).all()
    assert gradient.abs().sum() > 0.1


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_losses_are_computed_in_float32_from_half_precision(dtype):
    x = torch.full((2, 300), 0.1, dtype=dtype)
    assert losses.recons(x, torch.zeros_like(x)).dtype == torch.float32
    assert losses.prior(x, x).dtype == torch.float32
    assert losses.gan(x[:, 0], x[:, 0]).dtype == torch.float32


def test_real_fake_is_the_cross_entropy_of_two_batches():
    real, fake = randn(8), randn(5)
    expected = -np.log(sigmoid(real)).mean() - np.log(1 - sigmoid(fake)).mean()
    assert losses.real_fake(real, fake).item() == pytest.approx(expected, rel=1e-12)


def test_classification_is_the_cross_entropy_of_each_attribute_by_itself():
    logit, has = randn(5, 3), randn(5, 3) > 0
    right = np.where(has.numpy(), sigmoid(logit), 1 - sigmoid(logit))
    expected = -np.log(right).sum() / 15
    assert losses.classification(logit, has).item() == pytest.approx(expected, rel=1e-12)
    far = losses.classification(torch.full((2, 3), -1e4), torch.ones(2, 3, dtype=torch.bool))
    assert far.item() == 1e4


def test_log_ratio_is_the_logit_itself():
    d = randn(9)
    expected = (-np.log(sigmoid(d)) + np.log(1 - sigmoid(d))).mean()
    assert losses.log_ratio(d).item() == pytest.approx(expected, rel=1e-10)
    assert losses.log_ratio(torch.full((2,), 1e4)) == -1e4


def test_pixel_errors_are_a_mean_and_a_sum():
    x, x_rec = randn(5, 3, 4, 4), randn(5, 3, 4, 4)
    error = (x - x_rec).numpy()
    assert losses.absolute(x, x_rec).item() == pytest.approx(np.abs(error).mean(), rel=1e-12)
    np.testing.assert_allclose(losses.squared(x, x_rec), (error**2).sum((1, 2, 3)), rtol=1e-12)
    torch.testing.assert_close(losses.squared(x, x_rec).mean(), 2 * losses.recons(x, x_rec))


def test_divergence_is_the_prior_loss_of_each_item():
    mu, logvar = randn(6, 7), randn(6, 7)
    assert losses.divergence(mu, logvar).shape == (6,)
    torch.testing.assert_close(losses.divergence(mu, logvar).mean(), losses.prior(mu, logvar))


def test_exp_elbo_averages_after_the_exponential():
    rec, kl = randn(6).square(), randn(6).square()
    expected = np.exp(-2 * (0.3 * rec.numpy() + 4.0 * kl.numpy())).mean()
    assert losses.exp_elbo(rec, kl, 0.3, 4.0).item() == pytest.approx(expected, rel=1e-12)


def test_batch_divergence_is_of_the_normal_that_fits_the_batch():
    z = 0.3 + 2.0 * randn(50, 4)
    q = Normal(z.mean(0), z.std(0, correction=0))
    p = Normal(torch.zeros(4).double(), torch.ones(4).double())
    torch.testing.assert_close(
        losses.batch_divergence(z), kl_divergence(q, p).mean(), rtol=1e-12, atol=0
    )
    assert torch.isfinite(losses.batch_divergence(torch.ones(5, 3)))


def test_cosine_is_zero_for_equal_directions_and_divided_by_the_dimensions():
    z = randn(6, 4)
    assert losses.cosine(z, 3 * z).item() == pytest.approx(0.0, abs=1e-12)
    assert losses.cosine(z, -z).item() == pytest.approx(2 / 4, rel=1e-12)


def test_dis_and_gan_weigh_reconstructions_or_leave_them_out():
    real, gen, rec = randn(8), randn(8), randn(8)
    three, two = losses.dis(real, gen, rec), losses.dis(real, gen)
    torch.testing.assert_close(losses.dis(real, gen, rec, 0.3), two + 0.3 * (three - two))
    assert three - two == pytest.approx(-np.log(1 - sigmoid(rec)).mean(), rel=1e-10)
    both, one = losses.gan(gen, rec), losses.gan(gen)
    torch.testing.assert_close(losses.gan(gen, rec, 0.3), one + 0.3 * (both - one))
    assert both - one == pytest.approx(-np.log(sigmoid(rec)).mean(), rel=1e-10)


def test_relativistic_losses_are_equation_2_of_r3gan():
    real, gen, rec = randn(8), randn(8), randn(8)

    def above(a, b):
        return np.log(1 + np.exp(-(a - b).numpy())).mean()

    dis, gan = losses.relativistic_dis, losses.relativistic_gan
    assert dis(real, gen).item() == pytest.approx(above(real, gen), rel=1e-12)
    expected = above(real, gen) + 0.3 * above(real, rec)
    assert dis(real, gen, rec, 0.3).item() == pytest.approx(expected, rel=1e-12)
    assert gan(real, gen).item() == pytest.approx(above(gen, real), rel=1e-12)
    expected = above(gen, real) + 0.3 * above(rec, real)
    assert gan(real, gen, rec, 0.3).item() == pytest.approx(expected, rel=1e-12)


def test_gradient_penalty_is_half_the_squared_gradient_summed_over_coordinates():
    x, a = randn(5, 3, 4, 4).requires_grad_(), randn(48, 48)
    logit = torch.einsum("bi,ij,bj->b", x.flatten(1), a, x.flatten(1))
    expected = 0.5 * ((x.flatten(1) @ (a + a.T)) ** 2).sum(1).mean()
    penalty = losses.gradient_penalty(logit, x)
    torch.testing.assert_close(penalty, expected, rtol=1e-12, atol=0)
    (found,) = torch.autograd.grad(penalty, x)  # it can be differentiated itself
    (wanted,) = torch.autograd.grad(expected, x)
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)

"""The losses of the methods as pure functions of tensors, each named after its equation.

Conventions, which fix what the weights α, β, ω, λ and γ mean:

- a log-likelihood of an image is summed over its coordinates (pixels × channels) and averaged
  over the batch, so that α = β = 1 in equation 8 is the evidence lower bound itself;
- a divergence is summed over the dimensions of z and averaged over the batch;
- the likelihood of features (equation 11) is averaged over the features, so that λ keeps its
  meaning when the image size or the width of the network changes;
- constants that no parameter can change (the log 2π of a Gaussian) are left out;
- the discriminator's output is a logit D, with Dis(x) = sigmoid(D); log Dis = −softplus(−D) and
  log(1 − Dis) = −softplus(D) are exact for any D.

Every loss is computed in float32 or wider, whatever the precision of the networks.
Numbers in brackets are the equations of Munjal, Paul and Krishnan, "Implicit Discriminator in
Variational Autoencoder".
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def _wide(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


def recons(x: Tensor, x_rec: Tensor) -> Tensor:
    """L_recons [4]: −log N(x | x̃, I), summed over coordinates, mean over the batch.

    Args:
        x: data, shape (B, ...).
        x_rec: x̃ = Dec(z) with z ~ q(z|x), the same shape.
    """
    return 0.5 * (_wide(x) - _wide(x_rec)).square().flatten(1).sum(1).mean()


def prior(mu: Tensor, logvar: Tensor) -> Tensor:
    """L_prior [5]: KL(N(μ, σ²) ‖ N(0, I)), summed over z, mean over the batch.

    Args:
        mu: shape (B, Z).
        logvar: log σ², shape (B, Z).
    """
    mu, logvar = _wide(mu), _wide(logvar)
    return 0.5 * (mu.square() + logvar.exp() - 1.0 - logvar).sum(1).mean()


def vae(x: Tensor, x_rec: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """L_VAE [3] = L_recons + L_prior: the negative evidence lower bound."""
    return recons(x, x_rec) + prior(mu, logvar)


def mean_log_dis(logit: Tensor) -> Tensor:
    """Mean of log Dis over the batch, from the logit D of shape (B,)."""
    return -F.softplus(-_wide(logit)).mean()


def mean_log_one_minus_dis(logit: Tensor) -> Tensor:
    """Mean of log(1 − Dis) over the batch, from the logit D of shape (B,)."""
    return -F.softplus(_wide(logit)).mean()


def enc(recons: Tensor, prior: Tensor, alpha: float, beta: float) -> Tensor:
    """L_enc [8] = α L_recons + β L_prior."""
    return alpha * recons + beta * prior


def dis(
    logit_x: Tensor, logit_gen: Tensor, logit_rec: Tensor | None = None, weight_rec: float = 1.0
) -> Tensor:
    """L_dis [9] = −[log Dis(x) + log(1 − Dis(Dec(z'))) + log(1 − Dis(Dec(Enc(x))))].

    Args:
        logit_x, logit_gen, logit_rec: logits of x, x' = Dec(z') and x̃ = Dec(Enc(x)), shape (B,).
            Without the last, the third term is left out.
        weight_rec: of the third term.
    """
    if logit_rec is None:
        return real_fake(logit_x, logit_gen)
    return -(
        mean_log_dis(logit_x)
        + mean_log_one_minus_dis(logit_gen)
        + weight_rec * mean_log_one_minus_dis(logit_rec)
    )


def mismatch(logit: Tensor, is_wrong: Tensor, count: Tensor | None = None) -> Tensor:
    """−log(1 − Dis(x, y')), mean over the images whose y' is wrong; 0 where there is none.

    Args:
        logit: of real images with the condition of another image, shape (B,).
        is_wrong: whether that condition differs from the image's own, shape (B,).
        count: how many do; of several processes, the mean over them.
    """
    log_wrong = -F.softplus(_wide(logit))  # log(1 − Dis)
    count = is_wrong.sum() if count is None else count.to(log_wrong)
    return -(log_wrong * is_wrong).sum() / count.clamp_min(1e-6)  # where it is 0, so is the sum


def classification(logit: Tensor, has: Tensor) -> Tensor:
    """L_class: −log of what a classifier gives the truth, each class or attribute for itself.

    Odena, Olah and Shlens, "Conditional Image Synthesis with Auxiliary Classifier GANs", section
    4, whose classes exclude each other; attributes do not.

    Args:
        logit: with sigmoid(logit) the probability of each, shape (B, Y).
        has: whether the image has it, the same shape.

    Returns:
        the mean over classes or attributes and the batch.
    """
    logit = _wide(logit)
    return torch.where(has, F.softplus(-logit), F.softplus(logit)).mean()


def recons_dis(h: Tensor, h_rec: Tensor) -> Tensor:
    """L_recons^dis [10, 11]: −log N(Dis_l(x) | Dis_l(x̃), I), mean over features and batch.

    Args:
        h: Dis_l(x), shape (B, ...): the target, so the caller detaches it.
        h_rec: Dis_l(x̃), the same shape.
    """
    return 0.5 * (_wide(h) - _wide(h_rec)).square().mean()


def gan(logit_gen: Tensor, logit_rec: Tensor | None = None, weight_rec: float = 1.0) -> Tensor:
    """L_GAN [12] = −log Dis(Dec(z')) − log Dis(Dec(Enc(x))), from logits of shape (B,).

    Without the logits of x̃ the second term is left out; else `weight_rec` is its weight.
    """
    if logit_rec is None:
        return -mean_log_dis(logit_gen)
    return -(mean_log_dis(logit_gen) + weight_rec * mean_log_dis(logit_rec))


def relativistic(logit: Tensor, other: Tensor) -> Tensor:
    """sp(−(D − D_other)) with sp = softplus, mean over the pairs: D is to be above the other's.

    Huang, Gokaslan, Kuleshov and Tompkin, "The GAN is dead; long live the GAN! A Modern GAN
    Baseline", equation 2 (RpGAN; after Jolicoeur-Martineau), as their code minimises it: neither
    player's loss is flat where it loses.

    Args:
        logit, other: logits of two batches, shape (B,); the i-th of both make a pair.
    """
    return F.softplus(_wide(other) - _wide(logit)).mean()


def relativistic_dis(
    logit_x: Tensor, logit_gen: Tensor, logit_rec: Tensor | None = None, weight_rec: float = 1.0
) -> Tensor:
    """L_dis where x is to be above x', and above x̃ where its logits are given: as `dis`."""
    loss = relativistic(logit_x, logit_gen)
    return loss if logit_rec is None else loss + weight_rec * relativistic(logit_x, logit_rec)


def relativistic_gan(
    logit_x: Tensor, logit_gen: Tensor, logit_rec: Tensor | None = None, weight_rec: float = 1.0
) -> Tensor:
    """L_GAN where x' is to be above x, and x̃ too where its logits are given: as `gan`."""
    loss = relativistic(logit_gen, logit_x)
    return loss if logit_rec is None else loss + weight_rec * relativistic(logit_rec, logit_x)


def gradient_penalty(logit: Tensor, x: Tensor) -> Tensor:
    """½‖∇ₓD(x)‖², summed over coordinates, mean over the batch; differentiable.

    Mescheder, Geiger and Nowozin, "Which Training Methods for GANs do actually Converge?", section
    4.1, and equation 3 of Huang et al.: times γ it is R1 at data, R2 at fakes. ∇ₓ is that of the
    sum of all logits, as in their code, so where a network looks at the whole batch (batch
    normalisation) an item's gradient holds what it does to the others.

    Args:
        logit: D(x), shape (B,).
        x: what it was computed from, with requires_grad, shape (B, ...).
    """
    (gradient,) = torch.autograd.grad(logit.sum(), x, create_graph=True)
    return 0.5 * _wide(gradient).square().flatten(1).sum(1).mean()


def dec(gan: Tensor, recons_dis: Tensor, omega: float, lambda_: float) -> Tensor:
    """L_dec [13] = ω L_GAN + λ L_recons^dis."""
    return omega * gan + lambda_ * recons_dis


def real_fake(logit_real: Tensor, logit_fake: Tensor) -> Tensor:
    """−[log D(real) + log(1 − D(fake))]: equation 1 of Goodfellow et al. as D minimises it.

    Args:
        logit_real, logit_fake: logits of images, or of codes for a code critic, shape (B,).
    """
    return -(mean_log_dis(logit_real) + mean_log_one_minus_dis(logit_fake))


def log_ratio(logit: Tensor) -> Tensor:
    """R = −log D + log(1 − D) of Rosca et al. for logits of shape (B,): exactly −logit."""
    return -_wide(logit).mean()


def absolute(x: Tensor, x_rec: Tensor) -> Tensor:
    """|x − x̃| of data of shape (B, ...), mean over coordinates and batch."""
    return (_wide(x) - _wide(x_rec)).abs().mean()


def mean_squared(a: Tensor, b: Tensor) -> Tensor:
    """(a − b)², mean over coordinates and batch."""
    return (_wide(a) - _wide(b)).square().mean()


def squared(x: Tensor, x_rec: Tensor) -> Tensor:
    """‖x − x̃‖² of each item of data of shape (B, ...), summed over coordinates: shape (B,)."""
    return (_wide(x) - _wide(x_rec)).square().flatten(1).sum(1)


def divergence(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, I)) of each item, summed over z: shape (B,); its mean is L_prior."""
    mu, logvar = _wide(mu), _wide(logvar)
    return 0.5 * (mu.square() + logvar.exp() - 1.0 - logvar).sum(1)


def log_normal(z: Tensor, mean: Tensor | float = 0.0, var: Tensor | float = 1.0) -> Tensor:
    """log N(z; mean, var) of codes (B, Z), summed over z, without its log 2π: shape (B,)."""
    var, log_var = (
        (_wide(var), _wide(var).log()) if isinstance(var, Tensor) else (var, math.log(var))
    )
    return -0.5 * ((_wide(z) - mean).square() / var + log_var).sum(1)


def exp_elbo(squared: Tensor, divergence: Tensor, beta_rec: float, beta_neg: float) -> Tensor:
    """exp(α·ELBO) of fakes, in (0, 1], mean over the batch, with Soft-IntroVAE's α = 2.

    Args:
        squared: s‖x' − Dec(Enc(x'))‖² of each fake, shape (B,).
        divergence: s·KL(q(z|x') ‖ p(z)) of each fake, shape (B,).
        beta_rec: weight of the first.
        beta_neg: weight of the second.
    """
    return (-2.0 * (beta_rec * squared + beta_neg * divergence)).exp().mean()


def batch_divergence(z: Tensor) -> Tensor:
    """KL of the normal fitted to a batch of codes against N(0, 1), mean over the dimensions.

    Ulyanov, Vedaldi and Lempitsky: (m² + s²)/2 − log s − 1/2 for the mean m and variance s² that
    one dimension has over the batch. Their code puts s² in the place of s, which its author calls a
    mistake; on the unit sphere that is close to twice this, and their weights weigh half as much.

    Args:
        z: codes, shape (B, Z).
    """
    z = _wide(z)
    mean = z.mean(0)
    # 1e-12: codes that have collapsed to one point keep a finite logarithm.
    var = (z - mean).square().mean(0).clamp_min(1e-12)
    return 0.5 * (mean.square() + var - var.log() - 1.0).mean()


def cosine(z: Tensor, z_rec: Tensor) -> Tensor:
    """(1 − cos(z, z̃)) / Z, mean over the batch: AGE's distance of codes of shape (B, Z).

    Divided by Z because the published code averages the products over dimensions too.
    """
    cos = F.cosine_similarity(_wide(z), _wide(z_rec), dim=1)
    return (1.0 - cos).mean() / z.shape[1]

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


def log_real(logit: Tensor) -> Tensor:
    """log Dis, mean over the batch, from the logit D of shape (B,)."""
    return -F.softplus(-_wide(logit)).mean()


def log_fake(logit: Tensor) -> Tensor:
    """log(1 − Dis), mean over the batch, from the logit D of shape (B,)."""
    return -F.softplus(_wide(logit)).mean()


def enc(recons: Tensor, prior: Tensor, alpha: float, beta: float) -> Tensor:
    """L_enc [8] = α L_recons + β L_prior."""
    return alpha * recons + beta * prior


def dis(logit_x: Tensor, logit_gen: Tensor, logit_rec: Tensor) -> Tensor:
    """L_dis [9] = −[log Dis(x) + log(1 − Dis(Dec(z'))) + log(1 − Dis(Dec(Enc(x))))].

    Args:
        logit_x, logit_gen, logit_rec: logits of x, x' = Dec(z') and x̃ = Dec(Enc(x)), shape (B,).
    """
    return -(log_real(logit_x) + log_fake(logit_gen) + log_fake(logit_rec))


def recons_dis(h: Tensor, h_rec: Tensor) -> Tensor:
    """L_recons^dis [10, 11]: −log N(Dis_l(x) | Dis_l(x̃), I), mean over features and batch.

    Args:
        h: Dis_l(x), shape (B, ...): the target, so the caller detaches it.
        h_rec: Dis_l(x̃), the same shape.
    """
    return 0.5 * (_wide(h) - _wide(h_rec)).square().mean()


def gan(logit_gen: Tensor, logit_rec: Tensor) -> Tensor:
    """L_GAN [12] = −log Dis(Dec(z')) − log Dis(Dec(Enc(x))), from logits of shape (B,)."""
    return -(log_real(logit_gen) + log_real(logit_rec))


def dec(gan: Tensor, recons_dis: Tensor, omega: float, lambda_: float) -> Tensor:
    """L_dec [13] = ω L_GAN + λ L_recons^dis."""
    return omega * gan + lambda_ * recons_dis

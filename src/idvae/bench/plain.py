"""The rival of IDVAE's training step: Algorithm 1 written down plainly.

Three losses, each with a forward pass of its own over everything and `backward()` over everything;
then only the optimizer of the right parameters steps. Same networks, same losses, same noise, so
the numbers are those of the library up to rounding: with F_E and F_D the forward cost of trunk and
decoder for an image, in 20 F_E + 11 F_D multiply-adds. `plain_layers` also takes the library's
faster layer out of its decoder.
"""

import torch
from torch import Tensor, nn

from idvae import losses
from idvae.methods.idvae import IDVAEConfig
from idvae.networks import Networks, statistics_of
from idvae.networks.upsampling import UpConv


class PlainIDVAE(nn.Module):
    """IDVAE with one update a loss, and no thought of what could be shared between them.

    Args:
        nets: makes the networks, in the order in which the library makes them.
        config: the weights of the losses.
        lr: Adam's learning rate.
        betas: Adam's β1 and β2.
    """

    def __init__(
        self, nets: Networks, config: IDVAEConfig, lr: float, betas: tuple[float, float]
    ) -> None:
        super().__init__()
        self.config = config
        self.shared = nets.trunk()
        self.enc = nets.gaussian_head()
        self.dis = nets.logit_head()
        self.dec = nets.decoder()
        parts = {"dis": [self.shared, self.dis], "enc": [self.shared, self.enc], "dec": [self.dec]}
        self.optimizers = {
            name: torch.optim.Adam(nn.ModuleList(networks).parameters(), lr=lr, betas=betas)
            for name, networks in parts.items()
        }

    def step(self, x: Tensor, eps: Tensor, z: Tensor) -> dict[str, float]:
        """Lines 4 to 11 of Algorithm 1 on a batch; returns its losses."""
        values = {}
        for name, loss_of in (
            ("dis", self.loss_dis),
            ("enc", self.loss_enc),
            ("dec", self.loss_dec),
        ):
            loss = loss_of(x, eps, z)
            self.zero_grad()
            loss.backward()
            self.optimizers[name].step()
            values[name] = loss.item()
        return values

    def loss_dis(self, x: Tensor, eps: Tensor, z: Tensor) -> Tensor:
        """L_dis [9], with x̃ and x' as data."""
        with statistics_of("prior"):
            x_gen = self.dec(z)
        _, x_rec = self.reconstruct(x, eps)
        real, gen, rec = (
            self.dis(self.shared(images)) for images in (x, x_gen.detach(), x_rec.detach())
        )
        return losses.dis(real, gen, rec)

    def loss_enc(self, x: Tensor, eps: Tensor, z: Tensor) -> Tensor:
        """L_enc [8]."""
        with statistics_of("real", "posterior"):
            q, x_rec = self.reconstruct(x, eps)
        recons, prior = losses.recons(x, x_rec), losses.prior(*q)
        return losses.enc(recons, prior, self.config.alpha, self.config.beta)

    def loss_dec(self, x: Tensor, eps: Tensor, z: Tensor) -> Tensor:
        """L_dec [13]."""
        # The code of line 10: encoding again would be another x̃, by the parameters line 10 moved.
        x_gen, x_rec = self.dec(z), self.dec(self.code)
        h, h_rec, h_gen = (self.shared(images) for images in (x, x_rec, x_gen))
        gan = losses.gan(self.dis(h_gen), self.dis(h_rec))
        recons_dis = losses.recons_dis(h.detach(), h_rec)
        loss = losses.dec(gan, recons_dis, self.config.omega, self.config.lambda_)
        if self.config.gamma:
            loss = loss + self.config.gamma * losses.recons(x, x_rec)
        return loss

    def reconstruct(self, x: Tensor, eps: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """(μ, log σ²) and x̃ = Dec(μ + σ·eps); the code is kept for line 11."""
        mu, logvar = self.enc(self.shared(x))
        code = mu + (0.5 * logvar).exp() * eps
        self.code = code.detach()
        return (mu, logvar), self.dec(code)


def plain_layers(decoder: nn.Module) -> None:
    """Repeat pixels and convolve as two layers, with the same weights, as a plain decoder does."""
    for name, layer in list(decoder.named_modules()):
        if isinstance(layer, UpConv):
            conv = nn.Conv2d(layer.in_channels, layer.out_channels, 3, padding=1, bias=False)
            conv.weight = layer.weight
            decoder.set_submodule(name, nn.Sequential(nn.Upsample(scale_factor=2), conv))

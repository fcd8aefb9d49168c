"""AGE: the encoder is the critic; it compares distributions of codes, not images.

Ulyanov, Vedaldi and Lempitsky, "It Takes (Only) Two: Adversarial Generator-Encoder Networks".
The weights' names are ours: the paper has μ for pixels and λ for codes.
"""

from dataclasses import dataclass

from torch import Generator, Tensor, no_grad

from idvae import losses
from idvae.methods.method import Method, Update
from idvae.networks import Networks, statistics_of
from idvae.options import Count, Weight


@dataclass
class AGEConfig:
    """Weights of AGE's reconstructions, and its generator's updates.

    Attributes:
        lambda_: λ, weight of |x − g(e(x))| (a mean over pixels) in the encoder's loss.
            The default, 10, is the authors' number. Their divergence is about twice this one, so
            their balance is 5; on Fashion-MNIST that was no better (docs/methods/age.md).
        mu: μ, weight of the cosine distance of z and e(g(z)) (divided by the dimensions of z) in
            the generator's loss. The default, 1000, is the authors' number; their balance is 500,
            as for λ.
        g_steps: updates of the generator in a step, each with fresh codes.
    """

    lambda_: Weight = 10.0
    mu: Weight = 1000.0
    g_steps: Count = 2


class AGE(Method):
    """e: trunk and code head, onto the unit sphere; g: decoder. Two networks, no discriminator."""

    name = "age"
    title = "AGE"
    source = (
        "Ulyanov, Vedaldi and Lempitsky, It Takes (Only) Two: Adversarial Generator-Encoder "
        "Networks"
    )
    Config = AGEConfig
    equations = {
        "enc": "KL(e(x)) - KL(e(g(z))) + lambda |x - g(e(x))|",
        "dec": "KL(e(g(z))) + mu (1 - cos(z, e(g(z)))) / Z",
    }
    prior = "sphere"
    rows_at = {"z_dec": 1}

    def __init__(self, nets: Networks, config: AGEConfig) -> None:
        super().__init__(nets, config)
        self.trunk = nets.trunk()
        self.code = nets.code_head()
        self.dec = nets.decoder()
        self.groups = {"enc": ("trunk", "code"), "dec": ("dec",)}
        self.repeats = {"dec": config.g_steps}

    def draw_noise(self, n: int, generator: Generator) -> dict[str, Tensor]:
        """Codes on the sphere: `z` (n, Z) for the encoder's update, `z_dec` (g_steps, n, Z)."""
        z_dec = self.draw_prior(self.config.g_steps * n, generator)
        z_dec = z_dec.unflatten(0, (self.config.g_steps, n))
        return {"z": self.draw_prior(n, generator), "z_dec": z_dec}

    def step(
        self, x: Tensor, y: Tensor | None, update: Update, *, z: Tensor, z_dec: Tensor
    ) -> None:
        """One update of e against the images of `z`, then one of g for each row of `z_dec`."""
        with no_grad(), statistics_of("prior"):
            x_gen = self.dec(z, y)
        update("enc", self.loss_enc(x, y, x_gen))
        for fresh in z_dec:
            update("dec", self.loss_dec(fresh, y))

    def loss_enc(self, x: Tensor, y: Tensor | None, x_gen: Tensor) -> Tensor:
        """e draws the codes of data to the prior and those of fakes, which are data, off it."""
        with statistics_of("real", "posterior"):
            codes = self.encode(x, y)
            x_rec = self.dec(codes, y)
        kl_x = self.divergence(codes)
        kl_gen = self.divergence(self.encode(x_gen, y))
        recons = losses.absolute(x, x_rec)
        self.log(kl_x=kl_x, kl_gen=kl_gen, recons=recons)
        return kl_x - kl_gen + self.config.lambda_ * recons

    def loss_dec(self, z: Tensor, y: Tensor | None) -> Tensor:
        """g draws the codes of its fakes to the prior, each to the code that it came from."""
        codes = self.encode(self.dec(z, y), y)
        match = losses.cosine(z, codes)
        self.log(match_z=match)
        return self.divergence(codes) + self.config.mu * match

    def divergence(self, codes: Tensor) -> Tensor:
        """KL of the whole batch of codes."""
        return losses.batch_divergence(self.batch.rows(codes))

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.into_range(self.code(self.trunk(x, y)))

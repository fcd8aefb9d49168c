"""IDVAE: the encoder of a VAE is also the discriminator of a GAN.

Munjal, Paul and Krishnan, "Implicit Discriminator in Variational Autoencoder". Numbers in
brackets are its equations, lines are those of its Algorithm 1.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import lcm
from typing import Any, Literal

import torch
from torch import Generator, Tensor, no_grad

from idvae import losses
from idvae.errors import UserError
from idvae.methods.adversarial import Adversarial
from idvae.methods.method import Update
from idvae.networks import Networks, statistics_of, unchanged
from idvae.networks.augment import UNIFORMS, augment
from idvae.options import Count, OrNone, Share, Weight


@dataclass
class IDVAEConfig:
    """Weights of IDVAE's losses and its training schedule.

    Attributes:
        alpha: α, weight of L_recons (a sum over pixels) in the encoder's loss [8].
        beta: β, weight of L_prior (a sum over z) in the encoder's loss [8].
        omega: ω, weight of L_GAN in the decoder's loss [13].
        lambda_: λ, weight of L_recons^dis (a mean over features) in the decoder's loss [13].
        gamma: γ, weight of L_recons (a sum over pixels) in the decoder's loss (section 5.1);
            IDVAE(R) is γ > 0.
        mismatch: weight of −log(1 − Dis(x, y')) in the discriminator's loss, for real images
            with the condition of another image (Perarnau et al.; there 0.5).
        schedule: order of the updates (section 3.4): the discriminator's loss first, the
            encoder's first, or both losses in one update of θ_shared, θ_dis and θ_enc.
        r1: γ of R1, γ/2·‖∇D(x)‖² (a sum over pixels) in the discriminator's loss.
        r2: γ of R2, the same of fakes; of reconstructions times `rec_fakes`.
        relativistic: whether the discriminator compares each image with a fake, instead of
            answering for each alone.
        rec_fakes: weight of reconstructions as fakes, in [9] and in [12]; 0 leaves them out of
            both.
        deviation: whether θ_dis also reads how much the features vary over the batch.
        augment: how images are altered before the discriminator answers for them: a list of
            colour, translation or shift, cutout.
        augment_from: the step from which on they are altered, where a discriminator begins to know
            them by heart.
        dec_steps: updates of the decoder in a step, each after the first with fresh codes.
        edits: share of x' whose code is that of another image, from q(z|x), instead of p(z)'s:
            an image under the condition of another must look like one that has it.
        turned: share of the wrong conditions of `mismatch` that are the image's own with one
            attribute turned (or another class), which is harder to tell, instead of another
            image's.
        auxiliary: weight of the auxiliary classifier (Odena, Olah and Shlens), a second head of
            θ_dis that reads the trunk where that is not told: in L_dis it learns each entry of
            the condition of real images, in L_dec it is to find in x' what was asked.
        auxiliary_noise: deviation of the normal noise under which the auxiliary classifier sees
            images (white is 1, black −1): a hint that drowns in it does not pass for an attribute.
        absolute: weight of |x − x̃| (a mean over pixels) in the decoder's loss: where an image is
            flat a reconstruction is to be flat too.
        share: what encoder and discriminator have in common, θ_shared: the trunk, up to the
            layer that both heads read; none of it, two trunks of one shape; or a number of
            blocks of the trunk, from the image on.
        rec_thin: one image of so many is reconstructed, in all losses of x̃; the prior's is of all.
        r1_thin: R1 is taken at one image of so many, which are then a batch of their own.
    """

    alpha: Weight = 1.0
    beta: Weight = 1.0
    omega: Weight = 1.0
    lambda_: Weight = 10.0
    gamma: Weight = 0.0
    mismatch: Weight = 0.0
    schedule: Literal["dis-first", "enc-first", "joint"] = "dis-first"
    r1: Weight = 0.0
    r2: Weight = 0.0
    relativistic: bool = False
    rec_fakes: Weight = 1.0
    deviation: bool = False
    augment: str | None = None
    augment_from: OrNone = 0
    dec_steps: Count = 1
    edits: Share = 0.0
    turned: Share = 0.0
    auxiliary: Weight = 0.0
    auxiliary_noise: Weight = 0.0
    absolute: Weight = 0.0
    share: str = "trunk"
    rec_thin: Count = 1
    r1_thin: Count = 1


@dataclass
class IDVAERConfig(IDVAEConfig):
    """IDVAE(R): the decoder also minimises L_recons explicitly (section 5.1).

    Attributes:
        gamma: γ, weight of L_recons (a sum over pixels) in the decoder's loss.
    """

    gamma: Weight = 0.02


@dataclass
class IDVAEPlusConfig(IDVAEConfig):
    """IDVAE with parts that are younger than its paper, some of which helped on garments.

    Attributes:
        alpha: α, weight of L_recons (a sum over pixels). One update of θ_shared has both losses,
            and at 1 the sum over pixels would leave nothing of the discriminator's.
        beta: β, weight of L_prior (a sum over z): a quarter of α, for sharper reconstructions.
        lambda_: λ, weight of L_recons^dis (a mean over features) in the decoder's loss [13].
        gamma: γ, weight of L_recons (a sum over pixels) in the decoder's loss (section 5.1).
        schedule: order of the updates (section 3.4): the discriminator's loss first, the
            encoder's first, or both losses in one update of θ_shared, θ_dis and θ_enc.
        r1: γ of R1, γ/2·‖∇D(x)‖² (a sum over pixels) in the discriminator's loss.
        rec_fakes: weight of reconstructions as fakes, in [9] and in [12]; 0 leaves them out of
            both.
        deviation: whether θ_dis also reads how much the features vary over the batch.
    """

    alpha: Weight = 0.02
    beta: Weight = 0.005
    lambda_: Weight = 20.0
    gamma: Weight = 0.02
    schedule: Literal["dis-first", "enc-first", "joint"] = "joint"
    r1: Weight = 0.1
    rec_fakes: Weight = 0.0
    deviation: bool = True


class IDVAE(Adversarial):
    """θ_shared: trunk, θ_enc: Gaussian head, θ_dis: logit head, θ_dec: decoder (Figure 2).

    What of the trunk is not shared (`--share`) θ_enc and θ_dis have each for themselves.
    """

    name = "idvae"
    title = "IDVAE"
    source = "Munjal, Paul and Krishnan, Implicit Discriminator in Variational Autoencoder"
    Config = IDVAEConfig
    equations = {
        "dis": "-[log Dis(x) + log(1 - Dis(Dec(z'))) + log(1 - Dis(Dec(Enc(x))))]   [9]"
        " (- mismatch log(1 - Dis(x, y'))) (+ auxiliary L_class(x))",
        "enc": "alpha L_recons + beta L_prior   [8, 4, 5]",
        "joint": "L_dis + L_enc   [9, 8]",
        "dec": "omega L_GAN + lambda L_recons^dis (+ gamma L_recons) (+ auxiliary L_class(x'))"
        "   [13, 12, 11]",
    }
    reads = "shared"
    counted = ("edits", "turned")
    rows_at = {"eps_dec": 1, "z_dec": 1, "views": 2, "grain": 1}

    def __init__(self, nets: Networks, config: IDVAEConfig) -> None:
        super().__init__(nets, config)
        if config.mismatch and not nets.shape.condition:
            raise UserError("--mismatch needs a --condition that can be a wrong one")
        if config.edits and not nets.shape.condition:
            raise UserError("--edits needs a --condition, which is what they edit")
        if config.turned and not config.mismatch:
            raise UserError("--turned is of the wrong conditions of --mismatch, which is 0")
        if config.auxiliary and not nets.shape.condition:
            raise UserError("--auxiliary needs a --condition, which it learns to find in images")
        if config.auxiliary_noise and not config.auxiliary:
            raise UserError("--auxiliary-noise is before the classifier of --auxiliary, which is 0")
        if config.rec_thin > 1 and config.rec_fakes:
            raise UserError(
                "--rec-thin is for reconstructions that are not fakes; add --rec-fakes 0"
            )
        self.multiple = lcm(config.rec_thin, config.r1_thin)
        self.dec_steps = config.dec_steps
        self.edits_as = "prior" if config.edits else "posterior"  # they are among the x'
        weights = ("mismatch", "gamma", "rec_fakes", "edits", "turned", "absolute")
        weights += ("auxiliary", "auxiliary_noise")
        self.terms |= {name for name in weights if getattr(config, name)}
        self.views: Iterator[Iterable[Tensor]] | None = None  # how θ_dis is shown x, x' and x̃
        self.grain: Iterator[Tensor] | None = None  # what the auxiliary classifier sees them under
        self.turns: Tensor | None = None  # which attribute of each image is turned
        self.shared, self.dis_trunk = nets.trunk_in_two(config.share, judges=True)
        self.enc = nets.gaussian_head()
        self.dis = nets.logit_head(config.deviation)
        self.dec = nets.decoder()
        self.classify = nets.condition_head(judges=True) if config.auxiliary else unchanged
        self.enc_trunk = self.dis_trunk
        if self.dis_trunk is not unchanged:  # the last: all else begins as where it is shared
            _, self.enc_trunk = nets.trunk_in_two(config.share)
            self.reads = "features_enc"
        dis, enc, dec = ("dis_trunk", "dis", "classify"), ("enc_trunk", "enc"), ("dec",)
        groups = {
            "dis-first": {"dis": ("shared", *dis), "enc": ("shared", *enc), "dec": dec},
            "enc-first": {"enc": ("shared", *enc), "dis": ("shared", *dis), "dec": dec},
            "joint": {"joint": ("shared", *dis, *enc), "dec": dec},
        }[config.schedule]
        there = dict(self.named_children())  # parts without layers are not
        self.groups = {g: tuple(n for n in names if n in there) for g, names in groups.items()}
        if self.dec_steps > 1:
            self.repeats = {"dec": self.dec_steps}

    def draw_noise(self, n: int, generator: Generator) -> dict[str, Tensor]:
        """`eps` and `z`, shape (n, Z), and what the options that are on need besides.

        `eps_dec` and `z_dec`, shape (dec_steps − 1, n, Z), are for the decoder's updates after
        the first; `views`, shape (1 + dec_steps, 3, n, UNIFORMS), say how x, x' and x̃ are altered
        in L_dis and in each L_dec; `turns`, shape (n, 1), which attribute is turned; `grain`,
        shape (1 + dec_steps, n, C, H, W), is for the auxiliary classifier in the same losses.
        """
        noise, more = super().draw_noise(n, generator), self.dec_steps - 1
        if more:
            noise["eps_dec"] = torch.randn(more, n, self.z_dim, generator=generator)
            noise["z_dec"] = self.draw_prior(more * n, generator).unflatten(0, (more, n))
        if self.augmentations:
            noise["views"] = torch.rand(2 + more, 3, n, UNIFORMS, generator=generator)
        if "turned" in self.terms:
            noise["turns"] = torch.rand(n, 1, generator=generator)
        if "auxiliary_noise" in self.terms:
            noise["grain"] = torch.randn(2 + more, *self.shape.batch(n), generator=generator)
        return noise

    def step(
        self, x: Tensor, y: Tensor | None, update: Update, *, eps: Tensor, z: Tensor, **more: Tensor
    ) -> None:
        """Lines 4 to 11 of Algorithm 1, for z' = `z` and z = μ + σ·`eps`."""
        if self.config.r1_thin == 1:
            (x,) = self.differentiable(x)
        # Of each loss; L_dis, which always comes before L_dec, is the first.
        self.views = iter(more["views"]) if "views" in more else None
        if "grain" in more:
            self.grain = iter(more["grain"])
        self.turns = more.get("turns")
        if "edits" in self.terms:
            with no_grad():
                z = self.with_edits(self.code(*self.posterior(self.shared(x, y), y), eps), z)
        steps = {"dis-first": self._dis_first, "enc-first": self._enc_first, "joint": self._joint}
        steps[self.config.schedule](x, y, eps, z, update)
        if self.dec_steps > 1:
            self._line_11_again(x, y, more["eps_dec"], more["z_dec"], update)

    def with_edits(self, codes: Tensor, z: Tensor) -> Tensor:
        """The codes z', of which --edits takes the first from the images one place before."""
        if "edits" not in self.terms:
            return z
        count = self.batch.first(self.config.edits, len(z))
        return torch.cat([self.batch.before(codes)[:count], z[count:]])

    def _dis_first(
        self, x: Tensor, y: Tensor | None, eps: Tensor, z: Tensor, update: Update
    ) -> None:
        with statistics_of("prior"):
            x_gen = self.dec(z, y)  # lines 6-7; its graph serves line 11
        h = self.shared(x, y)  # the same at lines 4 and 9
        x_rec = None
        if "rec_fakes" in self.terms:
            with no_grad():
                _, x_rec = self.decode_posterior(h, y, eps)  # lines 4-5: data at line 9
        update("dis", self.loss_dis(x, y, h, x_rec, x_gen.detach()))  # line 9: θ_dis, θ_shared
        with statistics_of("real", "posterior"):
            q, x_rec = self.reconstruct(x, y, eps)  # line 9 moved θ_shared: encode again
        update("enc", self.loss_enc(x, q, x_rec), retain=True)  # line 10: θ_enc, θ_shared
        update("dec", self.loss_dec(x, y, x_rec, x_gen))  # line 11: θ_dec

    def _enc_first(
        self, x: Tensor, y: Tensor | None, eps: Tensor, z: Tensor, update: Update
    ) -> None:
        with statistics_of("prior"):
            x_gen = self.dec(z, y)
        with statistics_of("real", "posterior"):
            q, x_rec = self.reconstruct(x, y, eps)
        update("enc", self.loss_enc(x, q, x_rec), retain=True)  # line 10
        h = self.shared(x, y)
        update("dis", self.loss_dis(x, y, h, x_rec.detach(), x_gen.detach()))  # line 9
        update("dec", self.loss_dec(x, y, x_rec, x_gen))  # line 11

    def _joint(self, x: Tensor, y: Tensor | None, eps: Tensor, z: Tensor, update: Update) -> None:
        with statistics_of("prior"):
            x_gen = self.dec(z, y)
        with statistics_of("real", "posterior"):
            h = self.shared(x, y)  # nothing moves between the two losses
            q, x_rec = self.decode_posterior(h, y, eps)
        loss_dis = self.loss_dis(x, y, h, x_rec.detach(), x_gen.detach())
        loss = loss_dis + self.loss_enc(x, q, x_rec)
        update("joint", loss, retain=True)  # lines 9 and 10 at once
        update("dec", self.loss_dec(x, y, x_rec, x_gen))  # line 11

    def _line_11_again(
        self, x: Tensor, y: Tensor | None, eps: Tensor, z: Tensor, update: Update
    ) -> None:
        """θ_dec has moved: decode anew, from fresh codes. Those before fed running statistics."""
        with no_grad():
            mu, logvar = self.posterior(self.shared(x, y), y)
        for eps_again, z_again in zip(eps, z, strict=True):
            code = self.code(mu, logvar, eps_again)
            x_gen = self.dec(self.with_edits(code, z_again), y)
            update("dec", self.loss_dec(x, y, self.dec(*self.some(code, y)), x_gen))

    def loss_dis(
        self, x: Tensor, y: Tensor | None, h: Tensor, x_rec: Tensor | None, x_gen: Tensor
    ) -> Tensor:
        """L_dis [9]; h is what θ_shared makes of x, x̃ and x' are data here.

        Each batch is normalised on its own; a trunk that is θ_dis's alone follows real images here.
        """
        fakes = [x_gen] if x_rec is None or "rec_fakes" not in self.terms else [x_gen, x_rec]
        if "r2" in self.terms:
            fakes = [fake.requires_grad_() for fake in fakes]
        of_x, *of_fakes = self.coming_views()
        with statistics_of("real"):
            of_real = self.dis_trunk(h, y)
        if of_x is not None:  # running statistics have followed x as it is
            of_real = self.shown(x, y, of_x)
        features = [of_real]
        features += [self.shown(fake, y, of) for fake, of in zip(fakes, of_fakes, strict=False)]
        logits = [self.dis(g) for g in features]
        names = ("dis_x", "dis_gen", "dis_rec")
        self.log(**{n: d.sigmoid().mean() for n, d in zip(names, logits, strict=False)})
        compare = losses.relativistic_dis if self.config.relativistic else losses.dis
        loss = compare(*logits, weight_rec=self.config.rec_fakes)
        if "mismatch" in self.terms and y is not None:
            wrong = self.wrong_condition(y)
            logit, is_wrong = self.dis(self.shown(x, wrong, of_x)), (wrong != y).any(1)
            if self.config.relativistic:
                logit = logit - logits[0]  # (x, y') is one more fake, paired with (x, y)
            count = self.mean_of_all(is_wrong.float().sum())
            loss = loss + self.config.mismatch * losses.mismatch(logit, is_wrong, count)
        if "auxiliary" in self.terms and y is not None:
            found = self.found_amiss(x, y, of_x)
            self.log(auxiliary=found)
            loss = loss + self.config.auxiliary * found
        if self.config.r1_thin > 1:
            x, logits[0] = self.seen_by_r1(x, y, of_x)
        return self.penalised(loss, logits, [x, *fakes], self.config.rec_fakes)

    def seen_by_r1(self, x: Tensor, y: Tensor | None, view: Tensor | None) -> tuple[Tensor, Tensor]:
        """Those of the images that R1 is taken at, and D of them as a batch of their own."""
        x, y, view = (t if t is None else t[:: self.config.r1_thin] for t in (x, y, view))
        (x,) = self.differentiable(x)
        return x, self.dis(self.shown(x, y, view))

    def wrong_condition(self, y: Tensor) -> Tensor:
        """Those of the images one place before; of the first ones their own, one thing turned.

        That is one attribute of theirs, or their class: another one, each as likely.
        """
        wrong = self.batch.before(y)
        if self.turns is None:
            return wrong
        width, count = y.shape[1], self.batch.first(self.config.turned, len(y))
        at = (self.turns * width).long()
        turned = y.scatter(1, at, -y.gather(1, at))
        on = 1 + (self.turns * (width - 1)).long()  # places from a class to another
        other = torch.zeros_like(y).scatter(1, (y.argmax(1, keepdim=True) + on) % width, 1.0)
        is_class = (y == 0).any(1, keepdim=True)  # one-hot; attributes are -1 and 1
        return torch.cat([torch.where(is_class, other, turned)[:count], wrong[count:]])

    def loss_enc(self, x: Tensor, q: tuple[Tensor, Tensor], x_rec: Tensor) -> Tensor:
        """L_enc [8]."""
        recons, prior = losses.recons(*self.some(x), x_rec), losses.prior(*q)
        self.log(recons=recons, prior=prior)
        return losses.enc(recons, prior, self.config.alpha, self.config.beta)

    def loss_dec(self, x: Tensor, y: Tensor | None, x_rec: Tensor, x_gen: Tensor) -> Tensor:
        """L_dec [13]; Dis_l(x) is a constant target. γ adds IDVAE(R)'s pixels (section 5.1)."""
        some_x, some_y = self.some(x, y)
        with no_grad():
            h = self.features(some_x, some_y)
        h_rec = self.features(x_rec, some_y)
        of_x, of_gen, of_rec = self.coming_views()
        h_gen = self.shown(x_gen, y, of_gen)
        fakes = [h_gen]
        if "rec_fakes" in self.terms:
            fakes.append(self.shown(x_rec, y, of_rec, h_rec))
        h_all = h if len(h) == len(x) else None
        gan, recons_dis = self.loss_gan(x, y, h_all, of_x, fakes), losses.recons_dis(h, h_rec)
        loss = losses.dec(gan, recons_dis, self.config.omega, self.config.lambda_)
        if "auxiliary" in self.terms and y is not None:
            found = self.found_amiss(x_gen, y, of_gen)
            loss = loss + self.config.auxiliary * found
            self.log(auxiliary_gen=found)
        if "gamma" in self.terms:
            loss = loss + self.config.gamma * losses.recons(some_x, x_rec)
        if "absolute" in self.terms:
            loss = loss + self.config.absolute * losses.absolute(some_x, x_rec)
        self.log(gan=gan, recons_dis=recons_dis)
        return loss

    def loss_gan(
        self,
        x: Tensor,
        y: Tensor | None,
        h: Tensor | None,
        of_x: Tensor | None,
        fakes: list[Tensor],
    ) -> Tensor:
        """L_GAN [12] from Dis_l of x' and, where it is a fake, of x̃; h = Dis_l(x) if known."""
        logits, weight = [self.dis(g) for g in fakes], self.config.rec_fakes
        if not self.config.relativistic:
            return losses.gan(*logits, weight_rec=weight)
        with no_grad():
            logit_x = self.dis(self.shown(x, y, of_x, h))
        return losses.relativistic_gan(logit_x, *logits, weight_rec=weight)

    def found_amiss(self, x: Tensor, y: Tensor, view: Tensor | None) -> Tensor:
        """L_class: how badly the auxiliary classifier finds y in images that say it by themselves.

        The trunk is told 0, which is no class and neither of an attribute's values.
        """
        if self.grain is not None:
            x = x + self.config.auxiliary_noise * next(self.grain)
        return losses.classification(self.classify(self.shown(x, torch.zeros_like(y), view)), y > 0)

    def coming_views(self) -> Iterable[Tensor | None]:
        """How x, x' and x̃ are altered in the next of the losses; None: they are not."""
        return (None, None, None) if self.views is None else next(self.views)

    def shown(
        self, x: Tensor, y: Tensor | None, view: Tensor | None, h: Tensor | None = None
    ) -> Tensor:
        """Dis_l of what θ_dis answers for: x as `view` alters it, or x itself; h = Dis_l(x)."""
        if view is not None:
            return self.features(augment(x, view, self.augmentations), y)
        return self.features(x, y) if h is None else h

    def features(self, x: Tensor, y: Tensor | None) -> Tensor:
        """Dis_l(x), which θ_dis reads, and L_recons^dis compares, shape (B, features)."""
        return self.dis_trunk(self.shared(x, y), y)

    def features_enc(self, x: Tensor, y: Tensor | None) -> Tensor:
        """What θ_enc's head reads: Dis_l(x), unless the two have trunks of their own."""
        return self.enc_trunk(self.shared(x, y), y)

    def posterior(self, h: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        """(μ, log σ²) of q(z|x) from what θ_shared makes of x."""
        return self.enc(self.enc_trunk(h, y))

    def logit(self, x: Tensor, y: Tensor | None) -> Tensor:
        """The logit of Dis(x), shape (B,)."""
        return self.dis(self.features(x, y))

    def reconstruct(
        self, x: Tensor, y: Tensor | None, eps: Tensor
    ) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """(μ, log σ²) of q(z|x) [1], and x̃ = Dec(μ + σ·eps) [2] of `some` of the images."""
        return self.decode_posterior(self.shared(x, y), y, eps)

    def decode_posterior(
        self, h: Tensor, y: Tensor | None, eps: Tensor
    ) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """The same from what θ_shared makes of x."""
        mu, logvar = self.posterior(h, y)
        return (mu, logvar), self.dec(*self.some(self.code(mu, logvar, eps), y))

    def some(self, *rows: Tensor | None) -> list[Any]:
        """Those rows of a batch whose images are reconstructed."""
        return [t if t is None else t[:: self.config.rec_thin] for t in rows]

    @staticmethod
    def code(mu: Tensor, logvar: Tensor, eps: Tensor) -> Tensor:
        """z = μ + σ·eps [2]."""
        return mu + (0.5 * logvar).exp() * eps

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.posterior(self.shared(x, y), y)[0]


class IDVAER(IDVAE):
    """IDVAE with γ > 0."""

    name = "idvae-r"
    title = "IDVAE(R)"
    Config = IDVAERConfig


class IDVAEPlus(IDVAE):
    """IDVAE with some of the options on that its paper does not have."""

    name = "idvae-plus"
    title = "IDVAE+"
    family = "idvae-plus"
    source = (
        "Munjal, Paul and Krishnan, Implicit Discriminator in Variational Autoencoder; "
        "Mescheder, Geiger and Nowozin, Which Training Methods for GANs do actually Converge?; "
        "Huang, Gokaslan, Kuleshov and Tompkin, The GAN is dead; long live the GAN! A Modern GAN "
        "Baseline; Karras, Aila, Laine and Lehtinen, Progressive Growing of GANs for Improved "
        "Quality, Stability, and Variation; Zhao, Liu, Lin, Zhu and Han, Differentiable "
        "Augmentation for Data-Efficient GAN Training; Odena, Olah and Shlens, Conditional Image "
        "Synthesis With Auxiliary Classifier GANs"
    )
    Config = IDVAEPlusConfig
    equations = IDVAE.equations | {
        "dis": "-[log Dis(x) + log(1 - Dis(Dec(z'))) + rec-fakes log(1 - Dis(Dec(Enc(x))))]"
        " + r1/2 |grad D(x)|^2 (+ r2/2 |grad D(Dec(z'))|^2) (- mismatch log(1 - Dis(x, y')))"
        " (+ auxiliary L_class(x))",
    }

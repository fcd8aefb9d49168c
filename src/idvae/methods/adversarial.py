"""What a discriminator of images can be held back by, and shown: the same for any method.

R1 and R2 of Mescheder, Geiger and Nowozin, "Which Training Methods for GANs do actually Converge?";
what is altered is `networks.augment`'s to say.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from idvae import losses
from idvae.errors import UserError
from idvae.methods.method import Method, Update
from idvae.networks import Networks
from idvae.networks.augment import UNIFORMS, augment, kinds_of
from idvae.options import OrNone, Weight


@dataclass
class AdversarialConfig:
    """How the discriminator is held back, and what it is shown; all off.

    Attributes:
        r1: γ of R1, γ/2·‖∇D(x)‖² (a sum over pixels) in the discriminator's loss.
        r2: γ of R2, the same at fakes, each kind of them.
        augment: how images are altered before the discriminator answers for them: a list of
            colour, translation or shift, cutout.
        augment_from: the step from which on they are altered, where a discriminator begins to know
            them by heart.
    """

    r1: Weight = 0.0
    r2: Weight = 0.0
    augment: str | None = None
    augment_from: OrNone = 0


class Adversarial(Method):
    """A method with a discriminator of images.

    Args:
        nets: what it is built from.
        config: the method's, with the options of `AdversarialConfig`.

    Attributes:
        terms: the weights that are not 0, for good: a scheduled weight becomes a tensor, and a
            step must not look at its number.
        augmentations: kinds of alteration; empty without `augment`.

    Raises:
        UserError: points are to be augmented, or by what is not known, or from a step on by
            nothing.
    """

    judges = True
    rows_at = {"views": 1}

    def __init__(self, nets: Networks, config: Any) -> None:
        super().__init__(nets, config)
        if config.augment is not None and nets.shape.is_points:
            raise UserError("--augment is for images, and these are points; leave it out")
        if config.augment_from and config.augment is None:
            raise UserError("--augment-from is the step at which --augment begins; add one")
        self.augmentations = () if config.augment is None else kinds_of(config.augment)
        self.early_steps = config.augment_from
        self.terms = frozenset(name for name in ("r1", "r2") if getattr(config, name))
        self.coming: Iterator[Tensor] | None = None

    def draw_views(self, batches: int, n: int, generator: Generator) -> dict[str, Tensor]:
        """`views`, shape (batches, n, UNIFORMS), where images are altered; else nothing.

        Args:
            batches: how many the discriminator is shown in a step, of n images each.
            generator: of the noise.
        """
        if not self.augmentations:
            return {}
        return {"views": torch.rand(batches, n, UNIFORMS, generator=generator)}

    def early_step(self, x: Tensor, y: Tensor | None, update: Update, **noise: Tensor) -> None:
        """`step` with images as they are."""
        noise.pop("views", None)
        self.step(x, y, update, **noise)

    def show_by(self, views: Tensor | None) -> None:
        """Begin a step: the first batch that `seen` is given is altered by the first of `views`."""
        self.coming = None if views is None else iter(views)

    def seen(self, x: Tensor) -> Tensor:
        """What the discriminator sees of images (B, C, H, W): altered while it trains, where
        they are altered at all; else as they are."""
        if self.coming is None or not self.training:
            return x
        return augment(x, next(self.coming), self.augmentations)

    def differentiable(self, x: Tensor, *fakes: Tensor) -> tuple[Tensor, ...]:
        """The same data, with a gradient where R1 (of x) and R2 (of the fakes) ask for it."""
        if "r1" in self.terms:
            x = x.detach().requires_grad_()
        if "r2" in self.terms:
            fakes = tuple(fake.detach().requires_grad_() for fake in fakes)
        return (x, *fakes)

    def penalised(
        self,
        loss: Tensor,
        logits: Sequence[Tensor],
        images: Sequence[Tensor],
        weight_rec: float | Tensor = 1.0,
    ) -> Tensor:
        """L_dis with R1 at x and R2 at the fakes added.

        Args:
            loss: L_dis.
            logits: of x, of x' and, if it is a fake too, of x̃, each (B,).
            images: what they were computed from, before it was altered.
            weight_rec: of x̃ beside x' in R2.
        """
        if "r1" in self.terms:
            r1 = losses.gradient_penalty(logits[0], images[0])
            self.log(r1=r1)
            loss = loss + self.config.r1 * r1
        if "r2" in self.terms:
            r2, *of_rec = map(losses.gradient_penalty, logits[1:], images[1:])
            for penalty in of_rec:
                r2 = r2 + weight_rec * penalty
            self.log(r2=r2)
            loss = loss + self.config.r2 * r2
        return loss

"""What every method is: named networks, groups of them, and one training step."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Protocol, Self

import torch
from torch import Generator, Tensor, nn

from idvae.methods.batch import Batch
from idvae.networks import Networks, statistics_of
from idvae.priors import PRIORS


class Update(Protocol):
    """Given by the loop: take one optimizer step on a group's parameters, and on no other."""

    def __call__(self, group: str, loss: Tensor, retain: bool = False) -> None:
        """Differentiate `loss` with respect to the parameters of `group` alone and step them.

        `retain` keeps the graph for a later loss that shares it.
        """

    def together(self, losses: Mapping[str, Tensor]) -> None:
        """All gradients, then all steps: group → its loss, of one forward pass.

        No group sees another's move, as where a paper differentiates one objective for several
        players at once.
        """


class Method(nn.Module):
    """Base of all methods. A subclass is one file that reads like its paper.

    Class attributes of a subclass:
        name: the registered name.
        title: the name as the paper prints it.
        source: the paper.
        family: what its recipes are named after; its own name where it has no kin.
        Config: its dataclass of options.
        equations: what `idvae methods` prints, loss name → formula.
        prior: p(z), a name in `priors.PRIORS`: "normal", "sphere" or "uniform".
        reconstructs: whether it encodes.
        decodes_prior: whether training shows its decoder codes of p(z).
        reads: what the head of the encoder reads, the name of its trunk or of a method (x, y) → h.
        judges: whether it has a discriminator of images, and `logit` gives its answer.
        averaged: networks whose averaged weights sampling and encoding use, where averages are
            asked for (--ema).
        frozen: network → the network of another run whose weights it has and keeps; that run is
            the option `pretrained` of Config. It is in no group, and stays in eval mode.
        first_phase: how that run is trained, `idvae train …`, for who did not name one.
        counted: options that say how many images of a batch: no schedule can change them.
        rows_at: noise → the dimension along which it has a row for each image, where that is not
            the first: of several processes each has the rows of its own images.
    Attributes of an instance:
        groups: name of an update → names of the networks whose parameters it moves, in the
            order of the updates of a step.
        repeats: how many updates of a group a step makes, where it is not one.
        early_steps: how many of the first steps of a training are `early_step`s instead.
        data_dependent: whether a step looks at its numbers to choose which updates it makes; where
            it is set to False it makes all of them.
        batch: what may be asked of the whole batch, of which `step` is given a part where several
            processes train together; given by the loop.
        multiple: of what a process's part of a batch is to be one, at least twice this.
        z_dim: width of the latent code.
        tells_conditions: whether it has `attributes`, which finds the condition of an image.
        edits_as: whose statistics serve where the decoder is told another condition than an
            image has: "posterior", those of reconstructions, or "prior", where training decoded
            edits among samples.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    family: ClassVar[str]
    Config: ClassVar[type]
    equations: ClassVar[Mapping[str, str]]

    groups: Mapping[str, tuple[str, ...]]
    repeats: Mapping[str, int]
    prior: ClassVar[str] = "normal"
    reconstructs: ClassVar[bool] = True
    decodes_prior: ClassVar[bool] = True
    reads: str = "trunk"
    judges: ClassVar[bool] = False
    averaged: ClassVar[tuple[str, ...]] = ("dec",)
    frozen: ClassVar[Mapping[str, str]] = {}
    first_phase: ClassVar[str] = ""
    counted: ClassVar[tuple[str, ...]] = ()
    rows_at: ClassVar[Mapping[str, int]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "name" in vars(cls) and not hasattr(cls, "family"):
            cls.family = cls.name

    def __init__(self, nets: Networks, config: Any) -> None:
        super().__init__()
        self.config = config
        self.z_dim = nets.z_dim
        self.shape = nets.shape
        self.repeats = {}
        self.early_steps = 0
        self.data_dependent = False
        self.tells_conditions = False
        self.multiple = 1
        self.edits_as: Literal["posterior", "prior"] = "posterior"
        self.batch = Batch()
        self.logged: dict[str, Tensor] = {}

    def train(self, mode: bool = True) -> Self:
        """As torch's, but frozen networks stay in eval mode."""
        super().train(mode)
        for network in self.frozen:
            getattr(self, network).eval()
        return self

    def draw_noise(self, n: int, generator: Generator) -> dict[str, Tensor]:
        """All randomness of one step for n images, by name: keyword arguments of `step`.

        They come there as floats of the networks' type.
        """
        return {
            "eps": torch.randn(n, self.z_dim, generator=generator),
            "z": self.draw_prior(n, generator),
        }

    def mean_of_all(self, value: Tensor) -> Tensor:
        """The mean over processes, which must all choose the same updates; of one, the same."""
        return self.batch.mean_of_all(value)

    def draw_prior(self, n: int, generator: Generator) -> Tensor:
        """n codes of the prior p(z), shape (n, Z)."""
        return PRIORS[self.prior].draw(n, self.z_dim, generator)

    def into_range(self, a: Tensor) -> Tensor:
        """What an encoder's last layer gives, any numbers (B, Z) → codes in the prior's range."""
        return PRIORS[self.prior].into_range(a)

    def log(self, **values: Tensor) -> None:
        """Note scalars of this step worth watching beside the losses that go through `update`.

        A step may note some of them only: each is averaged over the steps that noted it.
        """
        self.logged.update((name, value.detach()) for name, value in values.items())

    def step(self, x: Tensor, y: Tensor | None, update: Update, **noise: Tensor) -> None:
        """One step of training on a batch.

        Args:
            x: data in [−1, 1], shape (B, C, H, W), or points (B, C).
            y: condition, shape (B, Y), or None.
            update: what moves a group's parameters.
            noise: what `draw_noise` drew.
        """
        raise NotImplementedError

    def early_step(self, x: Tensor, y: Tensor | None, update: Update, **noise: Tensor) -> None:
        """What the first `early_steps` steps do in place of `step`; its arguments are the same."""
        raise NotImplementedError

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """The code of x that reconstruction uses (the mean of q(z|x)), shape (B, Z)."""
        raise NotImplementedError

    def attributes(self, x: Tensor) -> Tensor:
        """The condition that x seems to have, shape (B, Y), where `tells_conditions`."""
        raise NotImplementedError

    def logit(self, x: Tensor, y: Tensor | None) -> Tensor:
        """The discriminator's logit of images (B, C, H, W), shape (B,), where it `judges`."""
        raise NotImplementedError

    def decode(self, z: Tensor, y: Tensor | None = None, posterior: bool = False) -> Tensor:
        """Codes (B, Z) → data in [−1, 1]; `posterior` tells codes of `encode` from the prior's."""
        with statistics_of("posterior" if posterior else "prior"):
            return self.dec(z, y)

    def group_parameters(self, group: str) -> list[nn.Parameter]:
        """The parameters that an update of `group` moves."""
        return [p for network in self.groups[group] for p in getattr(self, network).parameters()]

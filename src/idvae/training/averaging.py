"""Exponential averages of weights (EMA), which sampling and encoding use for the last ones."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from idvae.methods.method import Method
from idvae.networks import OverBatch
from idvae.training import checkpoints, standing
from idvae.training.inputs import Inputs
from idvae.training.settings import TrainConfig


class Averages:
    """Averages of the networks that a method names, beside their live twins.

    Args:
        method: whose networks are followed.
        decay: at each step, such as 0.999; or
        half_life: images after which the weights of now count half.
        images: of a step.
        share: of the steps made so far; no average reaches back further.

    Attributes:
        is_settled: whether statistics are those of `settle`.
    """

    def __init__(
        self, method: Method, decay: float, half_life: float, images: int, share: float
    ) -> None:
        self.method = method
        self.decay = decay or 0.5 ** (images / half_life)
        self.share = share
        self.networks = {
            name: copy.deepcopy(getattr(method, name)).eval() for name in method.averaged
        }
        self.is_settled = False
        for network in self.networks.values():
            for module in network.modules():
                if isinstance(module, OverBatch):
                    module.across = False  # one process alone lets their statistics stand

    @classmethod
    def of(cls, method: Method, config: TrainConfig) -> "Averages | None":
        """Those that the options ask for, if they do."""
        if not (config.ema or config.ema_images):
            return None
        return cls(method, config.ema, config.ema_images, config.batch_size, config.ema_share)

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Move the averages; the decay grows with the steps, so young ones keep up.

        Args:
            step: how many were made.
        """
        self.is_settled = False
        decay = min(self.decay, (1 + step) / (1 / self.share + step))
        for name, slow in self.networks.items():
            live = getattr(self.method, name)
            torch._foreach_lerp_(list(slow.parameters()), list(live.parameters()), 1.0 - decay)
            for mean, now in zip(slow.buffers(), live.buffers(), strict=True):
                mean.copy_(now)

    def settle(self, inputs: Inputs, step: int) -> None:
        """Give an averaged decoder statistics of its own in place of its live twin's.

        Those of its twin, which it has after each step, are of other weights.

        Args:
            inputs: of the training.
            step: that was made last.
        """
        if "dec" in self.networks and not self.is_settled:
            standing.stand(self.networks["dec"], self.method, inputs, step)
            self.is_settled = True

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The method with the averages for its networks."""
        live = {name: getattr(self.method, name) for name in self.networks}
        _put(self.method, self.networks)
        try:
            yield
        finally:
            _put(self.method, live)

    def state(self) -> dict[str, Tensor]:
        """By name as in a checkpoint: of one network its own names, of several its name before."""
        return checkpoints.averaged(self.method, self.networks)

    def load(self, weights: Mapping[str, Tensor], where: Path) -> None:
        """Put back what `state` gave.

        Raises:
            UserError: names or shapes are others.
        """
        for name, network in self.networks.items():
            checkpoints.load_weights(network, of_network(self.method, name, weights), where)


def load_into(method: Method, weights: Mapping[str, Tensor], where: Path) -> None:
    """Give a method the averages of a checkpoint for the weights of its networks.

    Raises:
        UserError: names or shapes are others.
    """
    for name in method.averaged:
        network = getattr(method, name)
        checkpoints.load_weights(network, of_network(method, name, weights), where)


def of_network(
    method: Method | type[Method], name: str, weights: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Those of the averages of a checkpoint that are of one network."""
    prefix = checkpoints.average_prefix(method, name)
    return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}


def _put(method: Method, networks: Mapping[str, nn.Module]) -> None:
    for name, network in networks.items():
        setattr(method, name, network)

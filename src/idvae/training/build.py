"""From settings and data to a method with its initial weights."""

import torch

from idvae import methods
from idvae.data.conditions import Condition
from idvae.data.prepared import PreparedSet
from idvae.methods.method import Method
from idvae.networks import DataShape, Networks
from idvae.seeds import checked_seed
from idvae.training import batches
from idvae.training.settings import Settings


def data_shape(data: PreparedSet, condition: Condition | None = None) -> DataShape:
    """What the networks need to know of a prepared set, and of what conditions them."""
    size = 0 if data.kind == "points" else data.size
    return DataShape(size, data.channels, condition.width if condition else 0)


def planned_method(settings: Settings, shape: DataShape) -> Method:
    """The method on the meta device: its groups and shapes, without memory for its weights."""
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        return methods.get(settings.method)(
            Networks(shape, settings.networks), settings.method_config
        )


def build_method(settings: Settings, shape: DataShape, seed: int) -> Method:
    """The method with its initial weights, which depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(batches.seed_for(checked_seed(seed), batches.INITIAL))
        nets = Networks(shape, settings.networks)
        return methods.get(settings.method)(nets, settings.method_config)

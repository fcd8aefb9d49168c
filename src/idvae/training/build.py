"""From settings and data to a method with its initial weights."""

import torch

from idvae import methods
from idvae.data.conditions import Condition
from idvae.data.prepared import PreparedSet
from idvae.errors import UserError
from idvae.methods.method import Method
from idvae.networks import DataShape, Networks, spectral
from idvae.seeds import checked_seed
from idvae.training import batches
from idvae.training.distributed import Processes
from idvae.training.memory import check_training
from idvae.training.run import Run
from idvae.training.settings import Settings, TrainConfig
from idvae.training.shared_batch import normalises, share_batches


def data_shape(data: PreparedSet, condition: Condition | None = None) -> DataShape:
    """What the networks need to know of a prepared set, and of what conditions them."""
    size = 0 if data.kind == "points" else data.size
    return DataShape(size, data.channels, condition.width if condition else 0)


def shape_of_run(run: Run) -> DataShape:
    """The same, as a run's config.yaml has it.

    Raises:
        UserError: it does not say.
    """
    shape = run.config["data"].get("shape")
    if shape is None:
        raise UserError(f"{run.path / 'config.yaml'} is damaged: it lacks data.shape")
    return DataShape(shape["size"], shape["channels"], shape.get("condition") or 0)


def planned_method(settings: Settings, shape: DataShape) -> Method:
    """The method on the meta device: its groups and shapes, without memory for its weights."""
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        return methods.get(settings.method)(
            Networks(shape, settings.networks), settings.method_config
        )


def placed_method(
    settings: Settings, shape: DataShape, processes: Processes, dtype: torch.dtype
) -> Method:
    """The method on the device where it trains, once its options and its size were found to fit.

    Raises:
        UserError: options out of range, or networks that do not fit the data or the memory.
    """
    config = settings.train
    planned = planned_method(settings, shape)
    config.check(tuple(planned.groups))
    part = part_of_a_batch(config, processes.world)
    if part == 1 and normalises(planned) and not config.sync_norm:
        raise UserError(
            f"--batch-size {config.batch_size} is one image for each of {processes.world} "
            "processes, and batch normalisation needs two: start fewer, choose a larger "
            "--batch-size, or pass --sync-norm true"
        )
    several = planned.multiple
    if several > 1 and (part % several or part == several):
        raise UserError(
            f"--batch-size {config.batch_size} is {part} images for a process, of which a step is "
            f"to take one of {several} somewhere: choose a multiple of {processes.world * several}"
            f", from {2 * processes.world * several} on"
        )
    if settings.networks.spectral and not spectral.normalised(planned):
        raise UserError(
            f"--spectral is for discriminators and critics, and {planned.title} has none; "
            "leave it out"
        )
    check_training(planned, config, processes.device, part)
    method = build_method(settings, shape, config.seed)
    method.to(processes.device, dtype, memory_format=torch.channels_last)
    if processes.world > 1:
        share_batches(method, processes, config.sync_norm)
    return method


def part_of_a_batch(config: TrainConfig, world: int) -> int:
    """Images of a batch that each of `world` processes has.

    Raises:
        UserError: they cannot have as many each.
    """
    batch = config.batch_size
    if batch % world:
        fitting = [n for n in range(1, min(batch, 2 * world) + 1) if batch % n == 0]
        *most, last = [str(n) for n in fitting]
        few = f"{', '.join(most)} or {last}" if most else last
        raise UserError(
            f"--batch-size {batch} is of all processes together, and {world} cannot have as many "
            f"images each: start {few} of them, or choose a multiple of {world}"
        )
    return batch // world


def build_method(settings: Settings, shape: DataShape, seed: int) -> Method:
    """The method with its initial weights, which depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(batches.seed_for(checked_seed(seed), batches.INITIAL))
        nets = Networks(shape, settings.networks)
        return methods.get(settings.method)(nets, settings.method_config)

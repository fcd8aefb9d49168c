"""The one training loop. It names no method: a method names its groups and asks for updates."""

from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext

from torch import Tensor

from idvae.data.conditions import Condition
from idvae.data.prepared import PreparedSet
from idvae.training import batches
from idvae.training.averaging import Averages
from idvae.training.build import data_shape, placed_method
from idvae.training.cuda_graphs import recorded
from idvae.training.distributed import (
    autocast,
    join_processes,
    lost_process_told,
    weights_dtype,
)
from idvae.training.inputs import Inputs
from idvae.training.metrics import Log, Means, check_finite
from idvae.training.run import Run
from idvae.training.saving import Saving
from idvae.training.settings import Settings
from idvae.training.signals import stop_signals
from idvae.training.snapshots import Snapshots
from idvae.training.updates import Updates

OnLog = Callable[[int, Mapping[str, float]], None]


class Trainer:
    """One run in training.

    Args:
        run: the run folder that it writes to.
        settings: the method, its networks and the loop.
        data: the prepared set; its training split is trained on.

    Raises:
        UserError: options out of range, networks that do not fit the data, or a device that is
            not there.
    """

    def __init__(self, run: Run, settings: Settings, data: PreparedSet) -> None:
        self.run, self.data, self.step = run, data, 0
        self.remarks: list[str] = []  # what is to be known of how it goes on
        self.config = config = settings.train
        self.processes = here = join_processes(
            config.device, config.precision, config.threads, config.patience
        )
        self.dtype = weights_dtype(config.precision)
        condition = Condition.of(data, config.condition)
        self.method = method = placed_method(
            settings, data_shape(data, condition), here, self.dtype
        )
        self.means = Means()
        self.updates = Updates(method, config, here, self.means)
        self.averages = Averages.of(method, config)
        self.inputs = Inputs(data, condition, method, config, here)
        self.snapshots = Snapshots(method, self.averages, self.inputs, run)
        self.log = Log(run, self.means, config, here)
        self.saving = Saving(run, method, self.updates, self.averages, here, config.keep)
        self.work = recorded(self._work, method, here) if config.graphs else None

    @property
    def is_first(self) -> bool:
        """Whether this process writes what a run holds: it, of all that train together."""
        return self.processes.is_first

    def fit(self, on_log: OnLog = lambda step, row: None) -> bool:
        """Train to the last step, or until SIGINT or SIGTERM; save at the end either way.

        Args:
            on_log: called with each row of metrics as it is written.

        Returns:
            whether the last step was reached.

        Raises:
            DivergedError: a loss stopped being finite; the checkpoints before it are kept.
            UserError: another process trains the same run, or did since this one was made.
        """
        config = self.config
        self.method.train()
        self.log.begin(self.step)
        feed = batches.prefetched(self.inputs, self.step, config.steps, config.workers)
        alone = self.run.alone() if self.is_first else nullcontext()
        with alone, stop_signals() as stopped, lost_process_told(), closing(feed):
            if self.is_first:
                self.saving.check_newest(self.step)
            for inputs in feed:
                self._train_step(inputs)
                if self.step % config.log_every == 0 or self.step == config.steps:
                    check_finite(self.method, self.means, self.step, self.saving.folder)
                    self.log.write(self.step, on_log)
                if config.grid_every and self.step % config.grid_every == 0:
                    self._draw()
                if self.step % config.save_every == 0 and self.step < config.steps:
                    self.save()
                if self.processes.any(stopped.is_set(), self.step):
                    break
            self.save()
            if config.grid_every and self.step % config.grid_every:
                self._draw()
        return self.step == config.steps

    def _train_step(self, inputs: Mapping[str, Tensor]) -> None:
        self.updates.set_numbers(self.step)
        is_early = self.step < self.method.early_steps
        if self.work is not None:
            self.work(inputs, is_early)
        else:
            device = self.processes.device
            on_device = {n: t.to(device, non_blocking=True) for n, t in inputs.items()}
            self._work(is_early, **on_device)
        self.step += 1
        if self.averages is not None:
            self.averages.follow(self.step)

    def _work(
        self, is_early: bool, images: Tensor, conditions: Tensor | None = None, **noise: Tensor
    ) -> None:
        """One step on the device: nothing in here looks at a number."""
        x = self.inputs.as_data(images, self.dtype)
        y = None if conditions is None else conditions.to(self.dtype)
        noise = {name: t.to(self.dtype) for name, t in noise.items()}
        self.method.logged.clear()  # of the step before
        step = self.method.early_step if is_early else self.method.step
        with autocast(self.processes.device, self.config.precision):
            step(x, y, self.updates, **noise)
        for name, value in self.method.logged.items():
            self.means.add(name, value)

    def save(self) -> None:
        """Write a checkpoint of this step, unless a number in it is not finite."""
        check_finite(self.method, self.means, self.step, self.saving.folder)
        self._settle()
        self.saving.save(self.step)

    def _draw(self) -> None:
        self._settle()
        self.snapshots.draw(self.step)

    def _settle(self) -> None:
        if self.averages is not None and self.is_first:
            self.averages.settle(self.inputs, self.step)

    def restore(self) -> None:
        """Go back to the newest checkpoint, or to the start where there is none yet."""
        self.step = self.saving.restore()

"""The one training loop. It names no method: a method names its groups and asks for updates."""

import copy
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from idvae import methods
from idvae.data.conditions import Condition
from idvae.data.pixels import to_float
from idvae.data.prepared import PreparedSet, Split
from idvae.errors import DivergedError, UserError
from idvae.methods.method import Method
from idvae.networks import BatchNorm, DataShape, Networks
from idvae.seeds import checked_seed
from idvae.training import batches, checkpoints, memory, snapshots
from idvae.training.cuda_graphs import Recorded
from idvae.training.distributed import all_reduce, autocast, lost_process_told, make_fabric
from idvae.training.inputs import Inputs
from idvae.training.metrics import Means
from idvae.training.run import Run
from idvae.training.settings import Settings
from idvae.training.signals import stop_signals

ASK_EVERY = 10  # steps after which processes with GPUs ask each other whether to stop

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
        self.run, self.settings, self.config, self.data = run, settings, settings.train, data
        self.fabric = make_fabric(self.config.device, self.config.precision, self.config.threads)
        self.dtype = torch.float64 if self.config.precision == "64" else torch.float32
        self.condition = Condition.of(data, self.config.condition)
        shape = data_shape(data, self.condition)
        planned = planned_method(settings, shape)
        self.config.check(tuple(planned.groups))
        self._check_memory(planned)
        self.method = build_method(settings, shape, self.config.seed)
        self.method.to(self.fabric.device, self.dtype, memory_format=torch.channels_last)
        if self.fabric.world_size > 1:
            self.method.mean_of_all = partial(all_reduce, how="mean")
        if self.config.sync_norm and self.fabric.world_size > 1:
            for norm in self.method.modules():
                if isinstance(norm, BatchNorm):
                    norm.across = True
        self.parameters = {g: self.method.group_parameters(g) for g in self.method.groups}
        self.optimizers = {group: self._adam(group) for group in self.method.groups}
        self.average = copy.deepcopy(self.method.dec).eval() if self.config.ema else None
        self.inputs = Inputs(
            data,
            self.condition,
            self.method.draw_noise,
            self.config.batch_size,
            self.config.seed,
            self.config.flip,
            self.fabric.global_rank,
            self.fabric.world_size,
            pinned=self.fabric.device.type == "cuda",
        )
        self.recorded = self._recorded() if self.config.graphs else None
        self.step = 0
        self.means = Means()
        self.board: Any = None

    def _check_memory(self, planned: Method) -> None:
        copies = 4 if self.config.ema == 0 else 5  # weights, gradients, two moments, an average
        image = 5 * math.prod(planned.shape.batch(1))  # as bytes and as floats
        batch = self.config.batch_size * (image + 4 * planned.z_dim)
        memory.check_room(planned, copies, memory.memory_of(self.fabric.device), batch)

    def _adam(self, group: str) -> torch.optim.Optimizer:
        lr = self.config.lr_of.get(group, self.config.lr)
        betas = self.config.betas_of.get(group, self.config.betas)
        recorded = self.config.graphs
        adam = torch.optim.Adam(
            self.parameters[group], lr=lr, betas=betas, fused=True, capturable=recorded
        )
        if recorded:  # a recording would keep a number as it was
            adam.param_groups[0]["lr"] = torch.tensor(lr, device=self.fabric.device)
        return adam

    def _recorded(self) -> Recorded:
        if self.fabric.world_size > 1:
            raise UserError("--graphs true records the step of one process; leave it out")
        if self.method.chooses:
            raise UserError(
                "--graphs true records one order of updates, but this method chooses its updates "
                "by the numbers of each step; leave out --graphs, or the option that chooses"
            )
        return Recorded(self._work, self.fabric.device)

    # ---------------------------------------------------------------------------------- the loop

    def fit(self, on_log: OnLog = lambda step, row: None) -> bool:
        """Train to the last step, or until SIGINT or SIGTERM; save at the end either way.

        Args:
            on_log: called with each row of metrics as it is written.

        Returns:
            whether the last step was reached.

        Raises:
            DivergedError: a loss stopped being finite; the checkpoints before it are kept.
        """
        config = self.config
        self.method.train()
        if config.tensorboard and self.is_first:
            self.board = _tensorboard(self.run)
        clock, since = time.perf_counter(), self.step
        feed = batches.prefetched(self.inputs, self.step, config.steps)
        with stop_signals() as stopped, lost_process_told(), closing(feed):
            for inputs in feed:
                self._train_step(inputs)
                if self.step % config.log_every == 0 or self.step == config.steps:
                    row = self._log_row(self.step - since, time.perf_counter() - clock)
                    if self.is_first:
                        self.run.append_metrics(row)
                        if self.board is not None:
                            self._to_board(row)
                        on_log(self.step, row)
                    clock, since = time.perf_counter(), self.step
                if config.grid_every and self.step % config.grid_every == 0:
                    self._draw_grids()
                if self.step % config.save_every == 0 and self.step < config.steps:
                    self.save()
                if self._any(stopped):
                    break
            self.save()
            if config.grid_every and self.step % config.grid_every:
                self._draw_grids()
        return self.step == config.steps

    @property
    def is_first(self) -> bool:
        """Whether this process writes what a run holds: it, of all that train together."""
        return self.fabric.is_global_zero

    def _any(self, flag: threading.Event) -> bool:
        """Whether the flag is set on any process, so that all stop at the same step."""
        if self.fabric.world_size == 1:
            return flag.is_set()
        if self.fabric.device.type == "cuda" and self.step % ASK_EVERY:
            return False  # the answer waits until the GPU is done
        told = torch.tensor(float(flag.is_set()), device=self.fabric.device)
        return bool(all_reduce(told, "max") > 0)

    def _train_step(self, inputs: Mapping[str, Tensor]) -> None:
        self._set_learning_rates()
        if self.recorded is not None:
            self.recorded(inputs)
        else:
            device = self.fabric.device
            self._work(**{n: t.to(device, non_blocking=True) for n, t in inputs.items()})
        self.step += 1
        if self.average is not None:
            self._follow()

    def _work(self, images: Tensor, conditions: Tensor | None = None, **noise: Tensor) -> None:
        """One step on the device: nothing in here looks at a number."""
        x = self._to_float(images)
        y = None if conditions is None else conditions.to(self.dtype)
        noise = {name: t.to(self.dtype) for name, t in noise.items()}
        self.method.logged.clear()  # of the step before
        with autocast(self.fabric.device, self.config.precision):
            self.method.step(x, y, self._update, **noise)
        for name, value in self.method.logged.items():
            self.means.add(name, value)

    def _update(self, group: str, loss: Tensor, retain: bool = False) -> None:
        """Step one group's parameters by one loss, and touch no other gradient."""
        self.means.add(f"loss_{group}", loss.detach())
        parameters = self.parameters[group]
        self.fabric.backward(loss, inputs=parameters, retain_graph=retain)
        if self.fabric.world_size > 1:
            average_gradients(parameters)
        if self.config.clip:
            nn.utils.clip_grad_norm_(parameters, self.config.clip)
        self.optimizers[group].step()
        self.optimizers[group].zero_grad()

    def _set_learning_rates(self) -> None:
        if self.config.lr_final == 1.0:
            return
        share = self.config.lr_share(self.step)
        for group, optimizer in self.optimizers.items():
            lr = share * self.config.lr_of.get(group, self.config.lr)
            if isinstance(optimizer.param_groups[0]["lr"], Tensor):
                optimizer.param_groups[0]["lr"].fill_(lr)
            else:
                optimizer.param_groups[0]["lr"] = lr

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the averaged decoder; its decay grows with the steps, so a young one keeps up."""
        decay = min(self.config.ema, (1 + self.step) / (10 + self.step))
        slow, live = (list(net.parameters()) for net in (self.average, self.method.dec))
        torch._foreach_lerp_(slow, live, 1.0 - decay)
        for mean, now in zip(self.average.buffers(), self.method.dec.buffers(), strict=True):
            mean.copy_(now)

    # -------------------------------------------------------------------------------- measuring

    def _check_finite(self) -> None:
        if what := self.means.not_finite():
            raise self._diverged(what)
        for name, value in self.method.named_parameters():
            if not value.isfinite().all():
                raise self._diverged(f"the weights {name} are not finite")

    def _diverged(self, what: str) -> DivergedError:
        there = checkpoints.steps(self._checkpoint_folder)
        kept = (
            f"the checkpoint of step {there[-1]} is kept" if there else "no checkpoint was made yet"
        )
        return DivergedError(
            f"training stopped near step {self.step}: {what}; {kept}. "
            "Lower the learning rate (--lr), or clip gradients (--clip 1)"
        )

    def _log_row(self, steps: int, seconds: float) -> dict[str, Any]:
        self._check_finite()
        images = steps * self.config.batch_size * self.fabric.world_size
        row: dict[str, Any] = {"step": self.step}
        row |= self.means.take(together=self.fabric.world_size > 1)
        row["images_per_s"] = round(images / seconds, 1)
        return row

    def _to_board(self, row: Mapping[str, float]) -> None:
        for name, value in row.items():
            if name != "step":
                self.board.add_scalar(name, value, row["step"])
        self.board.flush()

    # --------------------------------------------------------------------- pictures, checkpoints

    def _draw_grids(self) -> None:
        if not self.is_first:
            return
        held_out = self.data.split("validation" if self.data.counts["validation"] else "train")
        n = snapshots.POINTS if self.method.shape.is_points else snapshots.IMAGES
        generator = batches.generator_for(self.config.seed, batches.SAMPLES)
        z = self.method.draw_prior(n, generator).to(self.fabric.device, self.dtype)
        live, self.method.dec = self.method.dec, self.average or self.method.dec
        self.method.eval()
        try:
            snapshots.draw(
                self.method,
                held_out,
                z,
                lambda rows: self._on_device(held_out.gather(rows)),
                lambda rows: self._conditions(held_out, rows),
                self.run.path,
                self.step,
            )
        finally:
            self.method.dec = live
            self.method.train()

    def _on_device(self, rows: np.ndarray) -> Tensor:
        return self._to_float(torch.from_numpy(rows).to(self.fabric.device))

    def _to_float(self, rows: Tensor) -> Tensor:
        """Bytes travel to the device and become floats there; points are floats."""
        return (rows if self.data.kind == "points" else to_float(rows)).to(self.dtype)

    def _conditions(self, split: Split, rows: np.ndarray) -> Tensor | None:
        """y of rows of a split, shape (B, Y); None without a condition."""
        if self.condition is None:
            return None
        y = torch.from_numpy(self.condition.rows(self.data, split, rows))
        return y.to(self.fabric.device, self.dtype)

    @property
    def _checkpoint_folder(self) -> Any:
        return self.run.path / "checkpoints"

    @property
    def newest(self) -> int:
        """The step of the newest checkpoint, 0 where there is none."""
        return max(checkpoints.steps(self._checkpoint_folder), default=0)

    def save(self) -> None:
        """Write a checkpoint of this step, unless it is there or a number in it is not finite."""
        self._check_finite()
        path = self._checkpoint_folder / f"{self.step:08d}"
        if self.is_first and not checkpoints.is_whole(path):
            average = self.average and checkpoints.on_cpu(self.average.state_dict())
            checkpoint = checkpoints.Checkpoint(
                self.step,
                self.settings.method,
                checkpoints.on_cpu(self.method.state_dict()),
                average,
                checkpoints.optimizer_state(self.optimizers),
            )
            checkpoints.save(self._checkpoint_folder, checkpoint, self.config.keep)
        self.fabric.barrier()

    def restore(self) -> None:
        """Go back to the newest checkpoint, or to the start where there is none yet.

        Raises:
            UserError: the checkpoint cannot be used.
        """
        folder = self._checkpoint_folder
        if self.is_first:
            checkpoints.remove_unfinished(folder)
            self.run.rewind_metrics(self.newest)
        self.fabric.barrier()
        if not checkpoints.steps(folder):
            return
        saved = checkpoints.load(folder, self.settings.method, like=self.method)
        where = folder / f"{saved.step:08d}"
        checkpoints.load_weights(self.method, saved.model, where)
        checkpoints.load_optimizer_state(self.optimizers, saved.optimizers, where)
        if self.average is not None:
            if saved.average is None:
                raise UserError(f"{where} holds no averaged decoder; train without --ema")
            checkpoints.load_weights(self.average, saved.average, where)
        self.step = saved.step


def average_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Average over processes as one flat tensor: one message for a group.

    A parameter that the loss of this process did not reach counts as a gradient of zeros, where
    another process has one; where none has, it stays without, as in a training by one process.
    """
    missing = [i for i, p in enumerate(parameters) if p.grad is None]
    have = torch.ones(len(parameters), dtype=parameters[0].dtype, device=parameters[0].device)
    for i in missing:
        have[i] = 0
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    flat = all_reduce(torch.cat([*(grad.flatten() for grad in grads), have]), "mean")
    *means, have = flat.split([*(p.numel() for p in parameters), len(parameters)])
    for p, mean in zip(parameters, means, strict=True):
        if p.grad is not None:
            p.grad.copy_(mean.view_as(p))
    for i in missing:
        if have[i] > 0:
            p = parameters[i]
            p.grad = torch.empty_like(p).copy_(means[i].view_as(p))


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


def data_shape(data: PreparedSet, condition: Condition | None = None) -> DataShape:
    """What the networks need to know of a prepared set, and of what conditions them."""
    size = 0 if data.kind == "points" else data.size
    return DataShape(size, data.channels, condition.width if condition else 0)


def _tensorboard(run: Run) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UserError("--tensorboard needs a package: pip install 'idvae[track]'") from error
    return SummaryWriter(run.path / "tensorboard")

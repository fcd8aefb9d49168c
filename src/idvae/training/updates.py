"""The one place where parameters move: gradients of a group, averaged, clipped, stepped."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from idvae.errors import UserError
from idvae.methods.method import Method
from idvae.networks import spectral
from idvae.training import optimizers, schedules
from idvae.training.distributed import Processes, all_reduce
from idvae.training.metrics import Means
from idvae.training.settings import TrainConfig


class Updates:
    """What a method calls as `update`: see `methods.method.Update`.

    Args:
        method: its groups are moved, each by an optimizer of its own.
        config: rates, optimizers, schedules, clipping.
        processes: whose gradients are averaged.
        means: where losses are added up.

    Attributes:
        parameters: of each group.
        optimizers: of each group.
        normalised: layers of each group whose largest singular value is followed.
    """

    def __init__(
        self, method: Method, config: TrainConfig, processes: Processes, means: Means
    ) -> None:
        self.config, self.processes, self.means = config, processes, means
        dtype = next(method.parameters()).dtype
        self.weights = schedules.Weights(method, config.schedules, processes.device, dtype)
        self.parameters = {group: method.group_parameters(group) for group in method.groups}
        self.optimizers = {group: self._optimizer(group) for group in method.groups}
        for group, optimizer in self.optimizers.items():
            if self._plan(schedules.BETA2, group) and "betas" not in optimizer.defaults:
                name = config.optimizer_of.get(group, config.optimizer)
                raise UserError(
                    f"--schedules: {name}, the optimizer of {group}, has no {schedules.BETA2}"
                )
        self.normalised = {
            group: [n for name in names for n in spectral.normalised(getattr(method, name))]
            for group, names in method.groups.items()
        }

    def _optimizer(self, group: str) -> torch.optim.Optimizer:
        config = self.config
        made = optimizers.make(
            config.optimizer_of.get(group, config.optimizer),
            self.parameters[group],
            config.lr_of.get(group, config.lr),
            config.betas_of.get(group, config.betas),
            config.optimizer_options,
            recorded=config.graphs,
        )
        if config.graphs:  # a recording would keep a number as it was
            rate = made.param_groups[0]["lr"]
            made.param_groups[0]["lr"] = torch.tensor(rate, device=self.processes.device)
        return made

    def __call__(self, group: str, loss: Tensor, retain: bool = False) -> None:
        """Step one group's parameters by one loss, and touch no other gradient."""
        self._differentiate(group, loss, retain)
        self._step(group)

    def together(self, losses: Mapping[str, Tensor]) -> None:
        """All gradients, then all steps."""
        gradients = {}
        for i, (group, loss) in enumerate(losses.items(), 1):
            self._differentiate(group, loss, retain=i < len(losses))
            gradients[group] = [p.grad for p in self.parameters[group]]
            self._set(group, [None] * len(self.parameters[group]))  # groups may share parameters
        for group, found in gradients.items():
            self._set(group, found)
            self._step(group)

    def _differentiate(self, group: str, loss: Tensor, retain: bool) -> None:
        self.means.add(f"loss_{group}", loss.detach())
        loss.backward(inputs=self.parameters[group], retain_graph=retain)

    def _set(self, group: str, gradients: list[Tensor | None]) -> None:
        for parameter, gradient in zip(self.parameters[group], gradients, strict=True):
            parameter.grad = gradient

    def _step(self, group: str) -> None:
        parameters = self.parameters[group]
        if self.processes.world > 1:
            average_gradients(parameters)
        if self.config.clip:
            nn.utils.clip_grad_norm_(parameters, self.config.clip)
        self.optimizers[group].step()
        self.optimizers[group].zero_grad()
        spectral.follow(self.normalised[group])

    def set_numbers(self, step: int) -> None:
        """Rates, β2 and weights of the losses as they are scheduled for a step, from 0."""
        self.weights.set(step)
        for group, optimizer in self.optimizers.items():
            settings = optimizer.param_groups[0]
            rate, beta2 = self._rate(group, step), self._beta2(group, step)
            if rate is not None:
                _put(settings, "lr", rate)
            if beta2 is not None:
                settings["betas"] = (settings["betas"][0], beta2)

    def _rate(self, group: str, step: int) -> float | None:
        config = self.config
        start = config.lr_of.get(group, config.lr)
        if plan := self._plan(schedules.RATE, group):
            return schedules.cosine(start, plan[0], step, plan[1])
        return None if config.lr_final == 1.0 else start * config.lr_share(step)

    def _beta2(self, group: str, step: int) -> float | None:
        start = self.config.betas_of.get(group, self.config.betas)[1]
        plan = self._plan(schedules.BETA2, group)
        return schedules.cosine(start, plan[0], step, plan[1]) if plan else None

    def _plan(self, name: str, group: str) -> tuple[float, int] | None:
        planned = self.config.schedules
        return planned.get(f"{name}.{group}", planned.get(name))


def _put(settings: dict, name: str, value: float) -> None:
    if isinstance(settings[name], Tensor):
        settings[name].fill_(value)
    else:
        settings[name] = value


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

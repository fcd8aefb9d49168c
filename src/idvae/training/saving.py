"""What of a training goes into a checkpoint, and comes back from one."""

from pathlib import Path

from idvae.errors import UserError
from idvae.methods.method import Method
from idvae.training import checkpoints, frozen
from idvae.training.averaging import Averages
from idvae.training.distributed import Processes
from idvae.training.run import Run
from idvae.training.updates import Updates


class Saving:
    """Checkpoints of one training.

    Args:
        run: whose folder they lie in.
        method, updates, averages: what they hold; None where no averages are kept.
        processes: the first of which writes.
        keep: how many are kept.
    """

    def __init__(
        self,
        run: Run,
        method: Method,
        updates: Updates,
        averages: Averages | None,
        processes: Processes,
        keep: int,
    ) -> None:
        self.run, self.method, self.updates, self.averages = run, method, updates, averages
        self.processes, self.keep = processes, keep

    @property
    def folder(self) -> Path:
        return self.run.path / "checkpoints"

    @property
    def newest(self) -> int:
        """The step of the newest checkpoint, 0 where there is none."""
        return max(checkpoints.steps(self.folder), default=0)

    def save(self, step: int) -> None:
        """Write a checkpoint of a step, unless it is there."""
        if self.processes.is_first and not checkpoints.is_whole(self.folder / f"{step:08d}"):
            checkpoint = checkpoints.Checkpoint(
                step,
                self.method.name,
                checkpoints.on_cpu(checkpoints.trained(self.method)),
                self.averages and checkpoints.on_cpu(self.averages.state()),
                checkpoints.optimizer_state(self.updates.optimizers),
            )
            checkpoints.save(self.folder, checkpoint, self.keep)
        self.processes.barrier()

    def check_newest(self, step: int) -> None:
        """Refuse to go on from a step that another process has left behind since it was read.

        Raises:
            UserError: there is a checkpoint of a later one.
        """
        if self.newest > step:
            raise UserError(
                f"{self.run.path} has gone on to step {self.newest} meanwhile, by another process; "
                "call it again"
            )

    def restore(self) -> int:
        """Go back to the newest checkpoint, or to the start where there is none yet.

        Returns:
            its step.

        Raises:
            UserError: the checkpoint cannot be used.
        """
        if self.processes.is_first:
            self.run.check_idle()
            self.run.clear_rests()
            checkpoints.remove_unfinished(self.folder)
            self.run.rewind_metrics(self.newest)
        self.processes.barrier()
        frozen.load(self.method, self.run)
        newest = self.processes.most(self.newest)  # what the file system of one may not show yet
        if not newest:
            return 0
        saved = checkpoints.load(self.folder, self.method.name, newest, like=self.method)
        where = self.folder / f"{saved.step:08d}"
        checkpoints.load_method(self.method, saved.model, where)
        checkpoints.load_optimizer_state(self.updates.optimizers, saved.optimizers, where)
        if self.averages is not None:
            if saved.average is None:
                raise UserError(f"{where} holds no averages; train without --ema")
            self.averages.load(saved.average, where)
        return saved.step

"""A run of a sweep as commands of `idvae`: what is handed to another machine. No torch."""

import sys
from dataclasses import dataclass

from idvae.sweep.goal import Goal, Left
from idvae.training import judgement


@dataclass(frozen=True)
class Task:
    """What is to be reached, and the commands that lead there.

    Attributes:
        goal: the run folder, and when it is done.
        begin: of `idvae train`, for a run that is not there: method, data, options.
        scoring: flags of `idvae evaluate`.
        judging: flags of `idvae judge`.
        threads: for its training; 0 leaves them to the launcher.
    """

    goal: Goal
    begin: tuple[str, ...]
    scoring: tuple[str, ...] = ()
    judging: tuple[str, ...] = ()
    threads: int = 0

    @property
    def left(self) -> Left | None:
        """The command of idvae that brings it further; None where it is finished."""
        return self.goal.left

    def command(self, device: str, threads: int) -> list[str]:
        """What brings it further, as a person would type it; nothing where it is finished.

        Args:
            device, threads: of a training.
        """
        goal, left = self.goal, self.left
        if left is None:
            return []
        # -P: modules are not looked for in the folder that one calls from.
        idvae = [sys.executable, "-Pm", "idvae", left]
        if left == "evaluate":
            overwrite = ["--overwrite"] if (goal.path / str(goal.scores)).is_file() else []
            return [*idvae, str(goal.path), *self.scoring, *overwrite]
        if left == "judge":
            overwrite = ["--overwrite"] if (goal.path / judgement.NAME).is_file() else []
            return [*idvae, str(goal.path), *self.judging, *overwrite]
        where = ["--device", device, "--threads", str(threads)]
        if goal.reached:
            where += [flag for flag in self.begin if flag.startswith("--graphs=")]
            return [*idvae, "--resume", str(goal.path), "--steps", str(goal.steps), *where]
        return [*idvae, *self.begin, *where]

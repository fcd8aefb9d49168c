"""What a run of a sweep is to reach, and how far it is: by its folder, and what lies beside it.

METHOD-seedS/          the run folder
METHOD-seedS.log       what its commands printed
.METHOD-seedS.lock     held as long as a process works at it
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from idvae.errors import UserError
from idvae.evaluate.scores import Scores
from idvae.io.locks import is_held
from idvae.sweep.log import Log
from idvae.training import judgement
from idvae.training.run import MODES, Run, checkpoint_steps

State = Literal["waiting", "running", "failed", "finished", "scored"]
Left = Literal["train", "evaluate", "judge"]


@dataclass(frozen=True)
class Goal:
    """A run folder and when it is done. No torch is needed to look.

    Attributes:
        path: the run folder, which need not be there.
        steps: of its training.
        scores: the file of its scores within it; None where it is not to be scored.
        step: of the checkpoint that is scored; None for the newest.
        judged: whether it is also to be judged by its condition.
        counted: whether its training also counts modes, as on points.
    """

    path: Path
    steps: int
    scores: str | None = None
    step: int | None = None
    judged: bool = False
    counted: bool = False

    @property
    def reached(self) -> int | None:
        """The step of the newest checkpoint; 0 where there is none, None where there is no run."""
        if not (self.path / "config.yaml").is_file():
            return None
        return max(checkpoint_steps(self.path / "checkpoints"), default=0)

    @property
    def left(self) -> Left | None:
        """The command of idvae that brings it further; None where it is finished."""
        if (self.reached or 0) < self.steps or (self.counted and not self.is_counted):
            return "train"
        if self.scores is not None and not self.is_scored:
            return "evaluate"
        return "judge" if self.judged and not self.is_judged else None

    @property
    def is_scored(self) -> bool:
        """Whether the scores are of its newest checkpoint; older scores do not say of which."""
        if self.scores is None or not (self.path / self.scores).is_file():
            return False
        try:
            step = Scores.load(self.path / self.scores).about.get("step")
        except UserError:  # not for us to replace
            return True
        return step is None or step == (self.reached if self.step is None else self.step)

    @property
    def is_judged(self) -> bool:
        """Whether the judgement is of its newest checkpoint."""
        try:
            found = judgement.read(self.path)
        except UserError:  # not for us to replace
            return True
        return found is not None and found["facts"].get("step", self.reached) == self.reached

    @property
    def is_counted(self) -> bool:
        """Whether the modes are those of its newest checkpoint."""
        file = self.path / MODES
        if not file.is_file():
            return False
        try:
            return bool(json.loads(file.read_text(encoding="utf-8"))["step"] == self.reached)
        except (ValueError, KeyError, TypeError):  # not for us to replace
            return True

    @property
    def log(self) -> Log:
        return Log(self.path.with_name(self.path.name + ".log"))

    @property
    def lock(self) -> Path:
        return self.path.with_name(f".{self.path.name}.lock")

    @property
    def state(self) -> State:
        """Where it stands; one that was stopped or killed waits, as one that was never begun."""
        if is_held(self.lock):
            return "running"
        if self.left is None:
            return "finished" if self.scores is None else "scored"
        if self.log.failure is not None:
            return "failed"
        return "waiting" if self.left == "train" else "finished"

    @property
    def step_now(self) -> int:
        """The last step that it tells of: that of its newest checkpoint, or of a later row."""
        reached = self.reached or 0
        if not is_held(self.lock):
            return reached
        try:
            rows = Run.open(self.path).metrics()
        except UserError:  # it is just being made, or damaged, which its own command tells
            return reached
        return max([reached, *(row["step"] for row in rows[-1:])])

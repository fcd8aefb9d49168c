"""The batch of a step, of which a process may have a part: what a method may ask of all of it."""

from torch import Tensor


class Batch:
    """A batch that this process has alone; the loop gives another one where several train together.

    All of them must then ask the same, in the same order.
    """

    def mean_of_all(self, value: Tensor) -> Tensor:
        """The mean of a tensor over processes, as data."""
        return value

    def before(self, rows: Tensor) -> Tensor:
        """For each row the one a place before it in the batch, for the first one the last.

        As data where another process has it.
        """
        return rows.roll(1, 0)

    def rows(self, own: Tensor) -> Tensor:
        """The rows of the whole batch, (B, ...) → (all, ...); differentiable to any order."""
        return own

    def first(self, share: float, own: int) -> int:
        """How many of this process's `own` rows are among the first `share` of the batch."""
        return round(share * own)

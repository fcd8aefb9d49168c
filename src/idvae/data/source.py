"""What a source of data is: a plan of rows, split after split."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from idvae.errors import UserError

SIZES = (16, 32, 64, 128)
DOWNLOAD = "huggingface"  # the --source that stands for a download


@dataclass
class Batch:
    """Some rows of one split.

    Attributes:
        split: "train", "validation" or "test".
        rows: uint8 (B, H, W, C), or float32 (B, 2).
        labels: int64 (B,), or None.
        attributes: int8 (B, A) of 0 and 1, or None.
    """

    split: str
    rows: np.ndarray
    labels: np.ndarray | None = None
    attributes: np.ndarray | None = None

    def arrays(self, kind: str) -> dict[str, np.ndarray]:
        """File name → array."""
        found = {kind: self.rows, "labels": self.labels, "attributes": self.attributes}
        return {name: array for name, array in found.items() if array is not None}


@dataclass
class Request:
    """What the user asked for; None where the source decides."""

    size: int
    n: int | None = None
    source: str | None = None
    attributes: str | None = None
    seed: int = 0
    skip_bad: bool = False
    crop: str | None = None


Resume = Callable[[int], Iterable[Batch]]  # the batches from a row on


@dataclass
class Plan:
    """What a source will make.

    Attributes:
        facts: for meta.json, known before the rows are made.
        batches: the rows; made when iterated.
        late: facts that are known once all rows are made.
        resume: makes the batches from a row on, where the source can; the rows depend on the
            facts alone, so that a write that was killed can be continued.
        originals: what the rows are read from; if it was changed since, nothing is continued.
    """

    facts: dict[str, Any]
    batches: Iterable[Batch]
    late: dict[str, Any] = field(default_factory=dict)
    resume: Resume | None = None
    originals: tuple[Path, ...] = ()


class Source(Protocol):
    """One source; a module of this folder holds each.

    `licence` says under what others may use the original data, for the cards of models.
    """

    name: str
    summary: str
    licence: str
    kind: str
    default_size: int
    default_n: int | None
    needs_nothing: bool

    def plan(self, request: Request) -> Plan:
        """What will be made; raises UserError where the request cannot be met."""


def by_index(n: int) -> dict[str, np.ndarray]:
    """The rule for sets without an official split: of ten in a row, the ninth is for validation
    and the tenth for the test."""
    i = np.arange(n)
    return {
        "train": i[i % 10 < 8],
        "validation": i[i % 10 == 8],
        "test": i[i % 10 == 9],
    }


BY_INDEX = "index mod 10: 0 to 7 train, 8 validation, 9 test"


def by_class(labels: np.ndarray) -> dict[str, np.ndarray]:
    """The same rule within each class, for sets too small to leave its shares to the order."""
    rank = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        members = labels == label
        rank[members] = np.arange(members.sum())
    rows = np.arange(len(labels))
    return {name: rows[np.isin(rank, part)] for name, part in by_index(int(rank.max()) + 1).items()}


BY_CLASS = "rank within the class mod 10: 0 to 7 train, 8 validation, 9 test"


def in_batches(indices: np.ndarray, size: int = 1000) -> Iterator[np.ndarray]:
    """Parts of an index array, in order."""
    for first in range(0, len(indices), size):
        yield indices[first : first + size]


def at_most(
    splits: dict[str, np.ndarray], n: int | None, what: str, sorted_by_name: bool = False
) -> dict[str, np.ndarray]:
    """Rows of each split, n in all, in the proportions of the whole.

    Args:
        splits: all rows.
        n: how many; None takes all.
        what: has these rows, for the message.
        sorted_by_name: whether the rows are, by class maybe: they are then taken at even distances,
            and otherwise from the first.

    Raises:
        UserError: more are asked for than there are.
    """
    lengths = [len(rows) for rows in splits.values()]
    total = sum(lengths)
    if n is None or n == total:
        return splits
    if n > total:
        raise UserError(f"--n {n} is more than the {total} that {what} has")
    # Where each split ends is rounded, not each length: lengths would not add up to n.
    ends = [round(int(end) * n / total) for end in np.cumsum(lengths)]
    taken = np.diff(ends, prepend=0)
    found = {}
    for (name, rows), k in zip(splits.items(), taken, strict=True):
        found[name] = rows[np.arange(k) * len(rows) // max(k, 1)] if sorted_by_name else rows[:k]
    return found


def missing(package: str, error: Exception, extra: str = "data") -> UserError:
    """What to say when a package of an extra is not there."""
    return UserError(f"{package} is not installed ({error}): pip install 'idvae[{extra}]'")

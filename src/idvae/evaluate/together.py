"""What processes that score together tell each other: arrays, short facts and errors, no pickle.

Work is shared by images: a process takes every k-th block of them. What one of them cannot do, all
hear of, so that none waits for one that has ended. Without a group all of this is plain work.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist

from idvae.errors import UserError

ASK_EVERY = 512  # images of a process after which it asks whether another one has failed

Item = TypeVar("Item")


def processes() -> tuple[int, int]:
    """(rank, number of processes) of the group that torch.distributed has open, else (0, 1)."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def in_step(
    share: Generator[int, None, None],
    total: int,
    progress: Callable[[int], None] = lambda images: None,
) -> None:
    """Do this process's share of some work; what fails in one process is raised in all of them.

    They ask each other now and then, and the answer is looked at when the next question is due, so
    nobody waits unless it is that far ahead.

    Args:
        share: does the work; it gives, after each piece, the number of images of all `total` up to
            which its share is done. It makes no call to other processes.
        total: images of all processes; the same on each.
        progress: called with how many images of all were done since its last call, as if the
            other processes were as far as this one.

    Raises:
        UserError: another process failed, in its words. What was raised here is raised on.
    """
    questions = _Questions(total)
    done, error = 0, None
    try:
        while not questions.failed:
            try:
                reached = next(share, None)
            except Exception as raised:  # of whatever kind: the others have to hear of it
                error = raised
                break
            if reached is None:
                break
            progress(reached - done)
            done = reached
            questions.ask_until(reached)
    finally:
        share.close()
    questions.end(error is not None)
    tell(error)
    if done < total:
        progress(total - done)


class _Questions:
    """Whether any process has failed, asked by all of them equally often, whoever stops when.

    After one is answered by yes, none is asked any more.

    Args:
        total: images of all processes.

    Attributes:
        failed: what is known by now.
    """

    def __init__(self, total: int) -> None:
        world = processes()[1]
        self.every = ASK_EVERY * world
        self.left = total // self.every if world > 1 else 0
        self.asked = 0
        self.failed = False
        self._open: tuple[Any, torch.Tensor] | None = None

    def ask_until(self, reached: int) -> None:
        """Ask what is due when that many images of all are done."""
        while self.left and self.asked < reached // self.every:
            self._answer()
            if self.failed:
                return
            self._ask(False)

    def end(self, failed: bool) -> None:
        """Ask what is left, once this process has done its share or has failed."""
        self._answer()
        while self.left and not self.failed:
            self._ask(failed)
            self._answer()

    def _ask(self, failed: bool) -> None:
        flag = torch.tensor([float(failed)], device=_device())
        self._open = (dist.all_reduce(flag, dist.ReduceOp.MAX, async_op=True), flag)
        self.asked, self.left = self.asked + 1, self.left - 1

    def _answer(self) -> None:
        if self._open is not None:
            work, flag = self._open
            work.wait()
            self.failed, self._open = bool(flag.item()), None


def tell(error: Exception | None) -> None:
    """Raise the error of any process in all of them; each process calls it, with its own or None.

    Raises:
        UserError: another process's, in its words. One's own is raised as it is.
    """
    words = None
    if isinstance(error, UserError):
        words = str(error)
    elif error is not None:
        words = f"process {processes()[0]} failed, see its output: {type(error).__name__}: {error}"
    heard = [text for text in exchange(words) if text is not None]
    if error is not None:
        raise error
    if heard:
        raise UserError(heard[0])


def exchange(value: Any) -> list[Any]:
    """What each process has to say, by rank: anything that JSON holds."""
    return [json.loads(text) for text in _exchange_bytes(json.dumps(value).encode())]


def from_first(make: Callable[[], Any]) -> Any:
    """What the first process makes, and only that one: anything that JSON holds.

    Raises:
        UserError: it could not.
    """
    value, error = None, None
    if processes()[0] == 0:
        try:
            value = make()
        except Exception as raised:
            error = raised
    tell(error)
    return exchange(value)[0]


def spread(function: Callable[[Item], float], items: Sequence[Item]) -> list[float]:
    """A function of every item, each computed by one process.

    Raises:
        UserError: a process failed.
    """
    rank, world = processes()
    mine: list[float] = []
    error = None
    try:
        mine = [float(function(item)) for item in items[rank::world]]
    except Exception as raised:
        error = raised
    tell(error)
    shares = exchange(mine)
    return [shares[i % world][i // world] for i in range(len(items))]


def in_order(
    places: Sequence[np.ndarray], rows: Mapping[str, Sequence[np.ndarray]]
) -> dict[str, np.ndarray]:
    """Rows of all processes, in the order of their places.

    Args:
        places: of the rows of this process, int64, part by part.
        rows: by name, parts as those of `places`; a name without parts is left out.

    Returns:
        by name, the same on each process.
    """
    mine = {name: np.concatenate(parts) for name, parts in rows.items() if len(parts)}
    place = np.concatenate([np.asarray(p, np.int64) for p in places] or [np.zeros(0, np.int64)])
    shares = [mine | {"": place}]
    if processes()[1] > 1:
        shares = [_unpacked(content) for content in _exchange_bytes(_packed(mine | {"": place}))]
    order = np.argsort(np.concatenate([share.pop("") for share in shares]))
    names = {name: None for share in shares for name in share}  # a set would have no order
    return {n: np.concatenate([share[n] for share in shares if n in share])[order] for n in names}


def summed(array: np.ndarray) -> np.ndarray:
    """The sum over processes of arrays of one shape, the same on each."""
    if processes()[1] == 1:
        return array
    whole = torch.tensor(array, device=_device())
    dist.all_reduce(whole)
    return whole.cpu().numpy()


def _packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    file = io.BytesIO()
    np.savez(file, **{f"_{name}": array for name, array in arrays.items()})
    return file.getvalue()


def _unpacked(content: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return {name[1:]: file[name] for name in file.files}


def _exchange_bytes(mine: bytes) -> list[bytes]:
    world = processes()[1]
    if world == 1:
        return [mine]
    device = _device()
    lengths = [torch.zeros(1, dtype=torch.int64, device=device) for _ in range(world)]
    dist.all_gather(lengths, torch.tensor([len(mine)], device=device))
    longest = max(int(length) for length in lengths)
    own = torch.zeros(longest, dtype=torch.uint8)
    own[: len(mine)] = torch.frombuffer(bytearray(mine), dtype=torch.uint8)
    own = own.to(device)
    found = [torch.empty_like(own) for _ in range(world)]
    dist.all_gather(found, own)
    return [
        part[: int(length)].cpu().numpy().tobytes()
        for part, length in zip(found, lengths, strict=True)
    ]


def _device() -> torch.device:
    """Where tensors lie that processes exchange."""
    return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")

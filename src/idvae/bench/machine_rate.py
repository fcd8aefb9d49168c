"""How many multiply-adds a second this machine makes at best: the ceiling of what multiplies.

No one product says it: which size, layout and operation a library is fastest at differs from
processor to processor. So several are tried, and the fastest is the machine's rate.
"""

import copy
import heapq
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from idvae.training.flops import Counter

SIDES = (256, 512, 1024, 2048)
SIDES_OF_GPU = (1024, 2048, 4096, 8192)
TALL = (16_384, 576, 64)  # a convolution's patches times its kernels
KEPT = 3  # of all that are tried once, how many are measured in every round
TRIED, MEASURED = 0.03, 0.1  # seconds

Layer = tuple[nn.Module, Tensor, Tensor]  # a layer, its input, a gradient of its output
Clock = Callable[[Callable[[], object], float], float]  # (work, at least) → seconds of one call


@dataclass(frozen=True)
class Operation:
    """Something that multiplies.

    Attributes:
        name: for people.
        macs: its multiply-adds, in millions.
        work: does it once.
    """

    name: str
    macs: float
    work: Callable[[], object]


class MachineRate:
    """Measures the machine's rate whenever it is called, in millions of multiply-adds a second.

    The first call tries every operation; it and later ones measure those that were fastest.

    Args:
        operations: at least one.
        clock: tells the seconds of one call.
    """

    def __init__(self, operations: Sequence[Operation], clock: Clock) -> None:
        self.operations = list(operations)
        self.clock = clock
        self.fastest: list[Operation] = []
        self.best = ("", 0.0)  # what was fastest of all calls, and its rate

    def __call__(self) -> float:
        if not self.fastest:
            tried = [(self._rate(one, TRIED), i) for i, one in enumerate(self.operations)]
            self.fastest = [self.operations[i] for _, i in heapq.nlargest(KEPT, tried)]
        rates = {one.name: self._rate(one, MEASURED) for one in self.fastest}
        found = max(rates, key=lambda name: rates[name])
        self.best = max(self.best, (found, rates[found]), key=lambda pair: pair[1])
        return rates[found]

    def _rate(self, operation: Operation, at_least: float) -> float:
        return operation.macs / self.clock(operation.work, at_least)


def machine_rate(
    device: torch.device, precision: str = "32", layers: Sequence[Layer] = ()
) -> MachineRate:
    """The rate of a device in what `--precision` computes in.

    Args:
        device: where it multiplies.
        precision: as of a training; with bf16 also float32 is tried, where it may be faster.
        layers: convolutions of the network's kind, which are tried too.
    """
    types = {"64": [torch.float64], "bf16": [torch.bfloat16, torch.float32]}
    sides = SIDES_OF_GPU if device.type == "cuda" else SIDES
    operations = [
        one
        for dtype in types.get(precision, [torch.float32])
        for one in (
            *products([*((side, side, side) for side in sides), TALL], dtype, device),
            *convolutions(layers, dtype),
        )
    ]
    return MachineRate(operations, lambda work, at_least: seconds(work, device, at_least))


def products(
    shapes: Sequence[tuple[int, int, int]], dtype: torch.dtype, device: torch.device
) -> list[Operation]:
    """Matrix products (n, k) × (k, m), each factor as it is and transposed in memory.

    Args:
        shapes: n, k and m.
    """
    found = []
    for n, k, m in shapes:
        a = torch.randn(n, k, device=device).to(dtype)
        b = torch.randn(k, m, device=device).to(dtype)
        out = torch.empty(n, m, dtype=dtype, device=device)
        columns = {name: x.t().contiguous().t() for name, x in (("a", a), ("b", b))}
        for layout, one, other in (
            ("by rows", a, b),
            ("the first transposed", columns["a"], b),
            ("the second transposed", a, columns["b"]),
        ):
            name = f"{n}×{k} by {k}×{m}, {layout}, {_short(dtype)}"
            found.append(
                Operation(
                    name,
                    n * k * m / 1e6,
                    lambda one=one, other=other, out=out: torch.mm(one, other, out=out),
                )
            )
    return found


def convolutions(layers: Sequence[Layer], dtype: torch.dtype) -> list[Operation]:
    """Layers forward, and forward and backward, with channels first and last."""
    found = []
    for number, (layer, x, gradient) in enumerate(layers, 1):
        for layout, order in (
            ("channels first", torch.contiguous_format),
            ("channels last", torch.channels_last),
        ):
            one = copy.deepcopy(layer).to(dtype=dtype, memory_format=order)
            given = x.detach().to(dtype).contiguous(memory_format=order).requires_grad_()
            back = gradient.to(dtype).contiguous(memory_format=order)
            name = f"convolution {number} of the networks, {layout}, {_short(dtype)}"
            macs = forward_macs(one, given)
            found += [
                Operation(
                    f"{name}, forward", macs, lambda one=one, given=given: _forward(one, given)
                ),
                Operation(
                    f"{name}, forward and backward",
                    3 * macs,
                    lambda one=one, given=given, back=back: passes([(one, given, back)]),
                ),
            ]
    return found


@torch.no_grad()
def _forward(layer: nn.Module, x: Tensor) -> Tensor:
    return layer(x)


def passes(layers: Sequence[Layer]) -> None:
    """Each layer forward, backward to its input and to its weights."""
    for layer, x, gradient in layers:
        torch.autograd.grad(layer(x), [x, layer.weight], gradient)


def forward_macs(layer: nn.Module, x: Tensor) -> float:
    """Multiply-adds of a layer, in millions; backward to its input, or its weights, has as many."""
    return multiply_adds(lambda: _forward(layer, x))


def multiply_adds(work: Callable[[], object]) -> float:
    """Of one call, in millions, as torch counts them."""
    with Counter() as counter:
        work()
    return counter.operations / 2e6  # torch counts a multiply-add as two


def seconds(work: Callable[[], object], device: torch.device, at_least: float) -> float:
    """Seconds of one call, over as many calls as take `at_least` seconds."""
    work()
    _wait(device)
    calls, began = 0, time.perf_counter()
    while calls == 0 or time.perf_counter() - began < at_least:
        for _ in range(3):
            work()
            calls += 1
        _wait(device)
    return (time.perf_counter() - began) / calls


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")

"""torch as a fresh process has it, whatever a caller has set."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def fresh_torch() -> Iterator[None]:
    """New tensors are float32, nothing is cast by itself, and gradients are recorded.

    Afterwards the caller's own settings hold again, the number of threads among them.
    """
    kind, threads = torch.get_default_dtype(), torch.get_num_threads()
    if kind != torch.float32:
        torch.set_default_dtype(torch.float32)
    try:
        with (
            torch.inference_mode(False),
            torch.enable_grad(),
            torch.autocast("cpu", enabled=False),
            torch.autocast("cuda", enabled=False),
        ):
            yield
    finally:
        if kind != torch.float32:
            torch.set_default_dtype(kind)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)

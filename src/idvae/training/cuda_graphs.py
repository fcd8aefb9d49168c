"""A step of training, recorded once on a CUDA device and replayed since.

A step makes some five hundred operations, and on a fast GPU Python needs longer to ask for them
than the GPU to run them. A recording asks for all of them at once, with the addresses, and so the
numbers, of the step that was recorded: whatever changes from step to step has to lie in a tensor.
"""

from collections.abc import Callable, Hashable, Mapping

import torch
from torch import Tensor

from idvae.errors import UserError
from idvae.methods.method import Method
from idvae.training.distributed import Processes

WARM_UP = 3  # steps before the recording: libraries set themselves up, optimizers make their state


class CudaRecording:
    """torch's CUDA graph of a function that takes nothing and returns nothing.

    Raises:
        UserError: the device is no CUDA GPU.
    """

    def __init__(self, device: torch.device) -> None:
        if device.type != "cuda":
            raise UserError(
                f"--graphs true needs a CUDA GPU, not {device.type}; pass --graphs false"
            )
        self.device = device
        self.graph = torch.cuda.CUDAGraph()

    def warm_up(self, work: Callable[[], None]) -> None:
        """Do the work on a stream of its own, as a recording is made on one."""
        with torch.cuda.device(self.device):
            stream, current = torch.cuda.Stream(), torch.cuda.current_stream()
            stream.wait_stream(current)
            with torch.cuda.stream(stream):
                work()
            current.wait_stream(stream)

    def record(self, work: Callable[[], None]) -> None:
        """Note the kernels of the work; none of them runs."""
        # thread_local: the thread that makes batches pins memory meanwhile.
        with (
            torch.cuda.device(self.device),
            torch.cuda.graph(self.graph, capture_error_mode="thread_local"),
        ):
            work()

    def replay(self) -> None:
        """Run the kernels that were noted."""
        with torch.cuda.device(self.device):
            self.graph.replay()


class Recorded:
    """A function of tensors by name that is recorded at its fourth call, and replayed since.

    Where it is to do something else from some call on, it is called and recorded anew from there.

    Args:
        work: the function, of what it is to do and of the tensors. It must not look at their
            numbers, nor choose by them what it does.
        device: where its inputs are copied to before each call, always to the same places.
    """

    def __init__(self, work: Callable[..., None], device: torch.device) -> None:
        self.work, self.device = work, device
        self.inputs: dict[str, Tensor] = {}
        self.recording = CudaRecording(device)
        self.what: Hashable = None
        self.calls = 0

    def __call__(self, inputs: Mapping[str, Tensor], what: Hashable = None) -> None:
        """Call the function, or what was recorded of it, with these inputs.

        Args:
            inputs: of the names, shapes and types of the first call.
            what: what the function is to do with them, its first argument.
        """
        if self.calls and what != self.what:  # a recording goes on doing what it was made of
            self.recording, self.calls = CudaRecording(self.device), 0
        self.what = what
        if not self.inputs:
            self.inputs = {n: torch.empty_like(t, device=self.device) for n, t in inputs.items()}
        for name, tensor in inputs.items():
            self.inputs[name].copy_(tensor, non_blocking=True)
        self.calls += 1
        if self.calls <= WARM_UP:
            self.recording.warm_up(self._call)
            return
        if self.calls == WARM_UP + 1:
            self.recording.record(self._call)
        self.recording.replay()

    def _call(self) -> None:
        self.work(self.what, **self.inputs)


def recorded(work: Callable[..., None], method: Method, processes: Processes) -> Recorded:
    """A method's step, to be recorded.

    Raises:
        UserError: several processes, data-dependent updates, or no CUDA GPU.
    """
    if processes.world > 1:
        raise UserError("--graphs true records the step of one process; leave it out")
    if method.data_dependent:
        raise UserError(
            "--graphs true records one order of updates, but this method has data-dependent "
            "updates: each step chooses them by its numbers; leave out --graphs, or the option "
            "that makes it choose"
        )
    return Recorded(work, processes.device)

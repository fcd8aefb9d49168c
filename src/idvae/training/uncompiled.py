"""torch's optimizers without the compiler that they load.

They import torch._dynamo, and sympy with it, as they are made and as they step, to tell it that
they are not to be compiled: a large part of the time until a first step. Nothing is compiled here,
so each is called as it is written, without what torch has wrapped around it for its compiler.
"""

import inspect
from functools import cache
from typing import Any

import torch
from torch.optim import Optimizer

WRAPPED = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")


@cache
def uncompiled(cls: type[Optimizer]) -> type[Optimizer]:
    """The same optimizer, to the bit; where torch wraps nothing, simply the same."""
    step = inspect.unwrap(cls.step)

    def plain_step(self: Optimizer, closure: Any = None) -> Any:
        with torch.set_grad_enabled(bool(self.defaults.get("differentiable"))):
            return step(self, closure)

    methods = {name: inspect.unwrap(getattr(cls, name)) for name in WRAPPED}
    return type(cls.__name__, (cls,), {**methods, "step": plain_step, "__doc__": cls.__doc__})

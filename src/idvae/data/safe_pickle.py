"""Reads what a pickle says without doing it: no name is imported, nothing is ever called.

A pickle is a program. Here its opcodes are read one by one; those that would import, call or
build only note down what they would have done, as a `Note`. That is enough to find plain values
and the bytes of arrays, and all that CIFAR's batches need.
"""

import pickletools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from idvae.errors import UserError

# The names that a batch of CIFAR mentions to say that it holds an array.
ARRAY, CLASS, DTYPE = "numpy.core.multiarray _reconstruct", "numpy ndarray", "numpy dtype"
NAMES = (ARRAY, CLASS, DTYPE)

MAX_OPCODES = 1_000_000  # a batch has some 40,000; each may cost memory

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_MARK = object()


@dataclass(eq=False)
class Note:
    """What a pickle would have called, on what, and the state it would have set."""

    name: str
    arguments: Any = None
    state: Any = None


def read_pickle(data: bytes, where: str) -> Any:
    """What a pickle of protocol 2 describes, as Python 2 wrote it.

    Args:
        data: the pickle.
        where: what messages call it.

    Returns:
        Dicts, lists, tuples, ints, bytes (also for Python 2's strings), None, bools and Notes.

    Raises:
        UserError: it mentions a name beyond `NAMES`, uses an opcode that CIFAR's batches do not
            need, or is damaged.
    """
    try:
        return _Reader(where).read(pickletools.genops(data))
    except UserError:
        raise
    except Exception as error:  # whatever pickletools or an empty stack raises
        raise UserError(f"{where} is damaged ({str(error)[:100]}); fetch it again") from error


class _Reader:
    def __init__(self, where: str) -> None:
        self.where = where
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def read(self, opcodes: Iterator[tuple[Any, Any, Any]]) -> Any:
        for count, (opcode, argument, _) in enumerate(opcodes):
            if count == MAX_OPCODES:
                raise self._refused(f"more than {MAX_OPCODES:,} opcodes")
            if opcode.name == "STOP":
                return self.stack.pop()
            self._take(opcode.name, argument)
        raise ValueError("it does not end")

    def _take(self, opcode: str, argument: Any) -> None:
        push = self.stack.append
        match opcode:
            case "PROTO":
                pass
            case "MARK":
                push(_MARK)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                push(_CONSTANTS[opcode])
            case "INT" | "BININT" | "BININT1" | "BININT2":
                push(argument)
            case "BINSTRING" | "SHORT_BINSTRING":
                push(argument.encode("latin-1"))  # pickletools decodes the bytes as latin-1
            case "EMPTY_DICT":
                push({})
            case "EMPTY_LIST":
                push([])
            case "EMPTY_TUPLE":
                push(())
            case "TUPLE":
                push(tuple(self._since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                push(tuple(self._last(int(opcode[-1]))))
            case "APPEND":
                self._extend([self.stack.pop()])
            case "APPENDS":
                self._extend(self._since_mark())
            case "SETITEM":
                self._set(self._last(2))
            case "SETITEMS":
                self._set(self._since_mark())
            case "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = self.stack[-1]
            case "BINGET" | "LONG_BINGET":
                push(self.memo[argument])
            case "GLOBAL":
                push(self._name(argument))
            case "REDUCE":
                name, arguments = self._last(2)
                push(Note(self._noted(name).name, arguments))
            case "BUILD":
                state = self.stack.pop()
                self._noted(self.stack[-1]).state = state
            case _:
                raise self._refused(f"the opcode {opcode}")

    def _name(self, name: str) -> Note:
        if name not in NAMES:
            raise self._refused(f"the name {name[:80].replace(' ', '.')}")
        return Note(name)

    def _noted(self, value: Any) -> Note:
        if not isinstance(value, Note):
            raise ValueError("it calls what is no name")
        return value

    def _last(self, n: int) -> list[Any]:
        taken = self.stack[-n:]
        if len(taken) < n:
            raise ValueError("it takes more than there is")
        del self.stack[-n:]
        return taken

    def _since_mark(self) -> list[Any]:
        taken = []
        while (value := self.stack.pop()) is not _MARK:
            taken.append(value)
        return taken[::-1]

    def _extend(self, values: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise ValueError("it appends to what is no list")
        self.stack[-1].extend(values)

    def _set(self, items: list[Any]) -> None:
        into = self.stack[-1]
        keys = items[::2]
        if not isinstance(into, dict) or not all(isinstance(key, bytes) for key in keys):
            raise ValueError("it sets what is no key of a dict")
        into.update(zip(keys, items[1::2], strict=True))

    def _refused(self, what: str) -> UserError:
        return UserError(
            f"{self.where} holds {what}, which no CIFAR batch needs; nothing of it was executed: "
            "it is no file of CIFAR's, fetch it again"
        )

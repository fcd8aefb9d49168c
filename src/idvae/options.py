"""What an option may be: its type, and the range of its numbers, which stands beside the field.

    beta: Weight = 1.0
    lr_of: dict[str, Rate] = field(default_factory=dict)

One check serves every dataclass of options, wherever its values come from.
"""

import math
import reprlib
from dataclasses import dataclass
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from idvae.errors import UserError


def listed(text: str) -> list[str]:
    """The parts of a list with commas, as flags and options have them; empty ones are left out."""
    return [part.strip() for part in text.split(",") if part.strip()]


@dataclass(frozen=True)
class Within:
    """Where a number lies; every one of them is finite.

    Args:
        least, most: it may be these.
        above, below: it may not be these.
    """

    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None

    def holds(self, value: float) -> bool:
        """Whether a number lies there."""
        return (
            (isinstance(value, int) or math.isfinite(value))  # a long int is no float
            and (self.least is None or value >= self.least)
            and (self.above is None or value > self.above)
            and (self.most is None or value <= self.most)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        limits = {
            "at least": self.least, "above": self.above, "at most": self.most, "below": self.below,
        }  # fmt: skip
        told = [f"{word} {limit:,}" for word, limit in limits.items() if limit is not None]
        return " and ".join(told) or "finite"


MOST = 2**31 - 1  # that torch takes for a size or a count everywhere
Count = Annotated[int, Within(least=1, most=MOST)]
OrNone = Annotated[int, Within(least=0, most=MOST)]  # a count, 0 for none
Weight = Annotated[float, Within(least=0)]  # of a loss; below 0 it would be maximised
Rate = Annotated[float, Within(above=0)]
Share = Annotated[float, Within(least=0, most=1)]
Decay = Annotated[float, Within(least=0, below=1)]


def types_of(options: type) -> dict[str, Any]:
    """The types of a dataclass's fields without their ranges, as a parser wants them."""
    return get_type_hints(options)


def ranged_types_of(options: type) -> dict[str, Any]:
    """The types of a dataclass's fields, with their ranges."""
    return get_type_hints(options, include_extras=True)


def flag_of(name: str) -> str:
    """An option as it is typed: `lambda_dec` → `--lambda-dec`."""
    return "--" + name.rstrip("_").replace("_", "-")


def check_ranges(options: Any) -> None:
    """Check the numbers of a dataclass of options.

    Raises:
        UserError: one lies outside of the range beside its field.
    """
    for name, kind in ranged_types_of(type(options)).items():
        check_range(getattr(options, name), kind, flag_of(name))


def check_range(value: Any, kind: Any, flag: str) -> None:
    """The same of one value of a type with its range, which `flag` names."""
    if get_origin(kind) is Annotated:
        base, *limits = get_args(kind)
        for limit in limits:
            # Flags let null through for any type.
            if value is None or not limit.holds(value):
                raise UserError(f"{flag} {value} is out of range; it is {limit}")
        kind = base
    if _is_union(kind):
        if value is not None:
            check_range(value, _other_than_none(kind), flag)
    elif value is None:
        raise UserError(f"{flag} cannot be null; leave it out for its default")
    elif get_origin(kind) is dict:
        for key, one in value.items():
            check_range(one, get_args(kind)[1], f"{flag}.{key}")
    elif get_origin(kind) is tuple:
        for one, part in zip(value, get_args(kind), strict=True):
            check_range(one, part, flag)


def fitted(value: Any, kind: Any, name: str) -> Any:
    """A value from YAML or Python as its field's type; a number may be written as text.

    Args:
        value: anything.
        kind: as `types_of` or `ranged_types_of` gives it.
        name: of the option, for the message.

    Raises:
        UserError: it is of another type.
    """
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if _is_union(kind):
        return None if value is None else fitted(value, _other_than_none(kind), name)
    parts = get_args(kind)
    if get_origin(kind) is Literal:
        if isinstance(value, str) and value in parts:
            return value
    elif get_origin(kind) is dict:
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return {key: fitted(one, parts[1], f"{name}.{key}") for key, one in value.items()}
    elif get_origin(kind) is tuple:
        if isinstance(value, list | tuple) and len(value) == len(parts):
            return tuple(fitted(one, part, name) for one, part in zip(value, parts, strict=True))
    elif kind is bool or isinstance(value, bool):
        if kind is bool and isinstance(value, bool):
            return value
    elif isinstance(value, kind) or (kind is str and isinstance(value, int)):
        return kind(value)
    elif (kind is int and isinstance(value, Integral)) or (
        kind is float and isinstance(value, Real) and not isinstance(value, int)
    ):
        return kind(value)  # NumPy's
    elif kind in (int, float) and isinstance(value, int | str):
        try:
            return kind(value)
        except (ValueError, OverflowError):
            pass
    raise UserError(f"option {name}: expected {_in_words(kind)}, not {reprlib.repr(value)}")


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def _other_than_none(kind: Any) -> Any:
    (other,) = (part for part in get_args(kind) if part is not NoneType)
    return other


def _in_words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(get_args(kind))
    if get_origin(kind) is dict:
        return "a mapping"
    if get_origin(kind) is tuple:
        return f"{len(get_args(kind))} numbers"
    return {int: "a whole number", float: "a number", bool: "true or false", str: "text"}[kind]

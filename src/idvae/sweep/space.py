"""What may be tried of a method's options.

    lambda: {low: 1, high: 100, log: true}     a range; log draws its logarithm evenly
    lr: [1e-3, 5e-4]                           choices
    preset: residual                           neither: every trial has it, the first too

Draws come from Python's `random()`, whose numbers are the same in every version.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, get_args

from idvae.errors import UserError
from idvae.options import fitted
from idvae.training import settings

MOST = 1e300  # of an end, with room to compute
DIGITS = 3  # of what is drawn from a range: more would not be read


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included.

    Attributes:
        low, high: its ends.
        log: whether logarithms are drawn evenly.
        whole: whether they are whole numbers.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    @classmethod
    def of(cls, values: Mapping[str, Any], whole: bool, where: str) -> "Range":
        """Read {low, high, log}.

        Raises:
            UserError: another key, or ends between which nothing lies.
        """
        log = values.get("log", False)
        if not {"low", "high"} <= set(values) <= {"low", "high", "log"} or type(log) is not bool:
            raise UserError(f"{where}: a range is {{low: 1, high: 100}}, with log: true if wanted")
        kind = int if whole else float
        low, high = (fitted(values[end], kind, f"{where}, {end}") for end in ("low", "high"))
        if not (abs(low) <= MOST and abs(high) <= MOST and low < high):
            raise UserError(f"{where}: low is {low} and high {high}; low is the lower one")
        if log and low <= 0:
            raise UserError(f"{where}: low is {low}, which has no logarithm; it is above 0")
        return cls(low, high, log, whole)

    @property
    def ends(self) -> tuple[float, float]:
        return self._number(self.low), self._number(self.high)

    def draw(self, random: Random) -> float:
        """One of them."""
        half = 0.5 if self.whole else 0.0  # so that both ends are as likely as what lies between
        low, high, at = self.low - half, self.high + half, random.random()
        if self.log:
            return self._number(math.exp((1 - at) * math.log(low) + at * math.log(high)))
        return self._number((1 - at) * low + at * high)

    def _number(self, value: float) -> float:
        value = min(max(value, self.low), self.high)
        near = round(value) if self.whole else float(f"{value:.{DIGITS}g}")
        return min(max(near, self.low), self.high)


@dataclass(frozen=True)
class Space:
    """The options that a search tries of one method.

    Attributes:
        fixed: those that every trial has.
        varied: the choices or the range of each other one.
    """

    fixed: dict[str, Any]
    varied: dict[str, list[Any] | Range]

    @classmethod
    def of(cls, method: str, values: Any) -> "Space":
        """Read one method's space as a plan has it.

        Raises:
            UserError: no mapping, a range that is none, or no choices.
        """
        if not isinstance(values or {}, dict):
            raise UserError(f"methods, {method}: what is tried is a mapping of options")
        types = settings.option_types(method)
        fixed: dict[str, Any] = {}
        varied: dict[str, list[Any] | Range] = {}
        for name, value in (values or {}).items():
            where = f"methods, {method}, {name}"
            if isinstance(value, dict) and {"low", "high"} & set(value):
                kind = types.get(settings.option_name(name))
                whole = int in (kind, *get_args(kind))  # the width may also be None
                varied[name] = Range.of(value, whole, where)
            elif isinstance(value, list):
                if not value:
                    raise UserError(f"{where}: there is no choice")
                varied[name] = value
            else:
                fixed[name] = value
        return cls(fixed, varied)

    def draw(self, random: Random) -> dict[str, Any]:
        """One value of each option that varies."""
        return {
            name: of.draw(random) if isinstance(of, Range) else of[int(random.random() * len(of))]
            for name, of in self.varied.items()
        }

    def each(self) -> Iterator[tuple[str, Any]]:
        """Every choice and both ends of every range, each alone: what has to be allowed."""
        for name, of in self.varied.items():
            for value in of.ends if isinstance(of, Range) else of:
                yield name, value

"""What a network is told beside z: a class, or visual attributes (section 5.3 of the paper).

A class is one-hot. An attribute is +1 where an image has it and −1 where it has not (Perarnau et
al., IcGAN). Attributes of one group, such as the colours of hair, exclude each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from idvae.data.exclusion import Group, State, group, plain
from idvae.data.prepared import PreparedSet, Split, damaged
from idvae.errors import UserError, did_you_mean
from idvae.options import listed

LABELS, ATTRIBUTES = "labels", "attributes"  # what --condition takes beside names of attributes


@dataclass(frozen=True)
class Condition:
    """The condition y of a run.

    Attributes:
        kind: "labels" or "attributes".
        names: of the classes, or of the attributes in the order of y.
        groups: attributes, each set or cleared, of which at most one is so.
    """

    kind: Literal["labels", "attributes"]
    names: tuple[str, ...]
    groups: tuple[Group, ...] = ()

    @property
    def width(self) -> int:
        """Y, the width of y."""
        return len(self.names)

    @classmethod
    def of(cls, data: PreparedSet, asked: str | None) -> "Condition | None":
        """The condition that `--condition` names on a prepared set.

        Args:
            data: has classes, or attributes.
            asked: "labels", "attributes" (those that the set counts as its main ones), names of
                attributes joined by commas, or None.

        Raises:
            UserError: the set has no classes or attributes, or not these.
        """
        if asked is None:
            return None
        if asked == LABELS:
            if not data.classes:
                raise UserError(f"--condition labels: {data.name} has no classes")
            return cls(LABELS, tuple(data.classes))
        have = data.attribute_names
        if not have:
            hint = "; it has classes: --condition labels" if data.classes else ""
            raise UserError(f"--condition {asked}: {data.name} has no attributes{hint}")
        names = listed(asked)
        if asked == ATTRIBUTES:
            names = data.meta.get("main_attributes") or list(have)
        if not names:
            raise UserError(f"--condition {asked} names no attribute; there are {', '.join(have)}")
        for name in names:
            _known(name, have, f"{data.name} has no attribute")
        if len(set(names)) < len(names):
            raise UserError(f"--condition {asked} names an attribute twice")
        of_set = map(group, data.meta.get("groups") or [])
        inside = (tuple(state for state in one if state[0] in names) for one in of_set)
        groups = tuple(one for one in inside if len(one) > 1)
        return cls(ATTRIBUTES, tuple(names), groups)

    @classmethod
    def from_config(cls, values: Mapping[str, Any] | None) -> "Condition | None":
        """What `config` of a run holds."""
        if not values:
            return None
        return cls(values["kind"], tuple(values["names"]), tuple(map(group, values["groups"])))

    def config(self) -> dict[str, Any]:
        """Plain values for a YAML file."""
        groups = list(map(plain, self.groups))
        return {"kind": self.kind, "names": list(self.names), "groups": groups}

    def rows(self, data: PreparedSet, split: Split, indices: Any) -> np.ndarray:
        """y of rows of a split, float32 (B, Y): one-hot, or −1 and +1.

        Raises:
            UserError: an image has a label beyond the classes.
        """
        if self.kind == LABELS:
            labels = split.labels(indices)
            if labels.size and not 0 <= labels.min() <= labels.max() < self.width:
                raise damaged(data.name, f"a label is no class, of which it has {self.width}")
            return np.eye(self.width, dtype=np.float32)[labels]
        return self.select(split.attributes(indices), data.attribute_names, data.name)

    def select(self, values: np.ndarray, names: Sequence[str], where: str) -> np.ndarray:
        """y of attributes of 0 and 1 that have these names, float32 (B, Y) of −1 and +1.

        Raises:
            UserError: an attribute of the run is not among them.
        """
        for name in self.names:
            _known(name, names, f"{where} has no attribute")
        columns = [list(names).index(name) for name in self.names]
        return values[:, columns].astype(np.float32) * 2.0 - 1.0

    def parse(self, text: str) -> dict[str, bool]:
        """Read what a user asks for: a class by name or number, or `Eyeglasses=1,Smiling=0`.

        Returns:
            name → whether it is asked for; a class stands alone and is True.

        Raises:
            UserError: a name or number that is not there, or attributes that exclude each other.
        """
        asked: dict[str, bool] = {}
        if not isinstance(text, str):
            raise UserError(f"a condition is asked for by text, not by {text!r}")
        for part in listed(text):
            name, equals, value = (piece.strip() for piece in part.partition("="))
            if self.kind == ATTRIBUTES and part in self.names:  # a name that has a = of its own
                name, equals, value = part, "", ""
            elif self.kind == ATTRIBUTES and part.count("=") > 1:
                name, equals, value = (piece.strip() for piece in part.rpartition("="))
            if self.kind == LABELS:
                name, equals, value = self._class(part), "", ""
            if equals and value not in ("0", "1"):
                raise UserError(f"{part}: an attribute is set by =1 and cleared by =0")
            _known(name, self.names, "the run was not trained with")
            if asked.get(name, value != "0") != (value != "0"):
                raise UserError(f"{text} both sets and clears {name}")
            asked[name] = value != "0"
        if not asked:
            raise UserError("say which condition: " + ", ".join(self.names))
        self._check(text, asked)
        return asked

    def _class(self, part: str) -> str:
        if not part.isdecimal() or part in self.names:
            return part
        if int(part) >= self.width:
            raise UserError(f"class {part} is out of range; classes are 0 to {self.width - 1}")
        return self.names[int(part)]

    def _check(self, text: str, asked: Mapping[str, bool]) -> None:
        """Refuse what cannot occur together."""
        for name, state in asked.items():
            for other, excluded in self.excluded_by(name, state):
                if asked.get(other) is excluded:
                    both = [n if asked[n] else f"{n}=0" for n in (name, other)]
                    raise UserError(f"{text}: {both[0]} and {both[1]} exclude each other")

    def excluded_by(self, name: str, state: bool = True) -> tuple[State, ...]:
        """What an image cannot be that is of this class, or has (or has not) this attribute."""
        groups = self.groups
        if self.kind == LABELS:
            groups = (group(self.names),)
        around = (one for one in groups if (name, state) in one)
        return tuple(dict.fromkeys(s for one in around for s in one if s[0] != name))

    def bound_to(self, name: str) -> tuple[str, ...]:
        """The classes or attributes that a change of this one can change too, in their order."""
        found = {other for state in (True, False) for other, _ in self.excluded_by(name, state)}
        return tuple(other for other in self.names if other in found)

    def changed(self, y: np.ndarray, asked: Mapping[str, bool]) -> np.ndarray:
        """y with what is asked for, and without what that excludes.

        Args:
            y: float (B, Y).
            asked: as `parse` gives it.

        Returns:
            a copy, float32 (B, Y).

        Raises:
            UserError: a name that is not there, what excludes each other, or y of another shape.
        """
        y = np.array(y, np.float32)
        if y.ndim != 2 or y.shape[1] != self.width:
            raise UserError(f"conditions have the shape (B, {self.width}), not {y.shape}")
        for name, value in asked.items():
            _known(name, self.names, "the run was not trained with")
            if value not in (0, 1):
                raise UserError(f"{name} is asked for by True and excluded by False, not {value!r}")
        self._check(", ".join(asked), asked)
        if self.kind == LABELS:
            if list(asked.values()) != [True]:
                raise UserError("an image is of one class: ask for one, by True")
            (name,) = asked
            y[:] = 0.0
            y[:, self.names.index(name)] = 1.0
            return y
        for name, value in asked.items():
            for other, excluded in self.excluded_by(name, value):
                y[:, self.names.index(other)] = -1.0 if excluded else 1.0
        for name, value in asked.items():
            y[:, self.names.index(name)] = 1.0 if value else -1.0
        return y

    def turned(self, y: np.ndarray, name: str) -> np.ndarray:
        """y (B, Y) with a class set; or an attribute set, or cleared where it was set.

        Raises:
            UserError: as `changed`.
        """
        on = self.changed(y, {name: True})
        if self.kind == LABELS:
            return on
        has = np.asarray(y)[:, self.names.index(name)] > 0
        return np.where(has[:, None], self.changed(y, {name: False}), on)


def _known(name: str, names: Sequence[str], what: str) -> None:
    if name not in names:
        hint = did_you_mean(name, names, f"there are {', '.join(list(names)[:15])}", most=3)
        raise UserError(f"{what} {name!r}; {hint}")

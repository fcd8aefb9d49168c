"""What cannot occur together: groups of attributes, set or cleared, of which one at most is so.

Hair is black or blond: {Black_Hair: 1, Blond_Hair: 1}. Where a mustache is never beside a beard,
and the attribute is No_Beard: {Mustache: 1, No_Beard: 0}. A list of names means that they are set.
"""

from collections.abc import Mapping, Sequence
from typing import Any

State = tuple[str, bool]  # an attribute, and whether it is set
Group = tuple[State, ...]


def are_groups(value: Any) -> bool:
    """Whether a value from a file is a list of groups: each a list of names, or name → 0 or 1."""
    return isinstance(value, list) and all(map(_is_group, value))


def _is_group(value: Any) -> bool:
    if isinstance(value, dict) and not all(state in (0, 1) for state in value.values()):
        return False
    return isinstance(value, list | dict) and all(isinstance(name, str) for name in value)


def group(value: Sequence[str] | Mapping[str, int]) -> Group:
    """A group as a file has it, as pairs."""
    if isinstance(value, Mapping):
        return tuple((name, bool(state)) for name, state in value.items())
    return tuple((name, True) for name in value)


def plain(states: Group) -> list[str] | dict[str, int]:
    """The opposite, as short as it can be."""
    if all(state for _, state in states):
        return [name for name, _ in states]
    return {name: int(state) for name, state in states}

"""What the config.yaml of a run may hold, checked when it is opened: a stranger may have made it.

Nothing in it is used as a place before it was found harmless, and no size in it is larger than
what networks are built for. What else an option may be is settings.py's to say.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from idvae.data.exclusion import are_groups
from idvae.errors import UserError
from idvae.io.files import is_plain_name

FORMAT = 1
FIRST_PHASE = "pretrained"  # the option of methods of two phases that names the run of the first
# Options of a run by which no training learns otherwise: where it computes, and what it writes.
OF_THE_MACHINE = ("device", "graphs", "threads", "workers", "patience")
OF_THE_RECORD = ("log_every", "grid_every", "save_every", "keep")
MOST = 10_000  # names of a condition, coordinates of points, pixels on a side
LONGEST = 255  # characters of such a name, which is drawn beside pictures

Fits = Callable[[Any], bool]
Rules = Mapping[str, "Fits | Rules"]


def check(config: Mapping[str, Any], where: Path) -> None:
    """Check what a config.yaml holds.

    Raises:
        UserError: something is missing, of a wrong type or out of range.
    """
    if missing := sorted({"format", "method", "data", "options"} - set(config)):
        raise UserError(f"{where} is damaged: it lacks {', '.join(missing)}")
    if config["format"] != FORMAT:
        found = str(config["format"])[:20]
        raise UserError(f"{where} has format {found}; this version reads {FORMAT}")
    if wrong := _first_wrong(config, _RULES):
        raise UserError(f"{where} is damaged: {wrong} is missing, or cannot be what it is there")
    condition = config.get("condition") or {"names": [], "groups": []}
    names = set(condition["names"])
    if config.get("condition") and not names:
        raise UserError(f"{where} is damaged: condition.names holds none")
    if any(name not in names for group in condition["groups"] for name in group):
        raise UserError(f"{where} is damaged: condition.groups holds what condition.names does not")
    shape = config["data"].get("shape")
    if shape and (shape.get("condition") or 0) != len(condition["names"]):
        raise UserError(f"{where} is damaged: data.shape.condition is not the number of names")


def _first_wrong(values: Any, rules: Rules, group: str = "") -> str | None:
    """The first key whose value breaks its rule, with those that it lies in."""
    if not isinstance(values, Mapping):
        return group.rstrip(".")
    for key, rule in rules.items():
        value = values.get(key)
        if isinstance(rule, Mapping):
            if value is None and f"{group}{key}" in _OPTIONAL:
                continue
            if wrong := _first_wrong(value, rule, f"{group}{key}."):
                return wrong
        elif not rule(value):
            return f"{group}{key}"
    return None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _is_size(value: Any) -> bool:
    return _is_count(value) and value <= MOST


def _is_path(value: Any) -> bool:
    """A place that is named straight, without a way up out of another."""
    return _is_text(value) and "\0" not in value and ".." not in Path(value).parts


def _are_names(value: Any) -> bool:
    texts = isinstance(value, list) and len(value) <= MOST and all(map(_is_text, value))
    return texts and all(0 < len(name) <= LONGEST for name in value)


def _are_groups(value: Any) -> bool:
    return are_groups(value) and len(value) <= MOST


def _are_counts(value: Any) -> bool:
    return value is None or (isinstance(value, Mapping) and all(map(_is_count, value.values())))


def _or_none(fits: Fits) -> Fits:
    return lambda value: value is None or fits(value)


_OPTIONAL = (
    "condition",
    "data.shape",
    "data.asked",
    "released",
)  # where a group is there, it is whole
_RULES: Rules = {
    "method": _is_text,
    "data": {
        "name": is_plain_name,
        "path": _or_none(_is_path),
        "checksum": _is_text,
        "source": _or_none(_is_text),
        "kind": _or_none(lambda value: value in ("images", "points")),
        "order": _or_none(_is_text),
        "shape": {
            "size": _is_size,
            "channels": lambda value: _is_size(value) and value > 0,
            "condition": _or_none(_is_size),
        },
        "asked": {
            "n": _or_none(_is_count),
            "seed": _is_count,
            "crop": _or_none(is_plain_name),
        },
    },
    "released": {"step": _is_count, "sha256": _is_text},
    # What reports read; the rest is checked where a method is built from it.
    "options": {
        "steps": _is_count,
        "batch_size": _is_count,
        "seed": _or_none(_is_count),
        "preset": _or_none(_is_text),
        "width": _or_none(_is_count),
        "z_dim": _or_none(_is_count),
    },
    "condition": {
        "kind": lambda value: value in ("labels", "attributes"),
        "names": _are_names,
        "groups": _are_groups,
    },
    "parameters": _are_counts,
    "step_macs": _or_none(_is_count),
    "early_steps": _or_none(_is_count),
    "early_macs": _or_none(_is_count),
    "first_phase_step": _or_none(_is_count),
    "processes": _or_none(_is_count),
    "batch_of_all": lambda value: value in (None, True),
    "torchrun": _or_none(_is_text),
    "processes_until": _are_counts,
}

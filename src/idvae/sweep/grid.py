"""Several values of an option in one row of a plan: a row for each, with a name of its own.

    idvae: {lambda: [5, 20, 80]}            idvae-lambda5, idvae-lambda20, idvae-lambda80
    vae: {betas: [0.5, 0.999]}              one row: the option is a list itself
    vae: {betas: [[0.5, 0.999], [0, 0.9]]}  vae-betas0.5_0.999, vae-betas0_0.9

Whether a list is a value or a choice of values follows from the type of the option alone.
"""

import re
from collections.abc import Mapping
from itertools import product
from math import prod
from types import UnionType
from typing import Any, Union, get_args, get_origin

from idvae.errors import UserError
from idvae.options import fitted
from idvae.training import settings

MOST = 1000  # rows of one


def rows(name: str, method: str, own: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The rows that one means, by their names; itself where it has no several values.

    Args:
        name: of the row.
        method: that it trains.
        own: its options, as a plan has them.

    Raises:
        UserError: no value of an option, one of a wrong type, two alike, or too many rows.
    """
    types = settings.option_types(method)
    several: dict[str, dict[str, Any]] = {}  # option → how a name has each value → the value
    for key, value in own.items():
        kind = types.get(settings.option_name(key))
        if kind is None or not _is_choice(value, kind):
            continue
        where = f"methods, {name}, {key}"
        named = [_word(settings.option_name(key), fitted(one, kind, where)) for one in value]
        several[key] = dict(zip(named, value, strict=True))
        if not value:
            raise UserError(f"{where}: there is no value")
        if len(several[key]) < len(value):
            raise UserError(f"{where}: two values are alike; leave one out")
    if not several:
        return {name: dict(own)}
    if (count := prod(map(len, several.values()))) > MOST:
        raise UserError(f"methods, {name}: that is {count:,} rows; {MOST:,} is the most")
    found = {}
    for words in product(*several.values()):
        chosen = {key: of[word] for (key, of), word in zip(several.items(), words, strict=True)}
        found["-".join((name, *words))] = {"method": method, **own, **chosen}
    return found


def _is_choice(value: Any, kind: Any) -> bool:
    """Whether a list holds values of a type, and is none itself."""
    # One that may be None has its type among its parts; what a mapping holds is not the option.
    kinds = (kind, *get_args(kind)) if get_origin(kind) in (Union, UnionType) else (kind,)
    takes_lists = any(tuple in (one, get_origin(one)) for one in kinds)
    if not isinstance(value, list):
        return False
    return not takes_lists or any(isinstance(one, list) for one in value)


def _word(option: str, value: Any) -> str:
    """An option and a value as a part of a folder's name: lambda5, preset-paper, flip-true."""
    if isinstance(value, int | float | tuple) and not isinstance(value, bool):
        return option + _plain(value)
    return f"{option}-{_plain(value)}"


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return "_".join(f"{key}{_plain(one)}" for key, one in value.items()) or "none"
    if isinstance(value, tuple):
        return "_".join(map(_plain, value))
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return f"{value:.12g}" if isinstance(value, float) else re.sub(r"[^\w.+-]", "_", str(value))

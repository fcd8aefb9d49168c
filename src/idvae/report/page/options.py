"""Configurations as differences: what was not the same in all rows, and what was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from idvae.report.page.html import Html, join, tag
from idvae.report.page.tables import details, table
from idvae.report.rows import FREE, Row


def section(rows: Sequence[Row]) -> Html:
    """A table of options that differ, and a folded one of the rest."""
    by_row = {row.name: _options(row) for row in rows}
    if len(by_row) == 1:
        ((name, options),) = by_row.items()
        seeds = ", ".join(map(str, rows[0].seeds))
        cells = [["seeds", seeds], *map(list, sorted(options.items()))]
        return table(["Option", name], cells, "All options", numbers=[False, False])
    names = sorted({name for options in by_row.values() for name in options})
    same = [n for n in names if len({options.get(n) for options in by_row.values()}) == 1]
    differing = [n for n in names if n not in same]
    # Those of a single method say nothing beside the others': they stand below, row by row.
    shared = [n for n in differing if all(n in options for options in by_row.values())]
    own = [n for n in differing if n not in shared]
    parts = []
    head = ["Option", *by_row]
    seeds = ["seeds", *(", ".join(map(str, row.seeds)) for row in rows)]
    cells = [[n, *(options[n] for options in by_row.values())] for n in shared]
    parts.append(table(head, [seeds, *cells], "What differs", numbers=[False] * len(head)))
    if own:
        cells = [[n, *(options.get(n, "–") for options in by_row.values())] for n in own]
        made = table(head, cells, "Options that not every method has", numbers=[False] * len(head))
        parts.append(details(f"Options that not every method has ({len(own)})", made))
    if same:
        first = next(iter(by_row.values()))
        cells = [[name, first[name]] for name in same]
        made = table(["Option", "Value"], cells, "The same in all rows", numbers=[False, False])
        parts.append(details(f"The same in all rows ({len(same)})", made))
    return join(tag("p", "Rows are named as in the tables above; a dash is no such option."), parts)


def _options(row: Row) -> dict[str, str]:
    config = row.runs[0].config
    found: dict[str, Any] = {k: v for k, v in config["options"].items() if k not in FREE}
    found["data"] = config["data"].get("name")
    if counts := config.get("parameters"):
        found["parameters"] = f"{sum(counts.values()):,}"
    if versions := config.get("versions"):
        found |= {f"{name} (version)": value for name, value in versions.items()}
    return {name: _text(value) for name, value in found.items()}


def _text(value: Any) -> str:
    if value is None or value == {}:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(one)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)

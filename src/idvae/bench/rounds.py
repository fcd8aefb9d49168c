"""Interleaved measurements, their medians, and the ratios between them."""

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from idvae.bench import machine
from idvae.io.destination import Destination


@dataclass
class Figure:
    """One row of a table.

    Attributes:
        name: what was measured.
        unit: of the values.
        values: one a round.
        ratios: each value over that of `of` in the same round, where there is such a rival.
        of: the rival's name.
    """

    name: str
    unit: str
    values: list[float]
    ratios: list[float] | None = None
    of: str | None = None


def rounds(
    contestants: Mapping[str, Callable[[], float]],
    repeats: int,
    announce: Callable[[str], None] = lambda line: None,
) -> dict[str, list[float]]:
    """Measure every contestant once a round, each round starting with another one.

    A machine that slows down then favours none, and ratios are taken within a round. A first
    round is thrown away: it pays for what happens once.

    Returns:
        name → its measurement in each round.
    """
    names = list(contestants)
    found: dict[str, list[float]] = {name: [] for name in names}
    for i in range(-1, repeats):
        turn = i % len(names)
        for name in names[turn:] + names[:turn]:
            value = contestants[name]()
            if i >= 0:
                found[name].append(value)
        announce(f"round {i + 1} of {repeats}" if i >= 0 else "warmed up")
    return found


def figure(found: Mapping[str, list[float]], name: str, unit: str, of: str | None = None) -> Figure:
    """The row of one contestant, with its ratio to a rival where one is named."""
    values = found[name]
    if of is None:
        return Figure(name, unit, values)
    return Figure(name, unit, values, [a / b for a, b in zip(values, found[of], strict=True)], of)


def table(figures: Sequence[Figure]) -> str:
    """Medians and ratios as lines of text; the least and the greatest in brackets."""
    rows = [("", "median", "least … greatest", "ratio", "")]
    for f in figures:
        spread = f"{_short(min(f.values))} … {_short(max(f.values))}"
        ratio = against = ""
        if f.ratios:
            ratio, against = f"{statistics.median(f.ratios):.2f}", f"times {f.of}"
        rows.append(
            (f.name, f"{_short(statistics.median(f.values))} {f.unit}", spread, ratio, against)
        )
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows]
    return "\n".join(lines)


def save(
    out: Destination, benchmark: str, settings: Mapping[str, Any], figures: Sequence[Figure]
) -> None:
    """Write figures, what was asked and the machine's facts as JSON."""
    rows = []
    for f in figures:
        row = {**asdict(f), "median": statistics.median(f.values)}
        row["median_ratio"] = statistics.median(f.ratios) if f.ratios else None
        rows.append(row)
    whole = {
        "benchmark": benchmark,
        "settings": dict(settings),
        "machine": machine.facts(),
        "figures": rows,
    }
    with out.file() as temporary:
        temporary.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"

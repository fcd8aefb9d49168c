"""Measures that a claim can be about: their titles, and whether less of one is better."""

from __future__ import annotations

from pathlib import Path

from idvae.errors import UserError
from idvae.evaluate.scores import METRICS, RECONSTRUCTION

# Of a run alone; the others are of scores, by an expert each.
OF_RUN = {
    **RECONSTRUCTION,
    "covered": ("modes covered", False),
    "good_share": ("share of good samples", False),
    "generated": ("generated images that have what was asked", False),
    "edited": ("edited images that have what was asked", False),
    "kept": ("attributes that an edit left alone", False),
    "parameters": ("parameters", True),
}


def check_measure(name: str, file: Path) -> None:
    """Raise UserError for a measure that is not known."""
    expert, _, metric = name.rpartition(":")
    if metric not in METRICS and (expert or metric not in OF_RUN):
        known = ", ".join(sorted({*METRICS, *OF_RUN}))
        raise UserError(f"{file}: unknown measure {name!r}; there are {known}, or EXPERT:METRIC")


def title(name: str) -> str:
    """A measure in words; of scores with its expert in front."""
    expert, _, metric = name.rpartition(":")
    words = (METRICS | OF_RUN)[metric][0]
    return f"{expert}, {words}" if expert else words


def less_is_better(name: str) -> bool:
    """Which way a measure points."""
    return (METRICS | OF_RUN)[name.rpartition(":")[2]][1]


def meant(name: str, there: list[str]) -> list[str]:
    """The measures that a claim's name means: of scores without an expert, that of each.

    Args:
        name: as a claim has it.
        there: the measures of a row, those of scores as EXPERT:METRIC.
    """
    expert, _, metric = name.rpartition(":")
    if expert or metric in OF_RUN:
        return [name] if name in there else []
    return [found for found in there if found.rpartition(":")[2] == metric]

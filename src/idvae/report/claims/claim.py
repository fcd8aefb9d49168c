"""What is claimed, as a YAML file that a person writes before the runs are seen.

    claim: IDVAE draws better than VAE, and is on par with α-GAN.
    source: section 5.1, Table 1
    plan: images                     a sweep of that name: its folder under --runs
    parts:                           all of them have to hold
      - {better: [idvae], than: [vae], by: [fd]}
      - {not_worse: [idvae], than: [alpha-gan], by: [fd], margin: 0.1}
      - {disagree: [[vae-gan, age]], by: fd}
      - {at_least: 0.8, of: [c-idvae], by: [generated]}

Rows are the names that the plan gives them. `by` are measures: one of scores is meant by every
expert that was asked, EXPERT:METRIC by that one alone. `margin` is the share of the other's mean
(of its size, where it is negative) by which a row may be worse and still count as not worse. A
part may name a plan of its own, and the data sets it is about.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from idvae.errors import UserError
from idvae.io import strict_yaml
from idvae.report.claims.measures import check_measure

Kind = Literal["better", "not_worse", "disagree", "at_least"]
KINDS: tuple[Kind, ...] = ("better", "not_worse", "disagree", "at_least")
MARGIN = 0.1
_BESIDE = {
    "better": {"than"},
    "not_worse": {"than", "margin"},
    "disagree": set(),
    "at_least": {"of"},
}


@dataclass(frozen=True)
class Part:
    """One sentence of a claim.

    Attributes:
        kind: what is said of the pairs.
        pairs: the rows that are compared, (row, other); for `at_least` other is "".
        by: measures.
        plan: whose runs are meant.
        data: names of sets; () for all that the plan's runs are on.
        margin: of `not_worse`, else 0.
        bar: of `at_least`, else 0.
    """

    kind: Kind
    pairs: tuple[tuple[str, str], ...]
    by: tuple[str, ...]
    plan: str
    data: tuple[str, ...] = ()
    margin: float = 0.0
    bar: float = 0.0

    @property
    def words(self) -> str:
        """The part as a sentence."""
        by = ", ".join(self.by)
        if self.kind == "at_least":
            rows = ", ".join(row for row, _ in self.pairs)
            return f"{rows}: {by} is at least {self.bar:g}"
        if self.kind == "disagree":
            pairs = " or ".join(f"{a} and {b}" for a, b in self.pairs)
            return f"experts disagree about {pairs} ({by})"
        rows = ", ".join(dict.fromkeys(row for row, _ in self.pairs))
        others = ", ".join(dict.fromkeys(other for _, other in self.pairs))
        how = "better than" if self.kind == "better" else f"not {self.margin:.0%} worse than"
        return f"{rows} {how} {others} by {by}"


@dataclass(frozen=True)
class Claim:
    """A claim.

    Attributes:
        name: of its file, without the ending.
        words: the sentence.
        source: where the paper says it.
        paper: what the paper found, in its own figures.
        parts: all of which have to hold.
    """

    name: str
    words: str
    source: str
    paper: str
    parts: tuple[Part, ...]


def read(folder: Path) -> list[Claim]:
    """The claims of a folder, one a YAML file, in the order of their names.

    Raises:
        UserError: there is none, or one cannot be read.
    """
    files = sorted(folder.glob("*.yaml")) if folder.is_dir() else []
    if not files:
        raise UserError(
            f"{folder}: no claims there; a claim is a YAML file, see replication/claims"
        )
    return [_claim(file) for file in files]


def _claim(file: Path) -> Claim:
    values = strict_yaml.read_mapping(file)
    _check_keys(values, {"claim", "source", "paper", "plan", "parts"}, {"claim", "parts"}, file)
    for key in ("claim", "source", "paper", "plan"):
        if not isinstance(values.get(key, ""), str):
            raise UserError(f"{file}: {key} is text, not {reprlib.repr(values[key])}")
    parts = values["parts"]
    if not isinstance(parts, list) or not parts:
        raise UserError(f"{file}: parts is a list of one or more, not {reprlib.repr(parts)}")
    made = tuple(_part(part, values.get("plan"), file) for part in parts)
    paper, source = values.get("paper", ""), values.get("source", "")
    return Claim(file.stem, values["claim"].strip(), source, paper.strip(), made)


def _part(part: Any, plan: str | None, file: Path) -> Part:
    kinds = [kind for kind in KINDS if isinstance(part, dict) and kind in part]
    if len(kinds) != 1:
        raise UserError(
            f"{file}: a part says one of {', '.join(KINDS)}, and this does not: "
            f"{reprlib.repr(part)}"
        )
    kind = kinds[0]
    needed = {kind, "by", *(_BESIDE[kind] - {"margin"})}
    _check_keys(part, needed | _BESIDE[kind] | {"plan", "data"}, needed, file)
    plan = part.get("plan", plan)
    if not isinstance(plan, str) or not plan or plan != Path(plan).name:
        raise UserError(f"{file}: plan is the name of a sweep's folder, not {reprlib.repr(plan)}")
    by = _names(part["by"], "by", file)
    for measure in by:
        check_measure(measure, file)
    data = _names(part["data"], "data", file) if "data" in part else ()
    if kind == "at_least":
        bar = _number(part[kind], kind, file)
        rows = _names(part["of"], "of", file)
        return Part(kind, tuple((row, "") for row in rows), by, plan, data, bar=bar)
    if kind == "disagree":
        pairs = part[kind]
        if not isinstance(pairs, list) or not pairs:
            raise UserError(f"{file}: disagree is a list of pairs, not {reprlib.repr(pairs)}")
        both = [_names(pair, "a pair of disagree", file) for pair in pairs]
        if any(len(pair) != 2 for pair in both):
            raise UserError(f"{file}: a pair of disagree is two rows: [vae-gan, age]")
        return Part(kind, tuple((a, b) for a, b in both), by, plan, data)
    rows, others = _names(part[kind], kind, file), _names(part["than"], "than", file)
    margin = 0.0
    if kind == "not_worse":
        margin = _number(part.get("margin", MARGIN), "margin", file)
        if not 0 <= margin < 1:
            raise UserError(f"{file}: margin {margin} is out of range; it is from 0 to below 1")
    pairs = tuple((row, other) for row in rows for other in others)
    return Part(kind, pairs, by, plan, data, margin)


def _check_keys(values: Mapping[str, Any], known: set[str], needed: set[str], file: Path) -> None:
    strict_yaml.check_keys({str(key): value for key, value in values.items()}, sorted(known), file)
    if missing := sorted(needed - set(values)):
        raise UserError(f"{file}: {missing[0]} is missing")


def _names(given: Any, key: str, file: Path) -> tuple[str, ...]:
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise UserError(f"{file}: {key} is a list of names, not {reprlib.repr(given)}")
    return tuple(names)


def _number(given: Any, key: str, file: Path) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise UserError(f"{file}: {key} is a number, not {reprlib.repr(given)}")
    return float(given)

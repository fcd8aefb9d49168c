"""scores.json: every number of an evaluation beside every fact that a comparison needs. No torch.

Two scores may be compared when their facts are the same; `differences` says which are not.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any

from idvae.errors import MISSHAPEN, UserError
from idvae.io.destination import Destination, whole
from idvae.io.files import read_bounded
from idvae.options import listed

FORMAT = 1
MOST = 1 << 26  # bytes of a scores.json
# What a metric is, and whether less of it is better.
METRICS = {
    "fd": ("Fréchet distance", True),
    "fd_infinity": ("Fréchet distance at infinite N", True),
    "kid": ("kernel distance", True),
    "mind": ("sliced Wasserstein distance", True),
    "precision": ("precision", False),
    "recall": ("recall", False),
    "density": ("density", False),
    "coverage": ("coverage", False),
    "is": ("Inception Score", False),
}
DEFAULT_METRICS = tuple(name for name in METRICS if name not in ("fd_infinity", "mind"))
RECONSTRUCTION = {
    "squared_error": ("squared error an image", True),
    "squared_error_per_pixel": ("squared error a pixel", True),
    "psnr": ("PSNR, dB", False),
    "ssim": ("SSIM", False),
}


@dataclass(frozen=True)
class Value:
    """A metric over repeats: mean, standard deviation (n − 1; None of one), and each value."""

    mean: float
    sd: float | None
    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float]) -> Value:
        n = len(values)
        mean = sum(values) / n
        sd = (sum((v - mean) ** 2 for v in values) / (n - 1)) ** 0.5 if n > 1 else None
        return cls(mean, sd, tuple(values))


def checked_metrics(metrics: Any) -> list[str]:
    """Names of METRICS, from a sequence of them or joined by commas.

    Raises:
        UserError: there is none, or one that is not known.
    """
    found = listed(metrics) if isinstance(metrics, str) else list(metrics or ())
    unknown = [metric for metric in found if metric not in METRICS]
    if unknown or not found:
        raise UserError(f"unknown metric {(unknown or [''])[0]!r}; there are {', '.join(METRICS)}")
    return found


def file_name(split: str | None = None) -> str:
    """The file of a run's scores; those against one split have another than its usual ones."""
    return f"scores-{split}.json" if split else "scores.json"


Row = dict[str, dict[str, Value]]  # expert → metric → value


@dataclass
class Scores:
    """What `evaluate` found of one generator.

    Attributes:
        name: of what was scored, as in tables.
        facts: what has to be the same in scores that are compared.
        row: values by expert and metric.
        true_data: the real-data baseline, the same for real images against other real ones; {}
            where there were too few.
        reconstruction: values by metric, with the facts of their own; None where not asked for.
        about: facts that comparisons do not need: where the images came from, the device.
        warnings: what a reader has to know.
    """

    name: str
    facts: dict[str, Any]
    row: Row
    true_data: Row = field(default_factory=dict)
    reconstruction: dict[str, Any] | None = None
    about: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def save(self, path: str | os.PathLike[str] | Destination) -> None:
        """Write as JSON, whole or not at all; a path is replaced."""
        content = {"format": FORMAT, **asdict(self)}
        with whole(path) as temporary:
            text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
            temporary.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Scores:
        """Read what `save` wrote.

        Raises:
            UserError: no such file, damaged, or of another format.
        """
        try:
            content = json.loads(read_bounded(path, MOST))
            if content.pop("format") != FORMAT:
                raise UserError(f"{path} has another format; score again with this version")
            for part in ("row", "true_data"):
                content[part] = {
                    expert: {m: Value(v["mean"], v["sd"], tuple(v["values"])) for m, v in r.items()}
                    for expert, r in content[part].items()
                }
            found = cls(**content)
            _check(found)
            return found
        except FileNotFoundError as error:
            raise UserError(f"{path}: no such file; idvae evaluate writes it") from error
        except MISSHAPEN as error:
            raise UserError(f"{path} is no scores.json of idvae evaluate ({error})") from error


def _check(found: Scores) -> None:
    """Raise where something is not what tables take it for: a stranger may have written it."""
    step = found.about.get("step")
    if step is not None and type(step) is not int:
        raise ValueError("the step is no number")
    if type(found.name) is not str or not found.name.isprintable():
        raise ValueError("its name is no line of text")
    for facts in (found.facts, *(found.facts.get(of, {}) for of in ("experts", "reference"))):
        if not isinstance(facts, dict):
            raise ValueError("its facts are none")
    if any(type(found.facts.get(of, 0)) is not int for of in ("n", "seed")):
        raise ValueError("a fact is no whole number")
    if type(found.about.get("reference", "")) is not str:
        raise ValueError("the name of the real images is no text")
    if not isinstance(found.warnings, list) or any(type(w) is not str for w in found.warnings):
        raise ValueError("a warning is no text")
    values = [v for row in (found.row, found.true_data) for r in row.values() for v in r.values()]
    numbers = [x for v in values for x in (v.mean, v.sd, *v.values)]
    if found.reconstruction is not None:
        _ = found.reconstruction["facts"]["indices"]
        numbers.append(found.reconstruction["facts"]["n"])
        for value in found.reconstruction["values"].values():
            numbers += [value["mean"], value.get("standard_error")]
            if value["mean"] is None or (value.get("standard_error") or 0) < 0:
                raise ValueError("an error is missing, or its deviation below 0")
    if any(x is not None and (type(x) not in (int, float) or not isfinite(x)) for x in numbers):
        raise ValueError("a value is no finite number")
    if any(v.mean is None or None in v.values or not v.values for v in values):
        raise ValueError("a value is missing")


def flat(facts: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested facts as one level, keys joined by dots."""
    out: dict[str, Any] = {}
    for key, value in facts.items():
        if isinstance(value, Mapping):
            out |= flat(value, f"{prefix}{key}.")
        else:
            out[f"{prefix}{key}"] = value
    return out


def differences(a: Scores, b: Scores) -> dict[str, tuple[Any, Any]]:
    """Facts that differ, by their dotted names; a fact that one lacks is None there."""
    return differing(a.facts, b.facts)


def differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """As `differences`, of any facts."""
    left, right = flat(a), flat(b)
    return {
        key: (left.get(key), right.get(key))
        for key in sorted(set(left) | set(right))
        if left.get(key) != right.get(key)
    }


def check_comparable(scores: Sequence[Scores], ignore: Sequence[str] = ()) -> None:
    """Refuse scores that say different things.

    Args:
        scores: at least one.
        ignore: dotted names of facts that may differ, or beginnings of them, such as "versions".

    Raises:
        UserError: facts differ, or the images of the real-data baselines ("true_data"), and the
            message names each and both values; or `ignore` names what no fact is called.
    """
    known = {key for one in scores for key in (*flat(one.facts), "true_data")}
    for name in ignore:
        if not any(_is_in(key, name) for key in known):
            raise UserError(
                f"--ignore {name}: there is no such fact; there are data, "
                f"{', '.join(sorted({key.split('.')[0] for key in known}))}, and parts of them, "
                "such as versions.torch"
            )
    for other in scores[1:]:
        found = {
            key: pair
            for key, pair in differences(scores[0], other).items()
            if not any(_is_in(key, name) for name in ignore)
        }
        if found:
            raise UserError(
                f"{scores[0].name} and {other.name} cannot be compared, their facts differ: "
                f"{in_words(found)}; score one of them again, or pass --ignore with the names of "
                "the facts"
            )
    baselines = [s for s in scores if s.true_data and s.about.get("true_data") is not None]
    for other in baselines[1:]:
        one = baselines[0]
        if one.facts.get("reference") != other.facts.get("reference"):
            continue  # which may differ, then: so may what is real beside it
        if one.about["true_data"] != other.about["true_data"] and "true_data" not in ignore:
            raise UserError(
                f"the real-data baselines of {one.name} and {other.name} are of different images; "
                "score one again with the same --true-data, or pass --ignore true_data"
            )


def _is_in(key: str, name: str) -> bool:
    """Whether a dotted name is of a fact that `name` stands for, itself or as its beginning."""
    return key == name or key.startswith(f"{name}.")


def in_words(found: Mapping[str, tuple[Any, Any]]) -> str:
    """Facts that differ, each with both values."""
    return "; ".join(f"{key}: {_short(x)} and {_short(y)}" for key, (x, y) in found.items())


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 20 else f"{text[:12]}…"

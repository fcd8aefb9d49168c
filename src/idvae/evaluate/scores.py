"""scores.json: every number of an evaluation beside every fact that a comparison needs. No torch.

Two scores may be compared when their facts are the same; `differences` says which are not.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from idvae.errors import UserError
from idvae.io.files import atomic_file

FORMAT = 1
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

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write as JSON, whole or not at all."""
        content = {"format": FORMAT, **asdict(self)}
        with atomic_file(path) as temporary:
            text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
            temporary.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Scores:
        """Read what `save` wrote.

        Raises:
            UserError: no such file, damaged, or of another format.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            if content.pop("format") != FORMAT:
                raise UserError(f"{path} has another format; score again with this version")
            for part in ("row", "true_data"):
                content[part] = {
                    expert: {m: Value(v["mean"], v["sd"], tuple(v["values"])) for m, v in r.items()}
                    for expert, r in content[part].items()
                }
            step = content.get("about", {}).get("step")
            if step is not None and type(step) is not int:
                raise ValueError("the step is no number")
            return cls(**content)
        except FileNotFoundError as error:
            raise UserError(f"{path}: no such file; idvae evaluate writes it") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UserError(f"{path} is no scores.json of idvae evaluate ({error})") from error


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
        UserError: facts differ; the message names each and both values.
    """
    for other in scores[1:]:
        found = {
            key: pair
            for key, pair in differences(scores[0], other).items()
            if not any(key == name or key.startswith(f"{name}.") for name in ignore)
        }
        if found:
            raise UserError(
                f"{scores[0].name} and {other.name} cannot be compared, their facts differ: "
                f"{in_words(found)}; score one of them again, or pass --ignore with the names of "
                "the facts"
            )


def in_words(found: Mapping[str, tuple[Any, Any]]) -> str:
    """Facts that differ, each with both values."""
    return "; ".join(f"{key}: {_short(x)} and {_short(y)}" for key, (x, y) in found.items())


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 20 else f"{text[:12]}…"

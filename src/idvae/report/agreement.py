"""Do experts agree on which model is better? Rankings, Kendall's τ, and the pairs in dispute.

The paper's point of section 5.1: the order of models by one expert need not be that by another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from idvae.evaluate.scores import METRICS, Value
from idvae.report.sentences import listing


@dataclass(frozen=True)
class Dispute:
    """Two models whose order depends on the expert; each side names the experts that hold it."""

    one: str
    other: str
    for_one: tuple[str, ...]
    for_other: tuple[str, ...]

    @property
    def words(self) -> str:
        """The dispute as a sentence."""
        return (
            f"{listing(self.for_one)} {_hold(self.for_one)} {self.one} better than {self.other}; "
            f"{listing(self.for_other)} the reverse."
        )


@dataclass(frozen=True)
class Agreement:
    """What experts say of the same models.

    Attributes:
        rankings: for each expert the models, best first.
        tau: Kendall's τ_b of each pair of experts, None where one of them ties all models.
        disputes: pairs that experts order differently, beyond their deviations.
    """

    rankings: dict[str, tuple[str, ...]]
    tau: dict[tuple[str, str], float | None]
    disputes: tuple[Dispute, ...]


def overlap(a: Value, b: Value) -> bool:
    """Whether mean ± sd of two values overlap: a tie. A value without a deviation is its mean."""
    return abs(a.mean - b.mean) <= (a.sd or 0.0) + (b.sd or 0.0)


def kendall(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Kendall's τ_b, from −1 to 1 (Kendall 1945); None where x or y is constant."""
    balance = ties_x = ties_y = pairs = 0
    for i, j in combinations(range(len(x)), 2):
        a = (x[i] > x[j]) - (x[i] < x[j])
        b = (y[i] > y[j]) - (y[i] < y[j])
        balance += a * b
        ties_x += a == 0
        ties_y += b == 0
        pairs += 1
    scale = (pairs - ties_x) * (pairs - ties_y)
    return balance / scale**0.5 if scale else None


def agreement(values: Mapping[str, Mapping[str, Value]], metric: str = "fd") -> Agreement:
    """Compare how experts order models.

    Args:
        values: expert → model → value; every expert of the same models.
        metric: of METRICS, which says whether less is better.
    """
    sign = 1 if METRICS[metric][1] else -1
    rankings = {
        expert: tuple(sorted(row, key=lambda model: sign * row[model].mean))
        for expert, row in values.items()
    }
    models = list(next(iter(values.values()), {}))
    tau = {
        (a, b): kendall([values[a][m].mean for m in models], [values[b][m].mean for m in models])
        for a, b in combinations(values, 2)
    }
    disputes = []
    for one, other in combinations(models, 2):
        for_one = tuple(e for e, row in values.items() if _better(row[one], row[other], sign))
        for_other = tuple(e for e, row in values.items() if _better(row[other], row[one], sign))
        if for_one and for_other:
            disputes.append(Dispute(one, other, for_one, for_other))
    return Agreement(rankings, tau, tuple(disputes))


def in_words(found: Agreement, metric: str = "fd", missing: Sequence[str] = ()) -> str:
    """The agreement as Markdown.

    Args:
        found: of the models that every expert scored.
        metric: of METRICS.
        missing: the other models.
    """
    title = METRICS[metric][0]
    lines = [f"## Do the experts agree ({title})?", ""]
    if missing:
        lines += [f"Not scored by every expert, so not among them: {listing(missing)}.", ""]
        if any(len(models) < 2 for models in found.rankings.values()):
            lines[-1] = "Fewer than two models are left to be put in order."
            return "\n".join(lines) + "\n"
    lines += ["Best first:", ""]
    lines += [f"- {expert}: {', '.join(models)}" for expert, models in found.rankings.items()]
    if found.tau:
        lines += ["", "Kendall's τ between experts (1: the same order, −1: the reverse):", ""]
        lines += [
            f"- {a} and {b}: {'not defined' if t is None else f'{t:.2f}'}"
            for (a, b), t in found.tau.items()
        ]
    lines.append("")
    if len(found.rankings) < 2:
        lines.append("One expert alone cannot disagree; score with more of them.")
    elif found.disputes:
        lines += ["They disagree, beyond their deviations, on:", ""]
        lines += [f"- {dispute.words}" for dispute in found.disputes]
    else:
        lines.append("They disagree on no pair of models beyond their deviations.")
    return "\n".join(lines) + "\n"


def _better(a: Value, b: Value, sign: int) -> bool:
    return sign * a.mean < sign * b.mean and not overlap(a, b)


def _hold(names: Sequence[str]) -> str:
    return "holds" if len(names) == 1 else "hold"

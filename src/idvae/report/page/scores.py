"""Table 1, what its differences are worth, whether experts agree, and Figure 3."""

from __future__ import annotations

from itertools import combinations

from idvae.evaluate.scores import METRICS
from idvae.pictures.chart import Line, Panel
from idvae.report import reconstruction, table, training
from idvae.report.agreement import Agreement, agreement
from idvae.report.page import markdown, svg
from idvae.report.page.html import Html, join, tag
from idvae.report.page.subject import Subject
from idvae.report.page.tables import details
from idvae.report.page.tables import table as sortable


def table1(subject: Subject) -> Html | None:
    """Models × experts, and the tests of their differences; None where nothing was scored."""
    if subject.table is None:
        return None
    remarks = [tag("p", line) for line in training.remarks(subject.scored)]
    words = table.significance_words(subject.scored, subject.table, subject.against)
    title = METRICS[subject.metric][0]
    others = [m for m in METRICS if m != subject.metric and _has(subject, m)]
    folded = [
        details(
            f"The same by {METRICS[m][0]}",
            markdown.html(table.markdown(table.table(subject.scored, m)), METRICS[m][0]),
        )
        for m in others
    ]
    warnings = dict.fromkeys(w for row in subject.scored for w in row.scores.warnings)
    return join(
        markdown.html(table.markdown(subject.table), f"{title} by model and expert"),
        remarks,
        [tag("p", warning, class_="warning") for warning in warnings],
        folded,
        markdown.html(words),
    )


def agreed(subject: Subject) -> Agreement | None:
    """What experts say of models that all of them scored; None of fewer than two of either."""
    made = subject.table
    if made is None or len(made.experts) < 2:
        return None
    rows = [
        r.scores
        for r in subject.scored
        if all(made.metric in r.scores.row.get(e, {}) for e in made.experts)
    ]
    if len(rows) < 2:
        return None
    values = {e: {s.name: s.row[e][made.metric] for s in rows} for e in made.experts}
    return agreement(values, made.metric)


def ranks(found: Agreement, colours: dict[str, int]) -> Panel:
    """The place of each model by each expert."""
    experts = list(found.rankings)
    lines = []
    for model in found.rankings[experts[0]]:
        orders = found.rankings.values()
        places = [(float(i), order.index(model) + 1.0) for i, order in enumerate(orders)]
        lines.append(Line(model, tuple(places), colours[model]))
    return Panel("Place by expert, 1 is the best", "expert", tuple(lines), tuple(experts), True)


def experts(subject: Subject) -> Html | None:
    """Places by expert, Kendall's τ, and the pairs in dispute."""
    found = agreed(subject)
    if found is None:
        return None
    names = list(found.rankings)
    models = found.rankings[names[0]]
    places = [[m, *(str(found.rankings[e].index(m) + 1) for e in names)] for m in models]
    taus = [[a, *(_tau(found, a, b) for b in names)] for a in names]  # of an expert and itself: 1
    disputes = [tag("li", dispute.words) for dispute in found.disputes]
    told = (
        tag("p", "They disagree on no pair of models beyond their deviations.")
        if not disputes
        else join(tag("p", "They disagree, beyond their deviations, on:"), tag("ul", disputes))
    )
    panel = ranks(found, subject.colours)
    return join(
        tag("figure", tag("figcaption", panel.title), svg.panel(panel), class_="narrow"),
        sortable(["Model", *names], places, "Place by expert, 1 is the best"),
        sortable(["Expert", *names], taus, "Kendall's τ: 1 the same order, −1 the reverse"),
        told,
    )


def figure3(subject: Subject) -> Html | None:
    """Errors of reconstructions as bars, and all measures of them below."""
    words = reconstruction.markdown(subject.scored)
    if not words:
        return None
    chart = reconstruction.figure3(subject.scored)
    if chart is None:
        return markdown.html(words, "Measures of reconstructions")
    told = "Lines: what stands behind ± in the table."
    told += " A dot is one training." if any(bar.dots for bar in chart.bars) else ""
    shown = tag("figure", svg.bars(chart), tag("figcaption", told), class_="narrow")
    return join(shown, markdown.html(words, "Measures of reconstructions"))


def _has(subject: Subject, metric: str) -> bool:
    return any(metric in found for row in subject.scored for found in row.scores.row.values())


def _tau(found: Agreement, a: str, b: str) -> str:
    if a == b:
        return "1.00"
    pair = next(p for p in combinations(found.rankings, 2) if set(p) == {a, b})
    tau = found.tau[pair]
    return "–" if tau is None else f"{tau:.2f}"

import subprocess
import sys

import pytest

from idvae.errors import UserError
from idvae.evaluate.scores import Scores, Value
from idvae.report import table as module
from idvae.report.agreement import agreement, in_words, kendall, overlap
from idvae.report.rows import Entry, Row, rows_of
from idvae.report.table import (
    agreement_words,
    all_as_csv,
    as_csv,
    latex,
    markdown,
    significance_words,
    table,
    training_lines,
)
from report.made import entry

# The paper's Table 1, CIFAR10.
PAPER = {
    "True Data": [(3.16, 0.06), (7.41, 0.82), (26.17, 1.44)],
    "IDVAE": [(23.48, 0.15), (28.15, 0.39), (105.45, 0.79)],
    "IDVAE(R)": [(43.38, 0.15), (49.9, 0.85), (191.32, 5.88)],
    "VAE-GAN": [(27.04, 0.12), (33.12, 0.73), (139.95, 2.71)],
    "VAE": [(85.74, 0.3), (130.38, 3.47), (626.67, 8.61)],
    "AGE": [(32.19, 0.3), (29.3, 0.54), (122.43, 2.61)],
    "α-GAN": [(20.61, 0.12), (27.87, 0.7), (121.88, 3.09)],
}
EXPERTS = ("fid15", "fid16", "frd")


def row(name):
    return {
        e: {"fd": Value(mean, sd, (mean,))}
        for e, (mean, sd) in zip(EXPERTS, PAPER[name], strict=True)
    }


def paper():
    baseline = row("True Data")
    return [Row(Scores(name, {}, row(name), baseline)) for name in PAPER if name != "True Data"]


def test_the_paper_s_table_has_its_best_and_its_ties_marked():
    made = table(paper())
    assert list(made.rows) == list(PAPER)
    assert made.best == {
        "fid15": {"α-GAN"},
        "fid16": {"α-GAN", "IDVAE"},  # 27.87±0.7 and 28.15±0.39 overlap
        "frd": {"IDVAE"},
    }
    text = markdown(made)
    assert "| True Data | 3.16±0.06 | 7.41±0.82 | 26.17±1.44 |" in text
    assert "| IDVAE | 23.48±0.15 | **28.15±0.39** | **105.45±0.79** |" in text
    assert "lower is better" in text


def test_csv_holds_every_digit():
    lines = as_csv(table(paper())).splitlines()
    assert lines[0] == "model,expert,metric,mean,sd,best,over,n,low,high"
    assert lines[1] == "True Data,fid15,fd,3.16,0.06,0,sample sets,1,,"
    assert "IDVAE,frd,fd,105.45,0.79,1,sample sets,1,," in lines
    assert len(lines) == 1 + 7 * 3


def test_latex_is_a_tabular_with_escaped_names():
    rows = paper()
    rows[0].scores.name = "A_B & 50% ^~{"
    text = latex(table(rows))
    assert text.startswith(r"\begin{tabular}{lrrr}")
    assert r"A\_B \& 50\% \textasciicircum{}\textasciitilde{}\{" in text
    assert r"\boldmath$105.45\pm 0.79$\unboldmath \\" in text
    assert text.count(r"\\") == 8


def test_more_is_better_where_it_is():
    def of(name, value):
        return Row(Scores(name, {}, {"lite0": {"coverage": Value(value, 0.01, (value,))}}))

    made = table([of("a", 0.5), of("b", 0.9), of("c", 0.89)], "coverage")
    assert made.best == {"lite0": {"b", "c"}}
    assert "higher is better" in markdown(made)


def test_a_missing_value_and_a_missing_deviation_are_shown_as_such():
    a = Scores("a", {}, {"x": {"fd": Value(1.0, None, (1.0,))}, "y": {"fd": Value(2.0, 0.1, ())}})
    b = Scores("b", {}, {"x": {"fd": Value(3.0, None, (3.0,))}})
    text = markdown(table([Row(a), Row(b)]))
    assert "| a | **1.00** | **2.00±0.10** |" in text
    assert "| b | 3.00 | – |" in text


def test_mistakes_are_told():
    with pytest.raises(UserError, match="nothing to compare"):
        table([])
    with pytest.raises(UserError, match="unknown metric"):
        table(paper(), "fid")
    with pytest.raises(UserError, match="no expert gave kid"):
        table(paper(), "kid")
    with pytest.raises(UserError, match="two scores have the name 'VAE'"):
        table([*paper(), *[s for s in paper() if s.name == "VAE"]])


def test_the_paper_s_disputes_are_found_and_told():
    rows = paper()
    values = {e: {r.name: r.scores.row[e]["fd"] for r in rows} for e in EXPERTS}
    found = agreement(values)
    assert found.rankings["fid15"][:2] == ("α-GAN", "IDVAE")
    assert found.rankings["frd"][0] == "IDVAE"
    disputed = {(d.one, d.other): d for d in found.disputes}
    # Section 5.1: VAE-GAN is better than AGE by fid15 alone.
    dispute = disputed["VAE-GAN", "AGE"]
    assert (dispute.for_one, dispute.for_other) == (("fid15",), ("fid16", "frd"))
    words = in_words(found)
    assert "fid15 holds VAE-GAN better than AGE; fid16 and frd the reverse." in words
    assert agreement_words(rows, table(rows)) == words
    assert "One expert alone" in in_words(agreement({"fid15": values["fid15"]}))
    assert "no pair" in in_words(agreement({"a": values["frd"], "b": values["frd"]}))


def test_kendall_s_tau():
    stats = pytest.importorskip("scipy.stats")
    x, y = [1, 2, 2, 4, 5, 6.5], [2, 1, 3, 3, 9, 4]
    assert kendall(x, y) == pytest.approx(stats.kendalltau(x, y).statistic)
    assert kendall([1, 2, 3], [3, 2, 1]) == -1
    assert kendall([1, 1, 1], [3, 2, 1]) is None


def test_ties_are_overlaps_of_deviations():
    assert overlap(Value(1.0, 0.3, ()), Value(1.5, 0.2, ()))
    assert not overlap(Value(1.0, 0.3, ()), Value(1.6, 0.2, ()))
    assert not overlap(Value(1.0, None, ()), Value(1.1, None, ()))


def test_rows_of_runs_say_what_training_took(tmp_path):
    made = [entry(tmp_path / f"i{seed}", seed=seed, fds=(seed, seed + 2)) for seed in (0, 1, 2)]
    made += [entry(tmp_path / "v", "vae", fds=(7.0, 9.0))]
    made += [Entry(Scores("others", {"n": 1}, {"a": {"fd": Value(9.0, None, (9.0,))}}))]
    found = table(rows_of(made))
    text = markdown(found)
    assert "| Model | a | b | Parameters | Training, multiply-adds | Training, min |" in text
    assert "| True Data | 0.50 | 0.70 | – | – | – |" in text
    ours = "**2.00±1.00** [-0.48, 4.48] | **4.00±2.00** [-0.97, 8.97]"  # 4.303·sd/√3 each way
    assert f"| IDVAE | {ours} | 1,500 | 0.002 T | 1.17 |" in text
    assert "| VAE | 8.00±1.41 | 16.00±2.83 | 1,500 | 0.002 T | 1.17 |" in text
    assert "| others | 9.00 | – | – | – | – |" in text
    assert (
        "mean ± standard deviation over 3 seeds: one training each (IDVAE); over 2 sample sets of "
        "one model (VAE); not known from 1 sample set (others). Bold: the best, and what overlaps "
        "with it. In brackets: the 95% confidence interval of the mean over seeds (Student's t). "
        "True Data: the real-data baseline, real images scored as if generated."
    ) in text
    assert "In brackets" not in markdown(table(rows_of(made[3:])))  # nothing is over seeds
    lines = as_csv(found).splitlines()
    (line,) = [line for line in lines if line.startswith("IDVAE,a,fd,2.0,1.0,1,seeds,3,")]
    assert [float(end) for end in line.split(",")[-2:]] == pytest.approx([-0.48414, 4.48414], 1e-4)
    assert "True Data,a,fd,0.5,,0,sample sets,1,," in lines
    assert "IDVAE,,training_macs,2000000000.0,,,,,," in training_lines(found).splitlines()
    assert r"IDVAE & \boldmath$2.00\pm 1.00$\unboldmath & " in latex(found)
    assert r"& 1,500 & 0.002 T & 1.17 \\" in latex(found)


def test_tables_need_no_torch():
    code = f"import sys, {module.__name__}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def scored_runs(folder, method, fds, error=None):
    """A run a seed, each scored by two experts."""
    return [
        entry(folder / f"{method}-{seed}", method, seed, (fd, fd + 1), error and error + seed)
        for seed, fd in enumerate(fds)
    ]


def test_a_row_is_tested_by_each_expert_and_in_reconstructions(tmp_path):
    entries = scored_runs(tmp_path, "vae", (1.0, 2.0, 3.0, 4.0), 1.0)
    entries += scored_runs(tmp_path, "idvae", (11.0, 12.0, 13.0, 14.0), 11.0)
    entries += scored_runs(tmp_path, "gan", (5.0,))
    rows = rows_of(entries)
    words = significance_words(rows, table(rows), None)
    sentence = "4 seeds a row: VAE is significantly better than IDVAE (p = 0.0286)"
    for measure in ("a (Fréchet distance)", "b (Fréchet distance)"):
        assert f"- By {measure}, {sentence}" in words
    assert f"- By squared error of reconstructions, {sentence}" in words
    assert (
        "Not tested, with fewer than 3 seeds: GAN (1)." in words
    )  # its two sample sets are one value
    assert "Is IDVAE better than the rest?" in significance_words(rows, table(rows), "IDVAE")


def test_all_metrics_stand_under_one_header(tmp_path):
    made = scored_runs(tmp_path, "vae", (1.0, 2.0))
    for one in made:
        one.scores.row["a"]["kid"] = Value.of([0.5])
    lines = all_as_csv(rows_of(made)).splitlines()
    assert [line for line in lines if line.startswith("model,")] == [lines[0]]
    assert {line.split(",")[2] for line in lines[1:]} == {
        "fd", "kid", "parameters", "training_macs", "training_minutes"
    }  # fmt: skip
    assert len(set(lines)) == len(lines)


def test_the_baseline_s_name_is_its_own():
    with pytest.raises(UserError, match="'True Data' is the baseline's name; score again"):
        table([*paper(), Row(Scores("True Data", {}, row("VAE"), row("True Data")))])


def test_small_values_keep_their_digits():
    def small(name, mean):
        return Row(Scores(name, {}, {"mine": {"fd": Value(mean, 1e-4, (mean,))}}))

    made = table([small("a", 0.00312), small("b", 0.0041), small("c", 7.0)])
    assert "| a | **0.00312±0.00010** |" in markdown(made)
    assert "| b | 0.00410±0.00010 |" in markdown(made)
    assert "0.00410" in latex(made)
    assert "| a | **7.00±0.00** |" in markdown(table([small("a", 7.0)]))


def test_models_that_not_every_expert_scored_are_named():
    def of(name, *experts):
        values = {e: {"fd": Value(3.0, 0.1, (3.0,))} for e in experts}
        return Row(Scores(name, {}, values))

    given = [of("a", "one", "two"), of("b", "one", "two"), of("c", "one")]
    words = agreement_words(given, table(given))
    assert "Not scored by every expert, so not among them: c." in words
    assert "- one: a, b" in words
    none = [of("a", "one"), of("b", "two")]
    words = agreement_words(none, table(none))
    assert "Fewer than two models are left to be put in order." in words
    assert "disagree on no pair" not in words

"""Table 1 and the agreement of experts on a page."""

from idvae.evaluate.scores import Scores
from idvae.report.page import scores
from idvae.report.page.subject import Shown, Subject, grouped, table_of
from idvae.report.rows import Entry
from report.made import TITLES, a_run, entry, value


def subject(entries, blank=()):
    rows, scored = grouped(entries, blank, [])
    made = table_of(scored, "fd")
    return Subject(rows, tuple(entries), scored, made, None, "fd", (), "idvae report", Shown())


def blank(folder, method, seed=0, **options):
    run = a_run(folder, method, seed, **options)
    return Entry(Scores(folder.name, {}, {}), run, TITLES[method])


def disputed(tmp_path):
    one, other = entry(tmp_path / "v", "vae", fds=(1.0,)), entry(tmp_path / "i", fds=(2.0,))
    other.scores.row["b"]["fd"] = value(0.25)
    return subject([one, other])


def test_places_cross_where_experts_disagree(tmp_path):
    made = disputed(tmp_path)
    panel = scores.ranks(scores.agreed(made), made.colours)
    places = {line.name: [rank for _, rank in line.points] for line in panel.lines}
    assert places == {"VAE": [1, 2], "IDVAE": [2, 1]}
    html = scores.experts(made)
    assert "-1.00" in html
    assert "a holds VAE better than IDVAE; b the reverse." in html


def test_a_run_without_scores_is_named_and_stands_in_no_table(tmp_path):
    entries = [entry(tmp_path / "v0", "vae", 0), entry(tmp_path / "v1", "vae", 1)]
    more = [blank(tmp_path / "v2", "vae", 2), blank(tmp_path / "g", "gan")]
    made = subject(entries, more)
    assert [(row.name, row.seeds) for row in made.rows] == [("VAE", (0, 1, 2)), ("GAN", (0,))]
    assert [(row.name, row.seeds) for row in made.scored] == [("VAE", (0, 1))]
    told = made.unscored_words
    assert [str(tmp_path / name) in words for name, words in zip("vg", told, strict=True)]
    assert len(told) == 2
    assert "GAN" not in scores.table1(made)


def test_a_row_has_one_name_though_only_runs_without_scores_tell_it_apart(tmp_path):
    made = subject([entry(tmp_path / "v", "vae")], [blank(tmp_path / "w", "vae", beta=0.5)])
    assert [row.name for row in made.scored] == ["VAE (beta 1.0)"]
    assert made.table.rows.keys() == {"True Data", "VAE (beta 1.0)"}


def test_nothing_scored_makes_no_table(tmp_path):
    made = subject([], [blank(tmp_path / "v", "vae")])
    assert scores.table1(made) is scores.experts(made) is scores.figure3(made) is None

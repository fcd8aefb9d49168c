"""The tables and tests of this room say in HTML what they say in Markdown."""

import re

from idvae.report.page import markdown
from idvae.report.rows import rows_of
from idvae.report.table import markdown as table_in_markdown
from idvae.report.table import table
from report.made import entry


def words(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_a_table_keeps_its_cells_and_the_best_in_bold(tmp_path):
    entries = [entry(tmp_path / m, m, fds=(fd,)) for m, fd in (("vae", 3.0), ("idvae", 1.5))]
    told = table_in_markdown(table(rows_of(entries)))
    html = markdown.html(told, "scores")
    assert html.count("<tr>") == 4  # head, baseline, two models
    assert "<strong>1.50</strong>" in html
    assert '<th scope="row" data-key="VAE">VAE</th>' in html
    assert 'data-key="1.5"' in html
    assert "lower is better" in words(html)


def test_blocks_follow_each_other():
    text = "## Title\n\nsome **bold** `code`\nand more\n\n- one\n- two\n\n![picture](x.png)\n"
    assert markdown.html(text) == (
        "<h3>Title</h3><p>some <strong>bold</strong> <code>code</code> and more</p>"
        "<ul><li>one</li><li>two</li></ul>"
    )


def test_a_name_with_a_bar_or_a_tag_stays_a_name():
    html = markdown.html("| a | b |\n| --- | ---: |\n| x\\|<b> | 1 |\n")
    assert "x|&lt;b&gt;</th>" in html
    assert "<b>" not in html

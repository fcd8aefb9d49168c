"""Keys by which cells are sorted."""

import pytest

from idvae.report.page.html import tag
from idvae.report.page.tables import sort_key, table


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("1303.54±39.75", 1303.54),
        ("1,415,515", 1415515.0),
        ("2.59 T", 2.59e12),
        ("0.845 P", 0.845e15),
        ("−3.5", -3.5),
        ("60.0 ± 7.1", 60.0),
        ("5.1%", 5.1),
        ("1e-05", 1e-5),
    ],
)
def test_numbers_are_sorted_as_numbers(text, key):
    assert float(sort_key(text)) == pytest.approx(key)


def test_words_are_sorted_as_words_and_dashes_have_no_value():
    assert sort_key("α-GAN") == "α-GAN"
    assert sort_key("–") == sort_key("") == ""


def test_a_table_is_named_once_and_its_columns_have_buttons():
    html = table(["Model", "x"], [["a", tag("b", "2 < 3")]], "what <it> is")
    assert html.count('aria-sort="none"><button type="button">') == 2
    assert "<caption>what &lt;it&gt; is</caption>" in html
    assert 'aria-label="what &lt;it&gt; is"' in html
    assert 'data-key="2.0"' in html

"""Elements, and that no text becomes HTML by itself."""

from idvae.report.page.html import Html, join, tag


def test_text_is_escaped_and_html_is_not():
    hostile = '<script>alert("x")</script>'
    told = tag("p", hostile, tag("b", "&"), title=hostile)
    assert "<script>" not in told
    assert told.count("&lt;script&gt;") == 2
    assert told.endswith("<b>&amp;</b></p>")
    assert isinstance(told, Html)


def test_attributes_are_named_as_in_html_or_left_out():
    assert tag("img", alt="", class_="a", data_step=3, hidden=True, id=None, lang=False) == (
        '<img alt="" class="a" data-step="3" hidden/>'
    )


def test_parts_are_joined_however_they_come():
    assert join("a", None, ["b", (tag("i", 1), 2.5)]) == "ab<i>1</i>2.5"

"""The strip of answers says in words what it draws, and has the colours of the page."""

from xml.etree import ElementTree

import numpy as np

from idvae.demo.actions import Verdict
from idvae.demo.strip import strip, words


def test_it_says_what_it_draws():
    verdict = Verdict(1.5, -0.25, np.array([-1.0, 0.0, 3.0], np.float32))
    assert verdict.beaten == 2
    text = words(verdict)
    assert "+1.50" in text
    assert "2 of 3 samples" in text
    assert "-0.25" in text
    tree = ElementTree.fromstring(f"<div>{strip(verdict)}</div>")
    assert tree.find("p").text == tree.find("svg").get("aria-label") == text
    dots = [float(dot.get("cx")) for dot in tree.iter("circle")]
    assert dots == sorted(dots)
    assert len(dots) == 3
    colours = {e.get(k) for e in tree.iter() for k in ("fill", "stroke") if e.get(k)}
    assert colours == {"currentColor"}


def test_equal_answers_are_drawn_too():
    verdict = Verdict(0.0, None, np.zeros(5, np.float32))
    assert "reconstruction" not in strip(verdict)
    assert "nan" not in strip(verdict)

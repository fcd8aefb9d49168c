"""Long work is told by lines that are few and true, or by bars on a terminal."""

import io
import sys

import pytest

from idvae.io import progress as module
from idvae.io.progress import clock, display, progress


@pytest.fixture
def at(monkeypatch):
    """Sets the time."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])

    def set_to(seconds):
        now[0] = 100.0 + seconds

    return set_to


def test_lines_are_few_and_say_how_far_how_fast_and_how_long(at, capsys):
    with progress(4000, "cropping faces") as advance:
        for seconds, n in ((1, 500), (8, 500), (9, 500), (20, 500), (21, 2000)):
            at(seconds)
            advance(n)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "cropping faces: 1,000/4,000  125.0/s  0:24 left",
        "cropping faces: 2,000/4,000  100.0/s  0:20 left",
        "cropping faces: 4,000/4,000  190.5/s  0:00 left",
    ]


def test_work_that_goes_on_counts_only_what_is_new_as_speed(at):
    lines = io.StringIO()
    with display(lines=lines) as begin:
        advance = begin("step", 1000, 800)
        at(10)
        advance(100, "loss 0.5")
        other = begin("rest", 2)
        at(11)
        other(2)
    assert lines.getvalue().splitlines() == [
        "step: 900/1,000  loss 0.5  0:10 left",
        "rest: 2/2  2.0/s  0:00 left",
    ]


def test_one_of_several_processes_is_silent(capsys):
    with display(shown=False, lines=sys.stdout) as begin:
        begin("step", 2)(2, "loss 0.5")
    assert capsys.readouterr() == ("", "")


def test_a_terminal_has_bars_on_standard_error_alone(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with display(lines=sys.stdout) as begin:
        begin("drawing", 3)(3, "loss 0.5")
        begin("cropping", 50, 10)(15)
        print("scores")
    printed = capsys.readouterr()
    assert printed.out == "scores\n"
    for word in ("drawing", "3/3", "loss 0.5", "cropping", "25/50"):
        assert word in printed.err


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0:00"), (59.7, "1:00"), (754, "12:34"), (36_610, "10:10:10")]
)
def test_a_clock(seconds, said):
    assert clock(seconds) == said

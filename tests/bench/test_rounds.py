"""Rounds are interleaved, ratios are taken within a round, and figures come with the machine."""

import json

import pytest

from idvae.bench.rounds import figure, rounds, save, table
from idvae.errors import UserError
from idvae.io.destination import Destination


def test_rounds_interleave_and_the_first_is_thrown_away():
    calls = []

    def contestant(name, values):
        values = iter(values)

        def run():
            calls.append(name)
            return next(values)

        return run

    found = rounds({"a": contestant("a", [9, 1, 2]), "b": contestant("b", [9, 2, 8])}, 2)
    assert found == {"a": [1, 2], "b": [2, 8]}
    assert sorted(calls[:2]) == sorted(calls[2:4]) == sorted(calls[4:]) == ["a", "b"]
    assert calls[2] != calls[4]  # each round starts with another one
    assert figure(found, "a", "s", "b").ratios == [0.5, 0.25]


def test_figures_are_printed_and_saved_with_medians_and_machine(tmp_path):
    found = {"idvae": [30.0, 20.0, 40.0], "plain": [10.0, 10.0, 20.0]}
    figures = [figure(found, "idvae", "images/s", "plain"), figure(found, "plain", "images/s")]
    lines = table(figures).splitlines()
    assert "30 images/s" in lines[1]
    assert "20 … 40" in lines[1]
    assert lines[1].endswith("2.00   times plain")
    save(Destination(tmp_path / "out.json"), "train", {"size": 32}, figures)
    with pytest.raises(UserError, match="exists already"):  # also what came to be there meanwhile
        save(Destination(tmp_path / "out.json"), "train", {"size": 32}, figures)
    saved = json.loads((tmp_path / "out.json").read_text())
    assert saved["figures"][0]["median_ratio"] == pytest.approx(2.0)
    assert saved["figures"][1]["median"] == 10.0
    assert saved["settings"] == {"size": 32}
    assert {"cpu", "cores", "threads", "torch"} <= set(saved["machine"])

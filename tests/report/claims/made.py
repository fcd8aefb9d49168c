"""Runs of a replication on disk, with the values that a test wants, and claims about them."""

import json

from idvae.evaluate.scores import Scores, Value
from idvae.io import strict_yaml
from report.made import a_run


def runs(place, rows, plan="images", data="set-abc", **made):
    """Scored runs of every row: name → one dict of measures a seed.

    A measure with a colon is of an expert; others are of reconstructions.
    """
    for row, seeds in rows.items():
        for seed, values in enumerate(seeds):
            folder = place / plan / data / f"{row}-seed{seed}"
            folder.parent.mkdir(parents=True, exist_ok=True)
            a_run(folder, seed=seed, **made)
            scored: dict = {}
            for name, value in values.items():
                expert, _, metric = name.rpartition(":")
                if expert:
                    scored.setdefault(expert, {})[metric] = Value.of([value])
            own = {name: {"mean": value} for name, value in values.items() if ":" not in name}
            reconstruction = {"facts": {"n": 9, "indices": "x"}, "values": own} if own else None
            Scores(row, {"n": 100}, scored, {}, reconstruction).save(folder / "scores.json")


def by(expert, values, metric="fd"):
    """One dict a seed."""
    return [{f"{expert}:{metric}": float(value)} for value in values]


def claims(folder, **parts):
    """Files of one part each, by name."""
    folder.mkdir()
    for name, part in parts.items():
        content = {"claim": f"about {name}", "plan": "images", "parts": [part]}
        (folder / f"{name}.yaml").write_text(strict_yaml.dump(content))
    return folder


def judgement(folder, generated, edited, **facts):
    """conditions.json of two classes, as `idvae judge` writes it."""
    rows = {
        name: {"generated": [generated + shift, 0.01], "edited": [edited + shift, 0.01]}
        for name, shift in (("one", -0.1), ("other", 0.1))
    }
    facts = {"step": 100, "n": 200, "classifier": {"weights": "x"}, **facts}
    (folder / "conditions.json").write_text(json.dumps({"rows": rows, "facts": facts}))


def counted(folder, **changed):
    """modes.json of 25 modes, as `idvae train` writes it."""
    row = {"step": 100, "covered": 24, "modes": 25, "good_share": 0.5, "n": 10_000, **changed}
    (folder / "modes.json").write_text(json.dumps(row))

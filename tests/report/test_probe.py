"""The table of what codes know, and its file."""

import csv
import io
import json

import pytest

from idvae.errors import UserError
from idvae.report.probe import FILE, Probed, as_csv, markdown, probed_rows
from idvae.report.rows import rows_of
from report.made import entry


def known(nearest, linear, dimensions=4):
    return {
        "nearest": nearest, "linear": linear, "penalty": 0.01, "converged": True,
        "dimensions": dimensions,
    }  # fmt: skip


def made(nearest=0.5, step=100, told=None, checksum="abc", trunk=True):
    values = {"majority": 0.1, "code": known(nearest, 0.75), "pixels": known(0.8, 0.9, 256)}
    if trunk:
        values["trunk"] = known(0.6, 0.7, 32)
    facts = {"checksum": checksum, "n": {"train": 1000, "validation": 20, "test": 300}}
    return Probed(facts, {"step": step, "told": told}, {"classes": values})


def probed(folder, probe, method="vae", seed=0):
    found = entry(folder, method, seed)
    if probe is not None:
        probe.save(folder / FILE)
    return found


def test_rows_are_means_over_seeds_beside_the_data(tmp_path):
    entries = [probed(tmp_path / str(s), made(0.5 + s / 10), seed=s) for s in (0, 1)]
    entries.append(probed(tmp_path / "i", made(0.875, told="another's", trunk=False), "idvae"))
    entries.append(probed(tmp_path / "g", None, "gan"))
    rows, absent = probed_rows(rows_of(entries))
    text = markdown(rows, absent)
    assert "| Majority |  |  |  | 10.0 | 10.0 |\n| Data |  | pixels | 256 | 80.0 | 90.0 |" in text
    assert "| VAE | 100 | code | 4 | 55.0±7.1 | 75.0±0.0 |" in text
    assert "| VAE | 100 | trunk | 32 | 60.0±0.0 |" in text
    assert "| IDVAE | 100 | code, told another's | 4 | 87.5 | 75.0 |" in text
    assert "IDVAE | 100 | trunk" not in text
    assert "in %, of 300: by the nearest of 1,000 training images" in text
    assert "chosen on 20 validation images. ± is the standard deviation over 2 seeds." in text
    assert text.endswith("Without a probe: GAN.\n")
    lines = list(csv.DictReader(io.StringIO(as_csv(rows))))
    (one,) = [r for r in lines if (r["model"], r["features"], r["measure"]) ==
              ("VAE", "code", "nearest")]  # fmt: skip
    assert float(one["mean"]) == pytest.approx(0.55)
    assert float(one["sd"]) == pytest.approx(0.1 / 2**0.5)
    assert (one["known"], one["seeds"], one["step"]) == ("classes", "2", "100")
    assert [r["seeds"] for r in lines[:4]] == [""] * 4


def test_a_row_of_which_a_run_was_not_probed_is_named(tmp_path):
    entries = [probed(tmp_path / "0", made(), seed=0), probed(tmp_path / "1", None, seed=1)]
    rows, absent = probed_rows(rows_of(entries))
    assert (rows, absent) == ([], ["VAE (1 of 2 runs have none)"])
    assert markdown(rows, absent) == ""


@pytest.mark.parametrize(
    ("other", "words"),
    [({"checksum": "x"}, "their facts differ"), ({"step": 7}, "their step differ: 100 and 7"),
     ({"told": "y"}, "their told differ: None and y")],
)  # fmt: skip
def test_probes_that_say_different_things_are_refused(other, words, tmp_path):
    entries = [probed(tmp_path / "0", made()), probed(tmp_path / "1", made(**other), seed=1)]
    with pytest.raises(UserError, match=words):
        probed_rows(rows_of(entries))


def test_a_file_is_read_as_it_was_written(tmp_path):
    made().save(tmp_path / FILE)
    assert Probed.load(tmp_path / FILE) == made()


@pytest.mark.parametrize(
    "change",
    [lambda c: c.pop("about"), lambda c: c.update(format=9), lambda c: c.update(values={}),
     lambda c: c["about"].update(told=3), lambda c: c["about"].update(step="1"),
     lambda c: c["values"]["classes"]["code"].pop("linear"), lambda c: c.update(values=[1])],
)  # fmt: skip
def test_a_damaged_file_is_told(change, tmp_path):
    made().save(tmp_path / FILE)
    content = json.loads((tmp_path / FILE).read_text())
    change(content)
    (tmp_path / FILE).write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"probe\.json"):
        Probed.load(tmp_path / FILE)

"""Tables of modes from run folders alone."""

import csv
import json

import pytest

from idvae.cli import main
from idvae.errors import UserError
from idvae.evaluate.metrics.modes import modes
from idvae.report.modes import as_csv, markdown, modes_rows, save
from report.made import a_run

FOUND = {
    "idvae": [(25, 0.9), (25, 0.8), (24, 0.85), (25, 0.95)],
    "gan": [(20, 0.1), (25, 0.2), (19, 0.15), (22, 0.1)],
}


@pytest.fixture
def runs(tmp_path):
    def made(step=80, data="gaussians-grid"):
        found = []
        for method, values in FOUND.items():
            for seed, (covered, good) in enumerate(values):
                run = a_run(tmp_path / f"{data}-{method}-{seed}", method, seed)
                run.config["data"] |= {"name": data, "kind": "points"}
                run.write_config()
                row = {"step": step, "covered": covered, "modes": 25, "good_share": good, "n": 1000}
                (run.path / "modes.json").write_text(json.dumps(row))
                found.append((run, method.upper()))
        return found

    return made


def test_values_are_over_seeds(runs):
    one, other = modes_rows(runs())
    assert (one.name, one.method, one.modes, one.n, one.steps) == ("IDVAE", "idvae", 25, 1000, 80)
    assert one.good.mean == pytest.approx(0.875)
    assert one.good.sd == pytest.approx(((0.025**2 + 0.075**2) * 2 / 3) ** 0.5)
    assert other.covered.mean == 21.5
    text = markdown([one, other])
    ours = "24.8 ± 0.5 [24.0, 25.5] | 24 | **87.5 ± 6.5** [77.2, 97.8]"  # 3.182·sd/2 each way
    assert f"| IDVAE | 4 | {ours} |" in text
    assert "| GAN | 4 | 21.5 ± 2.6 [17.3, 25.7] | 19 | 13.8 ± 4.8 [6.1, 21.4] |" in text
    assert "In brackets: the 95% confidence interval of the mean over seeds" in text
    # 8 choose 4 labellings, two of them as far apart.
    assert "4 seeds a row: IDVAE is significantly better than GAN (p = 0.0286)." in text
    assert "all labellings are counted" in text
    asked = markdown([one, other], "GAN")
    assert "### Is GAN better than the rest?" in asked
    assert "GAN is significantly worse than IDVAE (p = 0.0286)." in asked


@pytest.mark.parametrize(
    "text",
    ["{}", "[]", "null", "[" * 50_000, "x" * (1 << 17)]
    + [
        json.dumps({"step": 80, "covered": 3, "modes": 25, "good_share": 0.5, "n": 9} | wrong)
        for wrong in (
            {"covered": "x"},
            {"good_share": 7.5},
            {"n": -1},
            {"good_share": float("nan")},
        )
    ],
)
def test_what_is_no_count_of_modes_is_told(runs, text):
    (run, title), *_ = runs()
    (run.path / "modes.json").write_text(text)
    with pytest.raises(UserError, match=r"modes\.json is"):
        modes_rows([(run, title)])


def test_sets_have_tables_of_their_own(runs):
    rows = modes_rows([*runs(), *runs(data="gaussians-ring")])
    assert [row.data for row in rows] == ["gaussians-grid"] * 2 + ["gaussians-ring"] * 2
    assert markdown(rows).count("| method |") == 2
    lines = list(csv.DictReader(as_csv(rows).splitlines()))
    assert len(lines) == 16
    assert lines[2] == {
        "data": "gaussians-grid",
        "method": "IDVAE",
        "modes": "25",
        "steps": "80",
        "n": "1000",
        "covered": "24",
        "good_share": "0.8500",
    }


def test_runs_of_other_options_are_rows_of_their_own(runs, tmp_path):
    made = runs()
    for run, _ in made[:2]:
        run.config["options"]["omega"] = 2.0
        run.write_config()
    rows = modes_rows(made)
    assert [row.name for row in rows] == ["IDVAE (omega 2.0)", "IDVAE (omega 1.0)", "GAN"]
    assert [row.good.values for row in rows[:2]] == [(0.9, 0.8), (0.85, 0.95)]
    made[1][0].config["options"] |= {"seed": 0, "omega": 1.0}  # one seed of two rows is no mistake
    made[1][0].write_config()
    places = [str(run.path) for run, _ in made]
    out = tmp_path / "out"
    assert main(["compare", *places, "--against", "IDVAE (omega 1.0)", "--out", str(out)]) == 0
    assert "Is IDVAE (omega 1.0) better than the rest?" in (out / "table.md").read_text()
    assert main(["compare", *places, "--against", "idvae", "--out", str(tmp_path / "no")]) == 2


def test_sets_of_one_name_that_differ_have_tables_of_their_own(runs):
    made = runs()
    for run, _ in made[:2]:
        run.config["data"]["checksum"] = "0123456789"
    rows = modes_rows(made)
    assert [(row.data, row.name, len(row.good.values)) for row in rows] == [
        ("gaussians-grid (01234567)", "IDVAE", 2),
        ("gaussians-grid (abc)", "IDVAE", 2),
        ("gaussians-grid (abc)", "GAN", 4),
    ]
    assert markdown(rows).count("| method |") == 2


def test_compare_takes_runs_on_points(runs, tmp_path, capsys):
    places = [str(run.path) for run, _ in runs()]
    assert main(["compare", *places, "--out", str(tmp_path / "out")]) == 0
    assert "**87.5 ± 6.5**" in (tmp_path / "out" / "table.md").read_text()
    image = a_run(tmp_path / "image")
    image.config["data"]["kind"] = "images"
    image.write_config()
    capsys.readouterr()
    assert main(["compare", *places, str(image.path), "--out", str(tmp_path / "two")]) == 2
    assert "name one kind" in capsys.readouterr().err


def test_mistakes_are_told(runs):
    made = runs()
    with pytest.raises(UserError, match="are the same training, IDVAE with seed 0"):
        modes_rows([*made, made[0]])
    other = runs(step=90, data="gaussians-ring")
    with pytest.raises(UserError, match="compare equal budgets"):
        modes_rows([*made, other[0]])
    (made[0][0].path / "modes.json").write_text("{")
    with pytest.raises(UserError, match="is damaged"):
        modes_rows(made)
    (made[0][0].path / "modes.json").unlink()
    with pytest.raises(UserError, match=r"has no modes\.json; write it with idvae train --resume"):
        modes_rows(made)


def test_what_is_counted_is_found_again(tmp_path):
    run = a_run(tmp_path / "run")
    centres = [[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]]
    save(run, 40, modes([[0.1, 0.0], [9.0, 0.1], [5.0, 5.0], [0.0, 0.1]], centres, 0.1), 4)
    (row,) = modes_rows([(run, "IDVAE")])
    assert (row.covered.values, row.good.values) == ((2.0,), (0.75,))
    assert (row.modes, row.n, row.steps) == (3, 4, 40)

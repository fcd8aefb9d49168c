"""`idvae compare` on runs that were trained and evaluated, and on made ones."""

import shutil
from pathlib import Path

import pytest
import yaml
from PIL import Image

from evaluate import onnx_files
from idvae.cli import main
from report.made import a_run, entry, scored

TINY = [
    "--steps=4",
    "--width=4",
    "--z-dim=3",
    "--batch-size=8",
    "--threads=1",
    "--grid-every=0",
    "--log-every=2",
]
RUNS = ["vae-0", "vae-1", "gan-0", "vae-gan-0", "idvae-0"]


@pytest.fixture(scope="module")
def place(data_root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        onnx_files.write("net.onnx")
        for name in RUNS:
            method, _, seed = name.rpartition("-")
            train = ["train", method, "--data", "digits-16", "--out", name, "--seed", seed]
            assert main([*train, *TINY]) == 0
            flags = ["--experts", "mine=net.onnx@16", "-n", "60", "--reference-n", "200"]
            assert main(["evaluate", name, *flags, "--repeats", "2", "--metrics", "fd,kid"]) == 0
    return folder


@pytest.fixture(autouse=True)
def inside(place, monkeypatch):
    monkeypatch.chdir(place)


def test_all_of_the_comparison_is_written(capsys):
    capsys.readouterr()
    assert main(["compare", *RUNS, "--out", "all"]) == 0
    told = capsys.readouterr().out
    made = {path.name for path in Path("all").iterdir()}
    assert made == {
        "table.md",
        "table.csv",
        "table.tex",
        "agreement.md",
        "figure3.png",
        "figure3.svg",
        "table2.png",
    }
    text = Path("all/table.md").read_text()
    assert text in told
    assert "over 2 seeds: one training each (VAE); over 2 sample sets of one model (GAN" in text
    assert "IDVAE has no separate discriminator: " in text
    assert "Without reconstructions: GAN." in text
    assert "No test is made: no two rows to compare have 3 seeds" in text
    counts = yaml.safe_load(Path("idvae-0/config.yaml").read_text())
    lines = Path("all/table.csv").read_text().splitlines()
    cost = 4 * 8 * counts["step_macs"]
    assert f"IDVAE,,training_macs,{float(cost)!r},,,,,," in lines
    assert f"IDVAE,,parameters,{sum(counts['parameters'].values())},,,,,," in lines
    assert {line.split(",")[2] for line in lines if line.startswith("VAE,mine")} == {"fd", "kid"}
    with Image.open("all/table2.png") as picture:
        assert picture.width > picture.height > 4 * 2 * 56


def test_scores_of_an_earlier_step_are_not_told_as_those_of_the_newest(capsys):
    shutil.copytree("gan-0", "more")
    assert main(["train", "--resume", "more", "--steps", "8"]) == 0
    assert main(["compare", "more", "idvae-0", "--out", "earlier"]) == 0
    text = Path("earlier/table.md").read_text()
    assert "GAN was scored at step 4 of 8: what training took is told up to step 4" in text
    lines = Path("earlier/table.csv").read_text().splitlines()
    cost = 4 * 8 * yaml.safe_load(Path("more/config.yaml").read_text())["step_macs"]
    assert f"GAN,,training_macs,{float(cost)!r},,,,,," in lines
    shutil.copytree("vae-0", "vae-2")
    config = yaml.safe_load(Path("vae-2/config.yaml").read_text())
    config["options"]["seed"] = 2
    Path("vae-2/config.yaml").write_text(yaml.safe_dump(config))
    for name in ("vae-1", "vae-2"):
        shutil.copytree(name, f"on-{name}")
        assert main(["train", "--resume", f"on-{name}", "--steps", "8"]) == 0
    flags = ["--experts", "mine=net.onnx@16", "-n", "60", "--reference-n", "200"]
    flags += ["--repeats", "2", "--metrics", "fd,kid", "--overwrite"]
    assert main(["evaluate", "on-vae-1", *flags]) == 0
    capsys.readouterr()
    assert main(["compare", "on-vae-1", "on-vae-2", "--out", "refused"]) == 2
    told = capsys.readouterr().err
    assert "on-vae-2 and on-vae-1 are seeds of one row, VAE, and were scored at steps 4 and" in told
    assert "score it again: idvae evaluate on-vae-2 --step 8 --overwrite" in told
    assert main(["evaluate", "on-vae-2", "--step", "8", *flags]) == 0
    assert main(["compare", "on-vae-1", "on-vae-2", "--out", "mended"]) == 0
    assert "was scored at" not in Path("mended/table.md").read_text()


def test_a_run_whose_checkpoints_are_gone_keeps_its_numbers_and_has_no_picture(capsys):
    shutil.copytree("gan-0", "bare", ignore=shutil.ignore_patterns("checkpoints"))
    assert main(["compare", "bare", "vae-0/scores.json", "--out", "some"]) == 0
    text = Path("some/table.md").read_text()
    assert "Not in Table 2: GAN (bare/checkpoints holds no checkpoint" in text
    assert "| GAN | " in text
    assert "| VAE | " in text
    assert Path("some/table2.png").is_file()
    assert main(["compare", "bare", "--out", "one"]) == 0
    assert not Path("one/table2.png").exists()
    assert not Path("one/figure3.png").exists()


def test_a_seed_whose_checkpoints_are_gone_is_stood_in_for():
    shutil.copytree("vae-0", "lost", ignore=shutil.ignore_patterns("checkpoints"))
    assert main(["compare", "lost", "vae-1", "--out", "stand-in"]) == 0
    assert "Not in Table 2" not in Path("stand-in/table.md").read_text()


def test_what_was_trained_on_other_data_has_no_pictures_of_these(tmp_path):
    shutil.copytree("gan-0", tmp_path / "gan")
    config = yaml.safe_load((tmp_path / "gan/config.yaml").read_text())
    config["data"] |= {"checksum": "other", "name": "other"}
    (tmp_path / "gan/config.yaml").write_text(yaml.safe_dump(config))
    out = tmp_path / "out"
    runs = ["vae-0", str(tmp_path / "gan")]
    assert main(["compare", *runs, "--ignore", "data", "--out", str(out)]) == 0
    text = (out / "table.md").read_text()
    assert "Not in Table 2: GAN (it was trained on other data)." in text
    assert "table2.png" in text


def test_a_row_named_beforehand_is_tested(tmp_path):
    places = []
    for method, shift in (("idvae", 0.0), ("vae", 10.0), ("gan", 20.0)):
        for seed in range(4):
            places.append(tmp_path / f"{method}-{seed}")
            entry(places[-1], method, seed, fds=(shift + seed, shift + seed + 1))
    for name in ("vae", "VAE"):  # the method, or the row
        out = tmp_path / f"against-{name}"
        assert main(["compare", *map(str, places), "--out", str(out), "--against", name]) == 0
        text = (out / "table.md").read_text()
        assert "Is VAE better than the rest?" in text
        assert "VAE is significantly better than GAN (p = 0.0286); significantly worse than" in text
    assert main(["compare", *map(str, places), "--out", str(tmp_path / "best")]) == 0
    text = (tmp_path / "best" / "table.md").read_text()
    assert "Is the best better than the rest?" in text
    assert "4 seeds a row: IDVAE is significantly better than VAE (p = 0.0286)" in text


def test_scores_of_other_images_stand_beside_runs(tmp_path):
    entry(tmp_path / "r", error=3.0)
    scored("others", (1.0, 2.0)).save(tmp_path / "others.json")
    out = tmp_path / "out"
    places = [str(tmp_path / "r"), str(tmp_path / "others.json")]
    assert main(["compare", *places, "--out", str(out)]) == 0
    text = (out / "table.md").read_text()
    assert "| IDVAE | " in text
    assert "| others | " in text
    assert "No Table 2: set-abc, the set that" in text  # the made run's data are nowhere
    assert (out / "figure3.svg").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["vae-0", "vae-0"], "are the same training, VAE with seed 0"),
        (["vae-0", "elsewhere"], "they were trained on other data"),
        (["vae-0", "unscored"], "was not scored yet; run: idvae evaluate"),
        (["vae-0", "nowhere"], "no such file"),
        (["vae-0", "damaged"], "is damaged"),
        (["vae-0", "--metric", "fid"], "unknown metric"),
        (["vae-0", "--device", "abacus"], "abacus"),
        (["vae-0", "gan-0", "--against", "vea"], "--against 'vea' is no row of runs; name one of"),
        (["vae-0", "wide", "--against", "vae"], "means several rows; name one of 'VAE ("),
        ([], "RUN"),
    ],
)
def test_mistakes_are_told_in_one_line_and_leave_nothing(arguments, words, capsys, tmp_path):
    if not Path("elsewhere").exists():
        entry(Path("elsewhere"), "gan")
        shutil.copytree("vae-1", "wide")
        config = yaml.safe_load(Path("wide/config.yaml").read_text())
        config["options"]["beta"] = 0.5
        Path("wide/config.yaml").write_text(yaml.safe_dump(config))
        a_run(Path("unscored"))
        entry(Path("damaged"))
        Path("damaged/config.yaml").write_text("method: idvae")
    capsys.readouterr()
    assert main(["compare", *arguments, "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
    assert list(tmp_path.iterdir()) == []

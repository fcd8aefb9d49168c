"""`idvae report` on runs that were trained and evaluated; the page in a browser, from disk."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from evaluate import onnx_files
from idvae.cli import main
from idvae.cli import shown as shown_by_models
from idvae.evaluate.metrics.modes import ModesReport
from idvae.report.modes import save
from idvae.training.run import Run
from report.browser import END, ENTER, LEFT, MISSING, TAB, browser
from report.made import a_run, entry

TINY = [
    "--steps=16",
    "--width=4",
    "--z-dim=3",
    "--batch-size=8",
    "--threads=1",
    "--grid-every=8",
    "--log-every=4",
    "--lr=0.01",
    "--lr-final=1",
    "--ema=0",
]
RUNS = {
    "all/vae": ("vae", "--seed=1"),
    "all/deep/gan": ("gan", "--seed=0"),
    "asked": ("idvae", "--condition=labels"),
}


@pytest.fixture(scope="module")
def place(data_root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        onnx_files.write("net.onnx")
        for name, (method, *flags) in RUNS.items():
            assert main(["train", method, "--data=digits-16", "--out", name, *flags, *TINY]) == 0
            experts = "one=net.onnx@16,two=net.onnx@20"
            flags = ["--experts", experts, "-n", "40", "--reference-n", "200", "--repeats", "2"]
            assert main(["evaluate", name, *flags, "--metrics", "fd,kid"]) == 0
        # A run that is named twice is one.
        assert main(["report", "all", "asked", "all/vae", "--out", "made"]) == 0
    return folder


@pytest.fixture(autouse=True)
def inside(place, monkeypatch):
    monkeypatch.chdir(place)


def test_the_page_holds_all_of_it_and_asks_for_nothing():
    text = Path("made/report.html").read_text("utf-8")
    titles = re.findall(r"<h2>([^<]+)</h2>", text)
    assert titles == [
        "Scores (Table 1)",
        "Do the experts agree?",
        "Reconstruction (Figure 3)",
        "Reconstructions and generations (Table 2)",
        "As asked (Figure 4)",
        "Samples over steps",
        "Interpolations",
        "Does it memorise?",
        "Training curves",
        "Configurations",
        "How to repeat it",
    ]
    assert "3 runs: " in text
    assert not re.findall(r'(?:src|href)="(?!data:|#)', text)
    assert "//" not in re.sub(r"data:[^\"]*|<script>.*?</script>", "", text, flags=re.DOTALL)
    assert len(re.findall("<script", text)) == 1
    assert "data:" not in re.search("<script>(.*)</script>", text, re.DOTALL).group(1)
    sources = re.findall(r'src="([^"]+)"', text)
    assert len(sources) == len(set(sources)) > 15
    for chart in re.findall(r"<figure[^>]*>(?:(?!</figure>).)*<svg.*?</section>", text, re.DOTALL):
        assert "<table" in chart


def test_figures_lie_beside_it():
    made = {path.name for path in Path("made").iterdir()}
    charts = {
        f"{n}.{e}" for n in ("agreement", "curves", "figure3", "nearest") for e in ("png", "svg")
    }
    pictures = {"table2.png", "interpolations.png", "neighbours.png", "figure4-idvae.png"}
    assert made == {
        "report.html", "configurations", "figure4-idvae-edits.png", *charts, *pictures,
    }  # fmt: skip
    for name in made:
        if name.endswith(".png"):
            with Image.open(Path("made") / name) as picture:
                assert min(picture.size) > 200, name


def test_what_it_says_to_repeat_repeats_it(tmp_path):
    text = Path("made/report.html").read_text("utf-8")
    (commands,) = re.findall(r'aria-label="commands"><code>(.*?)</code>', text, re.DOTALL)
    lines = commands.splitlines()
    assert lines[0] == "idvae data prepare digits --size 16"
    assert lines[-1] == "idvae report all asked all/vae --out made"
    (train,) = [line for line in lines if "--out all/vae" in line]
    words = train.split()[1:]
    words[words.index("--config") + 1] = "made/" + words[words.index("--config") + 1]
    words[words.index("--out") + 1] = str(tmp_path / "again")
    assert main([*words, "--threads", "1", "--log-every", "4"]) == 0
    first, again = (Run.open(place).metrics() for place in ("all/vae", tmp_path / "again"))
    assert [row["loss_vae"] for row in first] == [row["loss_vae"] for row in again]
    assert (
        "idvae evaluate asked --experts one@16,two@20 -n 40 --reference-n 200 --repeats 2"
        in commands
    )


@pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
def test_the_page_works_in_a_browser(tmp_path):
    with browser(tmp_path) as page:
        page.open(Path("made/report.html"))
        page.requests()  # also of the browser's own first page
        page.console()
        page.open(Path("made/report.html"))
        assert {url.partition(":")[0] for url in page.requests()} == {"file", "data"}

        # The slider, by keyboard.
        assert shown(page) == {"8": 0, "16": 3}
        page.run("document.getElementById('step').focus()")
        page.press(LEFT)
        assert shown(page) == {"8": 3, "16": 0}
        told = "return document.getElementById('step').getAttribute('aria-valuetext')"
        assert page.run(told) == "step 8"
        page.press(END)
        assert shown(page) == {"8": 0, "16": 3}

        # Sorting: by mouse, then by keyboard from there.
        page.click("#scores th:nth-child(2) button")
        first = column(page, 2)
        assert first == sorted(first)
        page.click("#scores th:nth-child(2) button")
        assert column(page, 2) == first[::-1]
        page.press(TAB, ENTER)
        assert column(page, 3) == sorted(column(page, 3))
        sorts = "[...document.querySelectorAll('#scores thead')][0].querySelectorAll('th')"
        heads = page.run(f"return [...{sorts}].slice(1, 3).map(h => h.getAttribute('aria-sort'))")
        assert heads == ["none", "ascending"]

        # A phone: nothing but what scrolls by itself is wider than the screen.
        page.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=390, height=844, deviceScaleFactor=1, mobile=True,
        )  # fmt: skip
        page.open(Path("made/report.html"))
        assert page.run("return document.documentElement.scrollWidth") == 390
        assert page.console() == []


def shown(page):
    """Frames that are seen, by step."""
    script = "return [...document.querySelectorAll('.frame')].filter(f => f.checkVisibility())"
    steps = page.run(f"{script}.map(f => f.dataset.step)")
    return {step: steps.count(step) for step in ("8", "16")}


def column(page, number):
    """The numbers of Table 1 in a column, from above; what has none is last, and left out."""
    rows = "document.querySelector('#scores table').tBodies[0].rows"
    keys = page.run(f"return [...{rows}].map(r => r.cells[{number - 1}].dataset.key)")
    return [float(key) for key in keys if key]


def test_what_is_not_at_hand_is_told_and_the_rest_is_there(tmp_path, monkeypatch):
    shutil.copytree("all/vae", tmp_path / "vae", ignore=shutil.ignore_patterns("checkpoints"))
    shutil.copytree("asked", tmp_path / "asked", ignore=shutil.ignore_patterns("scores.json"))
    (tmp_path / "vae/samples/00000008.png").write_bytes(b"no picture")
    monkeypatch.setenv("IDVAE_DATA", str(tmp_path / "nothing"))
    for name in ("vae", "asked"):
        (tmp_path / name / "metrics.jsonl").unlink()  # what is drawn of it takes time
        file = tmp_path / name / "config.yaml"
        config = yaml.safe_load(file.read_text())
        config["data"]["path"] = str(tmp_path / "gone")
        config["data"]["name"] = "gone<b>"
        file.write_text(yaml.safe_dump(config))
    out = tmp_path / "out"
    assert main(["report", str(tmp_path / "vae"), str(tmp_path / "asked"), "--out", str(out)]) == 0
    text = (out / "report.html").read_text("utf-8")
    missing = text[text.index("What is not here") :]
    for words in ("was not evaluated; run: idvae evaluate", "No originals, reconstructions",
                  "Not all pictures of VAE", "00000008.png is no picture"):  # fmt: skip
        assert words in missing
    assert "gone&lt;b&gt;" in text
    assert "gone<b>" not in text
    assert "As asked (Figure 4)" in text
    assert "Does it memorise?" not in text


def test_a_set_without_test_images_is_told_and_the_rest_is_there(tmp_path, monkeypatch):
    class Few:
        """A set whose images all went to other splits."""

        def __init__(self, data):
            self.name, self.checksum, self.split = "few", data.checksum, lambda name: ()

    found = shown_by_models.data_of
    monkeypatch.setattr(shown_by_models, "data_of", lambda run: Few(found(run)))
    assert main(["report", "all/vae", "--out", str(tmp_path / "out")]) == 0
    text = (tmp_path / "out/report.html").read_text("utf-8")
    assert "few has no test images" in text[text.index("What is not here") :]


def test_runs_on_points_have_modes_and_curves(tmp_path):
    run = a_run(tmp_path / "p", "vae")
    run.config["data"]["kind"] = "points"
    run.write_config()
    run.append_metrics({"step": 100, "loss_vae": 2.0, "images_per_s": 1.0})
    save(run, 100, ModesReport(counts=np.array([3, 0]), covered=1, good_share=0.75), 4)
    assert main(["report", str(run.path), "--out", str(tmp_path / "out")]) == 0
    text = (tmp_path / "out/report.html").read_text("utf-8")
    assert "modes covered" in text
    assert 'id="curves"' in text
    assert "What is not here" not in text


def test_scores_of_other_images_stand_beside_runs(tmp_path):
    entry(tmp_path / "r", error=3.0).scores.save(tmp_path / "others.json")
    assert main(["report", str(tmp_path / "others.json"), "--out", str(tmp_path / "out")]) == 0
    text = (tmp_path / "out/report.html").read_text("utf-8")
    assert "Image generators compared" in text
    assert "1 others" not in text


def test_only_a_report_is_overwritten(tmp_path, capsys):
    out = tmp_path / "out"
    shutil.copytree("made", out)
    scores = str(entry(tmp_path / "r").run.path / "scores.json")
    assert main(["report", scores, "--out", str(out)]) == 2
    assert "pass --overwrite" in capsys.readouterr().err
    assert main(["report", scores, "--out", str(out), "--overwrite"]) == 0
    assert not (out / "table2.png").exists()
    for mine in ("configurations/notes.txt", "nearest.ai"):
        (out / mine).touch()
        assert main(["report", scores, "--out", str(out), "--overwrite"]) == 2
        assert f"holds {mine}" in capsys.readouterr().err
        (out / mine).unlink()
    (out / "report.html").write_text("<p>mine</p>")
    assert main(["report", scores, "--out", str(out), "--overwrite"]) == 2
    assert "is not a report that idvae made" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "nowhere"),
        (["empty"], "is no run and holds none; train one"),
        (["all", "elsewhere"], "they were trained on other data"),
        (["all", "--metric", "fid"], "unknown metric"),
        (["all", "--device", "abacus"], "abacus"),
        (["all", "--against", "vea"], "--against 'vea' is no row of runs"),
        ([], "RUN"),
    ],
)
def test_mistakes_are_told_in_one_line_and_leave_nothing(arguments, words, capsys, tmp_path):
    Path("empty").mkdir(exist_ok=True)
    if not Path("elsewhere").exists():
        a_run(Path("elsewhere"), "gan")
    capsys.readouterr()
    assert main(["report", *arguments, "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
    assert list(tmp_path.iterdir()) == []

"""What a page says to do again is what was done."""

import html
import re
import shlex
from dataclasses import replace

from idvae.report.page.repeat import distinct_stems, files, section
from idvae.report.rows import Entry
from idvae.training.start import how_to_prepare
from report.made import entry
from report.page.test_document import subject


def commands(entries):
    text = html.unescape(str(section(subject(entries))))
    (block,) = re.findall(r'aria-label="commands"><code>(.*?)</code>', text, re.DOTALL)
    return [shlex.split(line) for line in block.splitlines()]


def test_each_run_of_two_phases_begins_from_its_own_first_phase(tmp_path):
    runs = [entry(tmp_path / f"r{s}", "rfgan", s, pretrained=f"dae-seed{s}") for s in (0, 1)]
    made = commands(runs)
    for seed in (0, 1):
        (words,) = [w for w in made if w[1] == "train" and w[w.index("--seed") + 1] == str(seed)]
        assert words[words.index("--pretrained") + 1] == f"dae-seed{seed}"
    (text,) = (text for _, text in files(subject(runs).rows).values())
    assert "pretrained" not in text


def test_scores_are_repeated_where_they_were_made(tmp_path):
    one = entry(tmp_path / "r", step=500)
    one.scores.facts["reference"] = {"split": "validation", "n": 9}
    one.scores.about["reference"] = "/data/other images"
    (tmp_path / "r/checkpoints/900").mkdir(parents=True)
    (words,) = [w for w in commands([one]) if w[1] == "evaluate"]
    for flag, value in {
        "--step": "500", "--split": "validation", "--reference": "/data/other images",
    }.items():  # fmt: skip
        assert words[words.index(flag) + 1] == value
    own = replace(one.scores, about={"step": 900, "reference": "set-abc, training split"})
    (words,) = [w for w in commands([Entry(own, one.run, one.title)]) if w[1] == "evaluate"]
    assert not {"--step", "--reference"} & set(words)


def test_a_name_in_a_command_is_a_word():
    facts = {"source": "digits; curl example.org", "asked": {"n": "$(id)"}, "shape": {"size": 32}}
    assert shlex.split(how_to_prepare(facts)) == [
        "idvae", "data", "prepare", facts["source"], "--size", "32", "--n", "$(id)",
    ]  # fmt: skip


def test_names_that_begin_alike_have_files_of_their_own():
    long = "IDVAE+ (batch_size 32, condition labels, lambda_dec 0.1, lambda_dis 0.5, lr 0.00"
    stems = distinct_stems([long + "1)", long + "2)", "(?)", "a"])
    assert len(set(stems)) == 4
    assert stems[2:] == ["row", "a"]

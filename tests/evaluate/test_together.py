"""Two and three processes find what one finds; each image is decoded or drawn by one of them."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch.multiprocessing

from evaluate.group import BROKEN, FAILS, ODD, alone, in_a_group, prepare
from idvae.evaluate import together
from torchrun import start_all

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not torch.distributed.is_available(), reason="torch has no distributed"),
]
SOURCES = ("folder", "npy", "npz", "prepared", "drawn", "one image in a share", "two images")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    digits = pytest.importorskip("sklearn.datasets", reason="real images").load_digits().images
    place = tmp_path_factory.mktemp("together")
    prepare(place, (digits * 15.9375).astype(np.uint8).repeat(2, 1).repeat(2, 2)[..., None])
    return place


@pytest.fixture(scope="module")
def one(place):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IDVAE_CACHE", "of alone")  # which sets its own, put back afterwards
        return json.loads(json.dumps(alone(place)))


@pytest.fixture(scope="module", params=[2, 3])
def several(request, place):
    """What each of the processes found."""
    world = request.param
    (place / "group").unlink(missing_ok=True)
    torch.multiprocessing.spawn(in_a_group, (world, str(place)), nprocs=world)
    return [json.loads((place / f"found-{rank}.json").read_text()) for rank in range(world)]


def test_each_image_is_decoded_or_drawn_by_one_process(one, several):
    for name in SOURCES:
        for keep in ("1000", "50"):
            shares = [found[name][keep]["read"] for found in several]
            assert sorted(i for share in shares for i in share) == one[name][keep]["read"], name
    for name in ("folder", "npy", "npz", "prepared", "drawn"):
        assert one[name]["1000"]["read"] == list(range(ODD))
        assert [len(found[name]["1000"]["read"]) for found in several] == (
            [67, 64] if len(several) == 2 else [64, 64, 3]
        )
    assert [len(f["two images"]["1000"]["read"]) for f in several] == [2, 0, 0][: len(several)]


@pytest.mark.parametrize("name", [*SOURCES, "stream"])
def test_features_are_those_of_one_process(one, several, name):
    for found in (process[name] for process in several):
        # All rows kept: to the last bit. Else moments are summed in another order.
        kept = {k: v for k, v in found["1000"].items() if k not in ("read", "fwd")}
        assert kept == {k: one[name]["1000"][k] for k in kept}
        few, expected = found["50"], one[name]["50"]
        assert (few["rows"], few["logits"]) == (expected["rows"], expected["logits"])
        scale = np.abs(expected["covariance"]).max()
        np.testing.assert_allclose(
            few["covariance"], expected["covariance"], rtol=1e-9, atol=1e-9 * scale
        )
        np.testing.assert_allclose(few["mean"], expected["mean"], rtol=1e-9)
        for keep in ("50", "1000"):
            for distance in ("fd", "fwd"):
                assert found[keep][distance] == pytest.approx(one[name][keep][distance], rel=1e-9)


def test_scores_and_the_baseline_are_those_of_one_process(one, several):
    """From the cache too, and where some lack it: then all compute, and none waits for another."""
    expected = one["battery"]["scores"]
    assert expected[0] == expected[1] == expected[2]
    assert "fd_infinity" in expected[0][0]["pooled"]
    assert expected[0][1]["pooled"]["fd"]  # a baseline
    for process in several:
        assert process["battery"]["processes"] == len(several)
        for scores in process["battery"]["scores"]:
            for row, wanted in zip(scores, expected[0], strict=True):
                assert row.keys() == wanted.keys()
                for expert, found in row.items():
                    for metric, values in found.items():
                        assert values == pytest.approx(wanted[expert][metric], rel=1e-9), metric
    drawn = sorted(i for process in several for i in process["battery"]["read"])
    assert drawn == one["battery"]["read"] == sorted([*range(ODD)] * 2)  # two sample sets


def test_reconstructions_are_those_of_one_process_to_the_bit(one, several):
    seen = sorted(i for process in several for i in process["reconstruction"]["read"])
    assert seen == one["reconstruction"]["read"] == list(range(801))
    assert len(several[0]["reconstruction"]["read"]) == (500 if len(several) == 2 else 301)
    for process in several:
        assert process["reconstruction"]["values"] == one["reconstruction"]["values"]
        assert process["reconstruction"]["told"] == 801


def test_what_one_process_cannot_do_all_are_told(several):
    for rank, process in enumerate(several):
        assert process["broken"]["kind"] == "UserError"
        assert f"{BROKEN:03d}.png cannot be read as an image" in process["broken"]["words"]
        own = FAILS // 4 % len(several)
        words = "of one block" if rank == own else f"process {own} failed, see its output: Value"
        assert process["asked"]["kind"] == ("ValueError" if rank == own else "UserError")
        assert words in process["asked"]["words"]
        assert process["checksum"] == {"kind": "UserError", "words": "unreadable"}
        assert process["other images"]["kind"] == "UserError"
        assert "and 30 for the first one" in process["other images"]["words"]
        assert process["afterwards"] == list(range(len(several)))


def test_the_others_stop_soon_after_one_has_failed(several):
    """They do not first finish their share of 1,000: each asks after 8 of its own images."""
    for process in several:
        assert max(process["asked"]["read"]) < FAILS + 3 * 8 * len(several)


def test_where_one_is_killed_the_other_ends_with_one_line(monkeypatch):
    tests = Path(__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", str(tests), prepend=os.pathsep)
    processes = start_all([], program=[str(tests / "evaluate" / "killed.py")])
    try:
        told = [process.communicate(timeout=300)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [1, -signal.SIGKILL]
    assert "another process of this evaluation is gone" in told[0]
    assert "Traceback" not in told[0]


def test_without_a_group_it_is_plain_work():
    told = []
    together.in_step((i for i in (3, 5)), 7, told.append)
    assert told == [3, 2, 2]
    assert together.spread(lambda x: x / 3, [1, 2]) == [1 / 3, 2 / 3]
    assert together.exchange({"a": None}) == [{"a": None}]
    assert together.from_first(lambda: [1, "a"]) == [1, "a"]
    with pytest.raises(ZeroDivisionError):
        together.from_first(lambda: 1 / 0)
    array = np.arange(3.0)
    assert together.summed(array) is array

"""`idvae evaluate` by several processes."""

import json

import numpy as np
import pytest
import torch

from idvae.cli import main
from torchrun import start_all


@pytest.fixture
def images(tmp_path):
    """Two files of different images."""
    generator = np.random.default_rng(0)
    places = [str(tmp_path / f"{name}.npz") for name in ("fake", "real")]
    for place in places:
        np.savez(place, images=generator.integers(0, 256, (200, 16, 16, 3), np.uint8))
    return places


@pytest.mark.slow
@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch has no distributed here")
def test_two_processes_score_as_one(images, tmp_path):
    pytest.importorskip("efficientnet_lite_pytorch")
    fake, real = images
    command = ["evaluate", fake, "--reference", real, "--experts", "lite0@32", "-n", "150"]
    command += ["--repeats", "1"]
    found = []
    for name in ("one", "two"):
        out = tmp_path / f"{name}.json"
        if name == "one":
            assert main([*command, "--out", str(out)]) == 0
        else:
            for process in start_all([*command, "--out", str(out)]):
                _, errors = process.communicate(timeout=300)
                assert process.returncode == 0, errors
        found.append(json.loads(out.read_text(encoding="utf-8")))
    one, two = found
    assert (one["about"]["processes"], two["about"]["processes"]) == (1, 2)
    assert one["facts"] == two["facts"]
    for metric, value in one["row"]["lite0@32"].items():
        assert two["row"]["lite0@32"][metric]["mean"] == pytest.approx(value["mean"], rel=1e-9)

"""The scripts of examples/ do what they say, in a short form."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[1] / "examples"

pytestmark = pytest.mark.slow


def drawn(folder, n, seed):
    """n grey disks of random place and colour as PNGs: a folder of images."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    y, x = np.mgrid[:32, :32]
    for i in range(n):
        top, left = rng.integers(8, 24, 2)
        disk = ((y - top) ** 2 + (x - left) ** 2 < 49)[:, :, None]
        image = np.where(disk, rng.integers(0, 255, 3), rng.integers(0, 255, 3)).astype(np.uint8)
        Image.fromarray(image).save(folder / f"{i:03d}.png")
    return folder


def run(name, *arguments, cwd):
    script = [sys.executable, "-W", "error", str(EXAMPLES / name), *map(str, arguments)]
    threads = os.environ | {"OMP_NUM_THREADS": "1"}
    made = subprocess.run(script, cwd=cwd, env=threads, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return made.stdout


def test_every_example_is_tested():
    tested = re.findall(r'run\(\s*"(\w+\.py)"', Path(__file__).read_text("utf-8"))
    assert sorted(set(tested)) == sorted(path.name for path in EXAMPLES.glob("*.py"))


def test_own_images(tmp_path):
    photos = drawn(tmp_path / "photos", 40, 0)
    run("own_images.py", photos, "--steps", 2, "--width", 4, "--out", "mine", cwd=tmp_path)
    for picture in ("mine-samples.png", "mine-reconstructions.png"):
        assert np.asarray(Image.open(tmp_path / picture)).std() > 0
    assert (tmp_path / "mine" / "config.yaml").is_file()


def test_scoring_a_folder(tmp_path):
    pytest.importorskip("efficientnet_lite_pytorch", reason="experts need idvae[experts]")
    real, fakes = drawn(tmp_path / "real", 16, 0), tmp_path / "fakes"
    fakes.mkdir()
    noise = np.random.default_rng(1).integers(0, 255, (16, 32, 32, 3), np.uint8)
    for i, image in enumerate(noise):
        Image.fromarray(image).save(fakes / f"{i}.png")
    held = drawn(tmp_path / "held-out", 16, 2)
    said = run(
        "score_a_folder.py", fakes, real, "--experts", "lite0@32", "--held-out", held, cwd=tmp_path
    )
    found = {name: float(fd) for name, fd in re.findall(r"(\w+) lite0@32 fd (\S+)", said)}
    assert found["fakes"] > found["real"] > 0  # noise is further away than other disks


def test_plain_pytorch(tmp_path):
    pytest.importorskip("sklearn", reason="digits need idvae[data]")

    def error(steps):
        said = run("plain_pytorch.py", "--steps", steps, "--batch", 16, cwd=tmp_path)
        assert "samples (8, 1, 16, 16)" in said
        return float(said.split()[-1])

    assert error(60) < 0.8 * error(1)


def test_latent_space(tmp_path):
    pytest.importorskip("sklearn", reason="digits need idvae[data]")
    import idvae

    small = {"steps": 2, "batch_size": 8, "width": 4, "threads": 1, "log_every": 2}
    idvae.train("vae", "digits", tmp_path / "digits", grid_every=0, **small)
    run("latent_space.py", "digits", "--out", "latent", cwd=tmp_path)
    for name in ("nearest", "edited"):
        assert np.asarray(Image.open(tmp_path / "latent" / f"{name}.png")).shape[0] > 8 * 16


@pytest.mark.parametrize("method", ["ali-mixture", "gan-mixture"])
def test_ali_mixture(method, tmp_path):
    """Both learn by the command line, which goes on where they stopped: the package knows neither.

    The first layer of D is maxout over what it is given: four numbers for ALI, two for the GAN.
    """
    from safetensors.numpy import load_file

    short = ["--config", EXAMPLES / "ali_mixture.yaml", "--batch-size", 8, "--seed", 3]
    train = ["train", method, "--data", "gaussians-grid", *short, "--steps", 2, "--out", "run"]
    run("ali_mixture.py", *train, cwd=tmp_path)

    def weights():
        newest = sorted((tmp_path / "run" / "checkpoints").iterdir())[-1]
        return load_file(newest / "model.safetensors")

    before = weights()
    first = next(w for name, w in before.items() if name.endswith("layers.0.weight"))
    assert first.shape == (5 * 200, 4 if method == "ali-mixture" else 2)
    said = run("ali_mixture.py", "train", "--resume", "run", "--steps", 4, cwd=tmp_path)
    assert "steps 2 to 4" in said
    assert "of 25" in said
    after = weights()
    still = [name for name, w in before.items() if np.array_equal(w, after[name])]
    assert not still, still

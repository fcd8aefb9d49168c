"""What a caller has set in torch changes neither what is computed nor is it changed."""

import os
import signal

import numpy as np
import pytest
import torch

import idvae
from idvae import data
from idvae.errors import UserError
from idvae.evaluate.battery import evaluate
from idvae.fresh_torch import fresh_torch

OPTIONS = {"width": 8, "batch_size": 8, "steps": 4, "grid_every": 0, "threads": 1}


class Float64:
    def __enter__(self):
        torch.set_default_dtype(torch.float64)

    def __exit__(self, *_):
        torch.set_default_dtype(torch.float32)


CALLERS = {
    "float64": Float64,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
}


@pytest.fixture(scope="module")
def digits(data_root):
    return data.prepare("digits", n=200).path


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory):
    place = tmp_path_factory.mktemp("runs") / "run"
    return idvae.train("idvae", data.resolve(digits), place, **OPTIONS)


@pytest.mark.parametrize("caller", CALLERS)
def test_training_and_sampling_are_the_same(digits, run, tmp_path, caller):
    model = idvae.load(run.path)
    images = data.resolve(digits).split("test").gather(np.arange(5))
    sampled, codes = model.sample(5, seed=1), model.encode(images)
    with CALLERS[caller]():
        again = idvae.train("idvae", digits, tmp_path / "run", **OPTIONS)
        for opened in (model, idvae.load(again.path)):
            np.testing.assert_array_equal(opened.sample(5, seed=1), sampled)
            np.testing.assert_array_equal(opened.encode(images), codes)
            assert opened.draw_codes(2).dtype == np.float32


@pytest.mark.parametrize("caller", ["float64", "autocast"])
def test_scores_are_the_same(caller):
    pytest.importorskip("efficientnet_lite_pytorch")
    rng = np.random.default_rng(0)
    real, fake = (rng.integers(0, 256, (40, 16, 16, 3), np.uint8) for _ in range(2))

    def scored():
        found = evaluate(fake, real, experts=["lite0@32"], metrics=["fd"], n=20, reference_n=40)
        return found.row["lite0@32"]["fd"].values

    before = scored()
    with CALLERS[caller]():
        assert scored() == before


def test_settings_of_the_caller_hold_again(digits, tmp_path):
    before = torch.get_num_threads()
    with Float64(), torch.no_grad():
        idvae.train("vae", digits, tmp_path / "run", **{**OPTIONS, "threads": before + 1})
        assert torch.get_default_dtype() == torch.float64
        assert not torch.is_grad_enabled()
    assert torch.get_num_threads() == before
    with Float64():
        with fresh_torch():
            assert torch.zeros(1).dtype == torch.float32
        assert torch.zeros(1).dtype == torch.float64


def test_a_program_that_is_stopped_ends_and_goes_on_by_resume(digits, run, tmp_path):
    def stop(step, row):
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="saved at step 2"):
        idvae.train("idvae", digits, tmp_path / "run", on_log=stop, log_every=2, **OPTIONS)
    went_on = idvae.resume(tmp_path / "run")
    np.testing.assert_array_equal(
        idvae.load(went_on.path).sample(3), idvae.load(run.path).sample(3)
    )
    assert idvae.load(idvae.resume(went_on.path, steps=6).path).step == 6


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda digits, run: idvae.train("vae", digits, None), "None is no place"),
        (lambda digits, run: idvae.train("vae", digits, 3), "3 is no place"),
        (lambda digits, run: idvae.resume(run.path, lr=1.0), "goes on with its lr; steps, "),
        (lambda digits, run: idvae.resume(run.path), "has reached its 4 steps"),
        (
            lambda digits, run: idvae.train("vae", digits, run.path / "x", threads=10**5),
            "--threads 100000 is out of range",
        ),
    ],
)
def test_mistakes_are_told(digits, run, call, words):
    with pytest.raises(UserError, match=words):
        call(digits, run)

"""A reader that goes ends no work."""

import os
import subprocess
import sys

import pytest

from idvae.io.outliving import Outliving, outliving_readers
from idvae.training import checkpoints


def test_a_stream_whose_reader_has_gone_says_nothing_more():
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        outliving = Outliving(stream)
        outliving.write("heard\n")
        outliving.flush()
        assert os.read(reader, 99) == b"heard\n"
        os.close(reader)
        for _ in range(3):
            assert outliving.write("not heard\n") == 10
            outliving.flush()
        assert outliving.fileno() == writer


def test_what_is_printed_goes_where_it_went(capsys):
    with outliving_readers():
        print("one")
        print("two", file=sys.stderr)
    assert capsys.readouterr() == ("one\n", "two\n")


@pytest.mark.parametrize("gone", ["stdout", pytest.param("stderr", marks=pytest.mark.slow)])
def test_a_training_goes_on_without_its_reader(tmp_path, gone):
    command = [
        *(sys.executable, "-m", "idvae", "train", "vae", "--data", "gaussians-ring"),
        *("--width", "8", "--batch-size", "8", "--steps", "40", "--log-every", "1"),
        *("--threads", "1", "--out", str(tmp_path / "run")),
    ]
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, gone: subprocess.PIPE}
    with subprocess.Popen(command, **streams) as process:
        getattr(process, gone).close()  # as `head -0` would
        assert process.wait(120) == 0
    assert max(checkpoints.steps(tmp_path / "run" / "checkpoints")) == 40

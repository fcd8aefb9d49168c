"""`idvae demo` before it serves: what it tells who asks for what is not there."""

import socket
import sys

from idvae.cli import main


def test_mistakes_are_told(tmp_path, capsys):
    for arguments in (["--port", "0"], ["--port", "x"], [str(tmp_path)], ["pretrained/nothing"]):
        assert main(["demo", *arguments]) == 2
        error = capsys.readouterr().err
        assert error.startswith("idvae: error: ")
        assert error.count("\n") == 1


def test_it_says_what_it_needs(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.delitem(sys.modules, "idvae.demo.page", raising=False)
    assert main(["demo", "avatars-32", "--host", "0.0.0.0"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("warning: at 0.0.0.0 whoever reaches this machine")
    assert "extra `demo`" in error.splitlines()[-1]


def test_a_port_that_is_taken_is_told(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["demo", "avatars-32", "--port", str(taken.getsockname()[1])]) == 2
    assert "choose another --port" in capsys.readouterr().err


def test_a_host_that_is_not_there_is_told(capsys):
    assert main(["demo", "avatars-32", "--host", "nosuch.invalid"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "cannot listen at nosuch.invalid: " in error
    assert error.endswith("choose another --host")

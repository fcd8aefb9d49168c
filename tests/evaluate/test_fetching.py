"""Weights are fetched whole and verified, or not at all: from a server of this machine."""

import hashlib
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from idvae.errors import UserError
from idvae.evaluate.experts import weights
from idvae.evaluate.experts.weights import WeightFile, fetch

CONTENT = bytes(range(256)) * 40
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(monkeypatch):
    """A server's address; by a file's name it gives CONTENT, half of it, or keeps silent."""
    enough = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/silent.pth":
                enough.wait(60)
            self.send_response(404 if self.path == "/gone.pth" else 200)
            if self.path != "/unsaid.pth":
                self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[: len(CONTENT) // (2 if self.path == "/cut.pth" else 1)])

        def log_message(self, *_):
            pass

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        enough.set()
        running.shutdown()


def test_a_file_is_fetched_once(server, own_cache, capsys):
    path = fetch(WeightFile("net.pth", SHA256, f"{server}/net.pth"))
    assert path == own_cache / "experts" / "net.pth"
    assert path.read_bytes() == CONTENT
    assert "fetching net.pth, bytes: 10,240/10,240" in capsys.readouterr().err
    assert fetch(WeightFile("net.pth", SHA256, "http://127.0.0.1:1/nobody")) == path


@pytest.mark.parametrize(
    ("name", "sha256", "said"),
    [
        ("net.pth", SHA256[:-1] + "x", "is not the published net.pth: its sha256 begins with"),
        ("cut.pth", SHA256, r"cannot be fetched \(it broke off after 5,120 of 10,240 bytes\)"),
        ("gone.pth", SHA256, r"cannot be fetched \(Not Found\); get it on another machine and put"),
        ("silent.pth", SHA256, r"cannot be fetched \(timed out\)"),
        ("large.pth", SHA256, r"cannot be fetched \(it has more than"),
        ("unsaid.pth", SHA256, r"cannot be fetched \(it has more than"),
    ],
)
def test_whatever_is_not_the_file_is_one_line_and_leaves_nothing(
    server, own_cache, monkeypatch, name, sha256, said
):
    monkeypatch.setattr(weights, "TIMEOUT", 0.2 if name == "silent.pth" else 60)
    if name in ("large.pth", "unsaid.pth"):
        monkeypatch.setattr(weights, "MAX_BYTES", len(CONTENT) - 1)
    with pytest.raises(UserError, match=said):
        fetch(WeightFile(name, sha256, f"{server}/{name}"))
    assert os.listdir(own_cache / "experts") == []


@pytest.mark.parametrize("name", ["net.pth", "unsaid.pth"])
def test_a_file_of_just_the_limit_is_taken(server, own_cache, monkeypatch, name):
    monkeypatch.setattr(weights, "MAX_BYTES", len(CONTENT))
    assert fetch(WeightFile(name, SHA256, f"{server}/{name}")).read_bytes() == CONTENT


def test_without_a_connection_it_says_where_the_file_belongs(own_cache, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(UserError, match=r"cannot be fetched \(.*refused\).* put it at .*net\.pth"):
        fetch(WeightFile("net.pth", SHA256, "http://127.0.0.1:1/net.pth"))

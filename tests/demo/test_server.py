"""The demo over HTTP, as a stranger would ask it: a message for each, alive, bounded."""

import io
import json
import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from PIL import Image

from demo.served import API, file_of, served
from demo.test_uploads import bomb
from idvae.demo.uploads import MAX_BYTES

pytest.importorskip("gradio", reason="the demo is drawn by gradio, the extra demo")
pytestmark = pytest.mark.slow

MORE = 500_000_000  # bytes above those of an idle server


@pytest.fixture(scope="module")
def demo():
    with served("avatars-64") as running:
        good(running)  # what is loaded once is loaded
        yield running


def png(width=40, height=30, colour=(200, 120, 90)):
    held = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(held, "PNG")
    return held.getvalue()


def reconstruct(demo, name, content):
    """Upload a file and press the button: success, and the output or the message."""
    status, path = demo.upload(name, content)
    if status != 200:
        return False, path
    return demo.press("Reconstruct", [file_of(path, name), ["Smiling"]])


def good(demo):
    """It is alive: an image of one's own comes back as a picture that can be fetched."""
    done, output = reconstruct(demo, "mine.png", png())
    assert done, output
    place = output["data"][0]["url"]
    status, _ = demo.ask(urlsplit(place).path)
    assert status == 200


def test_an_address_of_ipv6_is_served_and_is_this_machines_alone():
    try:
        with socket.socket(socket.AF_INET6) as trying:
            trying.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    with served("avatars-64", "--host", "::1") as running:
        assert running.address.startswith("http://[::1]:")
        assert running.ask("/")[0] == 200


def test_bad_uploads_get_a_message(demo):
    idle = demo.memory()
    frames = [Image.new("RGB", (20, 20), c) for c in ("red", "blue")]
    moving = io.BytesIO()
    frames[0].save(moving, "GIF", save_all=True, append_images=frames[1:])
    claims = bytearray(png())
    claims[16:24] = (20_000).to_bytes(4, "big") * 2
    for name, content, message in [
        ("text.png", b"I am text\n" * 99, "cannot be read as an image"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "cannot be read as an image"),
        ("moving.gif", moving.getvalue(), "moves or has several pages"),
        ("bomb.png", bomb(20_000, 20_000), "more than 20,000,000"),
        ("claims.png", bytes(claims), "cannot be read as an image"),
        ("<img src=x>.png", b"text", "cannot be read as an image"),
        ("large.png", b"\x89PNG" + bytes(MAX_BYTES + 1), "10"),
    ]:
        done, text = reconstruct(demo, name, content)
        assert not done, name
        assert message in text, (name, text)
        assert "/tmp" not in text
        assert "<img" not in text
        assert demo.memory() < idle + MORE, name
    good(demo)


def test_the_largest_images_that_are_taken_stay_in_bounds(demo):
    idle, most = demo.memory(), 0
    for name, mode in (("a.png", "RGBA"), ("b.webp", "RGB"), ("c.jpg", "RGB"), ("d.png", "I;16")):
        held = io.BytesIO()
        Image.new(mode, (5000, 4000)).save(held, Path(name).suffix[1:].replace("jpg", "jpeg"))
        done, text = reconstruct(demo, name, held.getvalue())
        assert done, text
        most = max(most, psutil.Process(demo.process.pid).memory_info().rss)
    high = Path(f"/proc/{demo.process.pid}/status")
    if high.is_file():  # the highest that it ever was
        (line,) = [row for row in high.read_text().splitlines() if row.startswith("VmHWM")]
        most = int(line.split()[1]) * 1024
    assert most < idle + MORE


def test_files_of_the_machine_are_not_given_away(demo):
    for path in ("/etc/passwd", str(Path(__file__).resolve()), "../../etc/passwd"):
        done, text = demo.press("Reconstruct", [file_of(path), []])
        assert not done
        assert "root:" not in str(text)
        status, text = demo.ask(f"{API}/file={path}")
        assert status in (403, 404)
        assert "root:" not in text
    good(demo)


def test_no_address_is_fetched(demo):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.settimeout(2)
        place = f"http://127.0.0.1:{listening.getsockname()[1]}/a.png"
        for value in (file_of(place), {"path": "a.png", "url": place, "meta": {}}):
            status, text, _ = demo.join("Reconstruct", [value, []])
            assert (status, "only what was uploaded" in text) == (403, True)
        with pytest.raises(TimeoutError):
            listening.accept()


def test_fifty_requests_at_once(demo):
    idle = demo.memory()
    with ThreadPoolExecutor(50) as pool:
        asked = [[seed, 1.0, 64, []] for seed in range(50)]
        answers = list(pool.map(lambda data: demo.press("Generate", data), asked))
    done = [output for success, output in answers if success]
    told = [text for success, text in answers if not success]
    assert len(done) >= 10
    assert all("queue is full" in json.loads(text)["detail"].lower() for text in told)
    assert demo.memory() < idle + MORE
    good(demo)


def test_clients_that_are_killed(demo):
    idle, at = demo.memory(), urlsplit(demo.address)
    for _ in range(5):
        with socket.create_connection((at.hostname, at.port)) as half:  # gone amid an upload
            half.sendall(
                f"POST {API}/upload HTTP/1.1\r\nHost: {at.netloc}\r\nContent-Length: 9000000\r\n"
                "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n".encode()
            )
            half.sendall(bytes(100_000))
        assert demo.join("Generate", [1, 1.0, 64, []])[0] == 200  # and never asks for the result
    assert demo.memory() < idle + MORE
    good(demo)


def test_others_are_told_that_it_is_not_for_them(demo):
    at = urlsplit(demo.address)
    with socket.create_connection((at.hostname, at.port)) as asking:
        asking.sendall(b"GET / HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: asking.recv(65536), b""))
    assert b" 421 " in answer.splitlines()[0]
    listening = [c.laddr.ip for c in psutil.Process(demo.process.pid).net_connections("inet")
                 if c.status == psutil.CONN_LISTEN]  # fmt: skip
    assert listening == ["127.0.0.1"]


def test_it_ends_when_asked_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with served("avatars-64") as running:
        good(running)
        assert [p.name.startswith("idvae-demo-") for p in tmp_path.iterdir()].count(True) == 1
        os.kill(running.process.pid, signal.SIGINT)
        text, _ = running.process.communicate(timeout=120)
        assert running.process.returncode == 0
        assert text.rstrip().endswith("stopped")
        assert not list(tmp_path.glob("idvae-demo-*"))
        running.process.poll = lambda: None  # ended as it should

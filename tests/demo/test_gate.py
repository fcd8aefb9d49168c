"""The gate before the demo's server: what goes through, and what is turned away with a line."""

import asyncio
import json
import os
import time

import pytest

from idvae.demo import gate
from idvae.demo.gate import API, KEPT_FOR, MOST_TOLD, MOST_UPLOADED, UPLOAD, Gate

HOME = [(b"host", b"127.0.0.1:7860")]


class App:
    """Takes a request whole and answers it, as Gradio's server would."""

    def __init__(self):
        self.bodies = []

    async def __call__(self, scope, receive, send):
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.bodies.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


def ask(folder, method, path, chunks=(b"",), headers=HOME, hosts=("127.0.0.1",)):
    """Status, headers, text of the answer, and the bodies that the app was given."""
    app, sent = App(), []
    waiting = [
        {"type": "http.request", "body": chunk, "more_body": i < len(chunks) - 1}
        for i, chunk in enumerate(chunks)
    ]

    async def receive():
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    asyncio.run(Gate(app, folder, hosts)(scope, receive, send))
    start, *rest = sent
    text = b"".join(message["body"] for message in rest).decode()
    return start["status"], dict(start["headers"]), text, app.bodies


def told(*data):
    return [json.dumps({"data": data, "fn_index": 0, "session_hash": "a"}).encode()]


def test_the_page_goes_through_and_is_told_to_fetch_nothing_from_elsewhere(tmp_path):
    for path in ("/", "/assets/index.js", "/static/fonts/a.woff2", f"{API}/heartbeat/x"):
        status, headers, text, _ = ask(tmp_path, "GET", path)
        assert (status, text) == (200, "ok")
        policy = headers[b"content-security-policy"].decode()
        assert policy.startswith("default-src 'self';")
        assert "http" not in policy
        assert "*" not in policy


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{API}/proxy=http://example.org/"),
        ("GET", f"{API}/info"),
        ("GET", "/monitoring"),
        ("GET", "/svelte/a.js"),
        ("POST", f"{API}/run/predict"),
        ("POST", f"{API}/call/make"),
        ("POST", f"{API}/vibe-edit"),
        ("POST", f"{API}/process_recording"),
        ("PUT", "/"),
        ("GET", f"{API}/queue/join"),
    ],
)
def test_what_the_page_does_not_need_is_not_there(tmp_path, method, path):
    status, _, text, bodies = ask(tmp_path, method, path)
    assert status == 404
    assert json.loads(text)["detail"] == "there is nothing here"
    assert bodies == []


def test_a_file_by_an_address_is_not_fetched(tmp_path):
    status, *_, bodies = ask(tmp_path, "GET", f"{API}/file=http://example.org/a.png")
    assert (status, bodies) == (403, [])


def test_another_host_is_turned_away_unless_it_listens_for_others(tmp_path):
    for host in (b"example.org", b"example.org:7860", b""):
        assert ask(tmp_path, "GET", "/", headers=[(b"host", host)])[0] == 421
    assert ask(tmp_path, "GET", "/", headers=[(b"host", b"example.org")], hosts=None)[0] == 200
    local = [(b"Host", b"[::1]:7860")]
    assert ask(tmp_path, "GET", "/", headers=local, hosts=("[::1]",))[0] == 200


@pytest.mark.parametrize("path", [UPLOAD, f"{API}/queue/join"])
def test_what_another_page_sends_is_refused(tmp_path, path):
    body = told(1) if path != UPLOAD else [b"x"]
    for origin in (b"https://example.org", b"null", b"http://127.0.0.1:1"):
        status, _, text, bodies = ask(tmp_path, "POST", path, body, [*HOME, (b"origin", origin)])
        assert (status, bodies) == (403, [])
        assert "its own page" in text
    own = [*HOME, (b"origin", b"http://127.0.0.1:7860")]
    assert ask(tmp_path, "POST", path, body, own)[0] == 200


def test_a_small_request_comes_through_as_it_was(tmp_path):
    (body,) = told({"path": "/tmp/x/a.png", "url": f"http://127.0.0.1:7860{API}/file=/tmp/x/a.png"})
    status, *_, bodies = ask(tmp_path, "POST", f"{API}/queue/join", [body[:9], body[9:]])
    assert status == 200
    assert bodies == [body]


@pytest.mark.parametrize(
    "value",
    [
        {"path": "http://example.org/a.png", "meta": {"_type": "gradio.FileData"}},
        {"path": " HTTPS://example.org/a.png"},
        {"path": "a.png", "url": "data:image/png;base64,AAAA"},
        {"path": "file:///etc/passwd"},
        {"deep": [[{"url": "ftp://example.org"}]]},
        {"path": f"http://example.org{API}/file=a.png"},
    ],
)
def test_a_request_that_names_an_address_or_holds_a_file_is_refused(tmp_path, value):
    status, _, text, bodies = ask(tmp_path, "POST", f"{API}/queue/join", told(3, value))
    assert (status, bodies) == (403, [])
    assert "only what was uploaded" in text


def test_broken_requests_are_refused(tmp_path):
    for body in (b"{", b"\xff", b"[" * 50_000):
        assert ask(tmp_path, "POST", f"{API}/queue/join", [body])[0] == 400


def test_bodies_are_bounded_whatever_they_claim(tmp_path):
    join, large = f"{API}/queue/join", b"1" * (MOST_TOLD + 1)
    claimed = [*HOME, (b"content-length", b"%d" % len(large))]
    assert ask(tmp_path, "POST", join, [large], claimed)[0] == 413
    assert ask(tmp_path, "POST", join, [large[:9], large[9:]])[0] == 413
    upload = [b"x" * MOST_UPLOADED, b"x"]
    assert ask(tmp_path, "POST", UPLOAD, upload)[0] == 413
    assert ask(tmp_path, "POST", UPLOAD, upload[:1])[0] == 200
    for length in (b"%d" % (MOST_UPLOADED + 1), b"-1", b"x"):
        lying = [*HOME, (b"content-length", length)]
        assert ask(tmp_path, "POST", UPLOAD, [b"x"], lying)[0] == 413


def test_no_upload_is_taken_when_the_folder_holds_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(gate, "MOST_KEPT", 5)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.png").write_bytes(b"123456")
    for path in (UPLOAD, f"{API}/queue/join"):
        status, _, text, _ = ask(tmp_path, "POST", path, [b"1"])
        assert status == 507
        assert "as much as it may" in text


def test_parts_of_uploads_that_broke_off_are_forgotten_after_an_hour(tmp_path):
    for name, age in (("old", KEPT_FOR + 5), ("young", KEPT_FOR - 60)):
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    assert ask(tmp_path, "POST", UPLOAD, [b"x"])[0] == 200
    assert [p.name for p in tmp_path.iterdir()] == ["young"]

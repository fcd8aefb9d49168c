"""What stands before Gradio's server: few places, small bodies, and nothing from elsewhere.

Gradio fetches what a request names by an address, decodes what it holds as base64, and serves
more than this page needs. Here a request may only name what was uploaded.
"""

import json
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from idvae.demo.uploads import MAX_BYTES

Scope = Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

API = "/gradio_api"
UPLOAD, JOIN = f"{API}/upload", f"{API}/queue/join"
GET = ("/", "/config", "/theme.css", "/favicon.ico", "/robots.txt", "/manifest.json")
GET_UNDER = (
    "/assets/", "/static/", f"{API}/theme.css", f"{API}/app_id", f"{API}/file=",
    f"{API}/heartbeat/", f"{API}/queue/data", f"{API}/startup-events", f"{API}/upload_progress",
)  # fmt: skip
POST = (UPLOAD, JOIN, f"{API}/cancel", f"{API}/reset")

MOST_TOLD = 100_000  # bytes of a request that is no upload
MOST_UPLOADED = MAX_BYTES + 10_000  # an upload, with what a form has around it
MOST_KEPT = 500_000_000  # bytes of all uploads and pictures on the disk
KEPT_FOR = 3600  # seconds that uploads and pictures stay
# Everything comes from here; scripts and styles also from the page itself.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; frame-ancestors 'none'; form-action 'self'"
)


class RefusedError(Exception):
    """A request that goes no further: a status, and a line that says why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


class Gate:
    """ASGI middleware.

    Args:
        app: Gradio's.
        folder: where Gradio keeps uploads and pictures.
        hosts: names of this machine that a request may be addressed to; None for any. A page
            elsewhere whose name was pointed here would otherwise speak as if it were ours.
    """

    def __init__(self, app: Any, folder: Path, hosts: Iterable[str] | None) -> None:
        self.app, self.folder = app, folder
        self.hosts = None if hosts is None else frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # "lifespan"; nothing here speaks by websocket
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        try:
            self.check(scope)
            if scope["method"] == "POST" and scope["path"] != UPLOAD:
                receive = replayed(await checked_body(receive))
            elif scope["method"] == "POST":
                receive = bounded(receive)
            await self.app(scope, receive, with_policy(send))
        except RefusedError as refusal:
            await answer(send, refusal)

    def check(self, scope: Scope) -> None:
        """Raises:
        RefusedError: another host, another page, a place that the page does not need, or no room.
        """
        headers = {key.decode("latin-1").lower(): value for key, value in scope["headers"]}
        address = headers.get("host", b"").decode("latin-1")
        if self.hosts is not None and address.rsplit(":", 1)[0] not in self.hosts:
            raise RefusedError(421, "this demo is for the machine that it runs on")
        method, path = scope["method"], scope["path"]
        # A browser sends some requests of any page to anywhere, and says of which.
        origin = headers.get("origin", b"").decode("latin-1")
        if method == "POST" and origin and origin.partition("://")[2] != address:
            raise RefusedError(403, "this demo is used from its own page")
        if method == "POST" and path in POST:
            length = headers.get("content-length", b"0")
            most = MOST_UPLOADED if path == UPLOAD else MOST_TOLD
            if not length.isdigit() or int(length) > most:
                raise RefusedError(413, too_large())
            if path in (UPLOAD, JOIN):
                forget(self.folder)
                if size_of(self.folder) > MOST_KEPT:
                    words = "the demo holds as much as it may; wait, or start it anew"
                    raise RefusedError(507, words)
            return
        if method in ("GET", "HEAD") and (path in GET or path.startswith(GET_UNDER)):
            if path.startswith(f"{API}/file=") and "://" in path:
                raise RefusedError(403, "only what was uploaded here")
            return
        raise RefusedError(404, "there is nothing here")


async def checked_body(receive: Receive) -> bytes:
    """The whole body of a small request.

    Raises:
        RefusedError: too large, or it names an address or holds a file.
    """
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":  # the client has gone
            raise RefusedError(400, "the request broke off")
        body += message.get("body", b"")
        if len(body) > MOST_TOLD:
            raise RefusedError(413, too_large())
        if not message.get("more_body"):
            break
    try:
        told = json.loads(body or b"null")
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, "no JSON") from error
    if any(_is_elsewhere(*place) for place in _places(told)):
        raise RefusedError(403, "only what was uploaded here")
    return body


def _places(value: Any) -> Iterable[tuple[str, str]]:
    """The keys by which Gradio finds files, each with what it names, at any depth."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield from ((key, str(value[key])) for key in ("path", "url") if value.get(key))
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _is_elsewhere(key: str, text: str) -> bool:
    """Whether it is an address or a file itself.

    A `url` may be one where a file of this page is shown: Gradio only ever gives it back. What
    `path` names it fetches.
    """
    start = text.strip().lower()
    if start.startswith("data:"):
        return True
    return "://" in start and (key == "path" or f"{API}/file=" not in start)


def bounded(receive: Receive) -> Receive:
    """The same body, as long as it is no larger than an upload may be, whatever it claimed."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MOST_UPLOADED:
            raise RefusedError(413, too_large())
        return message

    return counted


def replayed(body: bytes) -> Receive:
    """A body that was read, to be read again."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return again


def with_policy(send: Send) -> Send:
    """Tell the browser to fetch nothing from elsewhere, whatever the page asks for."""

    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            extra = {
                b"content-security-policy": POLICY.encode(),
                b"referrer-policy": b"no-referrer",
                b"x-content-type-options": b"nosniff",
            }
            message["headers"] = [*message.get("headers", []), *extra.items()]
        await send(message)

    return told


async def answer(send: Send, refusal: RefusedError) -> None:
    body = json.dumps({"detail": refusal.why}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def too_large() -> str:
    return f"too large; an image has at most {MAX_BYTES / 1e6:.0f} MB"


def size_of(folder: Path) -> int:
    """Bytes of all files under a folder, some of which may go meanwhile."""
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.stat().st_size
        except OSError:
            continue
    return total


def forget(folder: Path) -> None:
    """Remove parts of uploads that broke off; Gradio itself forgets what came through."""
    for file in folder.iterdir():
        with suppress(OSError):
            if file.is_file() and file.stat().st_mtime < time.time() - KEPT_FOR:
                file.unlink()

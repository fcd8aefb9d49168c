"""An HTTP server of a folder that fails as networks do, a given number of times a file."""

import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FAULTS = ("503", "short", "silent", "stalled", "closed")


class Faulty:
    """What is served, how it fails, and what was asked for.

    Attributes:
        folder: what is served.
        faults: taken in turn by the answers of each file, before it is given whole.
        ranges: whether parts of files are given.
        asked: (name, first byte) of each request.
    """

    def __init__(self, folder, faults=(), ranges=True, silence=3.0):
        self.folder, self.faults, self.ranges, self.silence = folder, list(faults), ranges, silence
        self.asked, self.answers = [], Counter()

    def answer(self, handler):
        name = handler.path.rpartition("/")[2]
        given = handler.headers.get("Range", "")
        first = int(given.removeprefix("bytes=").rstrip("-")) if given and self.ranges else 0
        self.asked.append((name, first))
        number, self.answers[name] = self.answers[name], self.answers[name] + 1
        fault = self.faults[number] if number < len(self.faults) else None
        file = self.folder / name
        if fault == "closed":
            handler.close_connection = True
            return
        if fault == "silent":
            time.sleep(self.silence)
            handler.close_connection = True
            return
        if fault == "503" or not file.is_file():
            handler.send_response(503 if fault else 404)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        body = file.read_bytes()
        handler.send_response(206 if first else 200)
        if first:
            handler.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
        body = body[first:]
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if fault in ("short", "stalled"):
            handler.wfile.write(body[: len(body) // 2])
            handler.wfile.flush()
            if fault == "stalled":
                time.sleep(self.silence)
            handler.close_connection = True
            return
        handler.wfile.write(body)


@contextmanager
def served(faulty):
    """The address at which it is served."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            try:
                faulty.answer(self)
            except ConnectionError:  # who asked did not wait
                self.close_connection = True

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/set"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

"""The demo as users start it: a process of its own, asked over HTTP as the page asks it."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from contextlib import contextmanager

import psutil

API = "/gradio_api"
# Never through a proxy that the environment may name.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Served:
    """A running demo.

    Attributes:
        process: of `idvae demo`.
        address: of its page.
    """

    def __init__(self, process, address):
        self.process, self.address = process, address

    def ask(self, path, body=None, kind="application/json", timeout=120):
        """Status and text of a GET, or of a POST with a body."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, body, {"Content-Type": kind})
        try:
            with DIRECT.open(request, timeout=timeout) as answer:
                return answer.status, answer.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode("utf-8", "replace")

    def upload(self, name, content):
        """Status, and the path that the server gave to the file, or its message."""
        edge = uuid.uuid4().hex
        head = (
            f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
        )
        body = head.encode() + content + f"\r\n--{edge}--\r\n".encode()
        status, text = self.ask(f"{API}/upload", body, f"multipart/form-data; boundary={edge}")
        return status, json.loads(text)[0] if status == 200 else text

    def join(self, label, data):
        """Queue what a button does; status, text of the answer, and the session."""
        session = uuid.uuid4().hex[:12]
        body = {"data": data, "fn_index": self.function_of(label), "session_hash": session}
        return *self.ask(f"{API}/queue/join", body), session

    def press(self, label, data):
        """Queue what a button does and wait; whether it succeeded, and its output or message."""
        status, text, session = self.join(label, data)
        if status != 200:
            return False, text
        return self.result(session)

    def result(self, session):
        """Whether the request of a session succeeded, and its output or message."""
        place = f"{self.address}{API}/queue/data?session_hash={session}"
        with DIRECT.open(place, timeout=300) as answer:
            for line in answer:
                if line.startswith(b"data:"):
                    told = json.loads(line[5:])
                    if told["msg"] == "process_completed":
                        output = told["output"]
                        return told["success"], output if told["success"] else output["error"]
        raise AssertionError("the stream ended without a result")

    def function_of(self, label):
        """The number of what a button of that label does when it is clicked."""
        if not hasattr(self, "config"):
            self.config = json.loads(self.ask("/config")[1])
        buttons = [c["id"] for c in self.config["components"] if c["props"].get("value") == label]
        for dependency in self.config["dependencies"]:
            if [buttons[0], "click"] in [list(target) for target in dependency["targets"]]:
                return dependency["id"]
        raise AssertionError(f"no button {label}")

    def memory(self):
        """Bytes that the process holds."""
        return psutil.Process(self.process.pid).memory_info().rss


@contextmanager
def served(*arguments, limit=400):
    """`idvae demo` with these arguments, until the context ends; then it ends by itself."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GRADIO_")}
    command = [sys.executable, "-m", "idvae", "demo", *map(str, arguments)]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        until, lines = time.monotonic() + limit, []
        while time.monotonic() < until:
            line = process.stdout.readline()
            lines.append(line)
            if found := re.search(r"http://\S+", line):
                break
            assert line, "".join(lines)
        yield Served(process, found[0])
        assert process.poll() is None, process.stdout.read()
    finally:
        process.terminate()
        process.communicate(timeout=60)


def file_of(path, name="a.png"):
    """How a request names an uploaded file."""
    return {"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}
